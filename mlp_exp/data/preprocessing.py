"""Preprocessing of features and targets, fitted on the training part alone.

An input row of the network has the scaled numbers; their ranks, if asked for; an indicator for each number that has
missing values in the training part; one-hot columns of the categories with few values; the numbers of each column of
texts; and, for each category with many values, an integer: the row in the table of learned embeddings.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mlp_exp.data.dataset import Category, Dataset, TextColumn
from mlp_exp.data.scaler import LARGEST, Scaler
from mlp_exp.data.splits.base import Rows
from mlp_exp.data.statistics import Floats, mean_and_scale, quantile, quantiles
from mlp_exp.data.target_scaling import TargetScaling
from mlp_exp.data.text.encoder import TextEncoder
from mlp_exp.data.text.fit import fit_texts, wanted_scores
from mlp_exp.data.vocabulary import Vocabulary
from mlp_exp.errors import DataError

Scaling = Literal["none", "standard", "robust", "quantile"]
QUANTILES = 1000
FIT_VALUES = 2**23
"""Numbers that are processed at once, so that a wide table is not copied as a whole."""


@dataclass(frozen=True)
class Preprocessing:
    """Transforms features into inputs of the network; fitted by `Preprocess.fit`.

    Attributes:
        ranks: whether the rank of each number is an input, too.
        indicators: indices of the numbers that have a missing-value indicator.
        embedding_width: of each embedded category.
        texts: for each column of texts.
        embed_ranks: whether ranks are numbers, too, to a network that embeds its numbers.
    """

    numbers: Scaler
    ranks: bool
    indicators: tuple[int, ...]
    vocabularies: tuple[Vocabulary, ...]
    embedding_width: int
    target: TargetScaling
    texts: tuple[TextEncoder, ...] = ()
    embed_ranks: bool = False

    @property
    def embedded(self) -> list[Vocabulary]:
        return [vocabulary for vocabulary in self.vocabularies if vocabulary.embedded]

    @property
    def embedding_starts(self) -> list[int]:
        """First row of each embedded category in the table of embeddings, followed by the number of rows."""
        return [0, *np.cumsum([vocabulary.size for vocabulary in self.embedded], dtype=int).tolist()]

    @property
    def never_trained(self) -> list[int]:
        """Rows of the table of embeddings that do not occur in the training part."""
        pairs = zip(self.embedding_starts, self.embedded, strict=False)
        return [start + code for start, vocabulary in pairs for code in vocabulary.never_trained]

    @property
    def numbers_width(self) -> int:
        """How many of the inputs, the first ones, a network takes for numbers: scaled ones, and perhaps their ranks."""
        return len(self.numbers.fill) * (1 + self.embed_ranks)

    @property
    def inputs_width(self) -> int:
        """Width W of the inputs."""
        numbers = len(self.numbers.fill) * (1 + self.ranks) + len(self.indicators)
        numbers += sum(encoder.width for encoder in self.texts)
        return numbers + sum(1 if v.embedded else len(v.one_hot_codes) for v in self.vocabularies)

    @property
    def places(self) -> list[list[int]]:
        """The inputs that are made from each feature: of the numbers, then of the categories, then of the texts."""
        count = len(self.numbers.fill)
        found = [[column, count + column] if self.ranks else [column] for column in range(count)]
        place = count * (1 + self.ranks)
        for column in self.indicators:
            found[column].append(place)
            place += 1
        parts: dict[int, list[int]] = {}
        widths = [0 if v.embedded else len(v.one_hot_codes) for v in self.vocabularies]
        for number, width in enumerate([*widths, *(encoder.width for encoder in self.texts)]):
            parts[number] = list(range(place, place + width))
            place += width
        for number, vocabulary in enumerate(self.vocabularies):
            if vocabulary.embedded:
                parts[number] = [place]
                place += 1
        return found + list(parts.values())

    def encoded(self, texts: Sequence[TextColumn]) -> list[NDArray[np.float32]]:
        """Columns of texts as numbers, one array `[N, …]` each: slow, a second for some million characters."""
        return [encoder.numbers(column.values) for encoder, column in zip(self.texts, texts, strict=True)]

    def inputs(
        self, features: Floats, categories: Sequence[Category] = (), encoded: Sequence[NDArray[np.float32]] = ()
    ) -> NDArray[np.float32]:
        """Features `[N, F]`, categories and `encoded` texts as inputs `[N, W]` of the network."""
        one_hot = [v.one_hot(c) for v, c in zip(self.vocabularies, categories, strict=True) if not v.embedded]
        count = features.shape[1]
        inputs = np.empty((len(features), self.inputs_width), dtype=np.float32)
        for column in range(count):
            # beyond the range of float32, the largest float32 takes its place
            inputs[:, column] = self.numbers.scaled(column, features[:, column]).clip(-LARGEST, LARGEST)
            if self.ranks:
                inputs[:, count + column] = self.numbers.rank(column, features[:, column])
        place = count * (1 + self.ranks)
        for column in self.indicators:
            inputs[:, place] = np.isnan(features[:, column])
            place += 1
        for part in (*one_hot, *encoded):
            inputs[:, place : place + part.shape[1]] = part
            place += part.shape[1]
        embedded = [(v, c) for v, c in zip(self.vocabularies, categories, strict=True) if v.embedded]
        for start, (vocabulary, category) in zip(self.embedding_starts, embedded, strict=False):
            inputs[:, place] = start + vocabulary.codes(category)
            place += 1
        return inputs

    def state(self) -> dict[str, Any]:
        """Plain numbers, texts and lists, to be saved with the model."""
        arrays = {name: value for name, value in vars(self.numbers).items() if value is not None}
        return {
            "numbers": {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in arrays.items()},
            "ranks": self.ranks,
            "indicators": list(self.indicators),
            "categories": [{**vars(v), "texts": list(v.texts)} for v in self.vocabularies],
            "embedding_width": self.embedding_width,
            "target": self.target.state(),
            "texts": [encoder.state() for encoder in self.texts],
            "embed_ranks": self.embed_ranks,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Preprocessing":
        """Restores what `state` returned."""
        numbers: dict[str, Any] = {k: np.array(v) if isinstance(v, list) else v for k, v in state["numbers"].items()}
        return cls(
            Scaler(**numbers),
            state["ranks"],
            tuple(state["indicators"]),
            tuple(Vocabulary(**{**v, "texts": tuple(v["texts"])}) for v in state["categories"]),
            state["embedding_width"],
            TargetScaling.from_state(state["target"]),
            tuple(map(TextEncoder.from_state, state.get("texts", ()))),
            state.get("embed_ranks", False),
        )


@dataclass(frozen=True)
class Preprocess:
    """Options of preprocessing.

    Attributes:
        scaling: of numbers. `none`; `standard`: mean 0, standard deviation 1; `robust`: median 0, interquartile range
            1, outliers smoothly clipped to ±3 (Holzmüller et al., 2024); `quantile`: the normal quantile of the rank.
        ranks: adds the rank of each number as an input, which depends neither on its unit nor on heavy tails.
        distinct_ranks: whether ranks are among the distinct values, so that frequent ones do not stand out.
        embed_ranks: whether a network that embeds its numbers embeds their ranks, if there are any, as well.
        one_hot_max: a category with more distinct values in the training part gets learned embeddings.
        embedding_width: of such a category.
        text_width: topics of each column of texts, beside its scores.
        log_target: whether a regression learns log(1 + target), for skewed targets above -1.
    """

    scaling: Scaling = "standard"
    ranks: bool = False
    distinct_ranks: bool = False
    embed_ranks: bool = False
    one_hot_max: int = 64
    embedding_width: int = 8
    log_target: bool = False
    text_width: int = 32

    def fit(self, dataset: Dataset, train: Rows) -> Preprocessing:
        """Fits all statistics on the training part, whose rows have weights above 0 if they have any.

        A row of weight w counts as w rows do; only texts count all rows alike.

        Raises:
            DataError: a target of -1 or less has no logarithm.
        """
        features = dataset.features
        weights = dataset.weights_of(train)
        step = max(1, FIT_VALUES // len(train))
        blocks = [features[train, start : start + step] for start in range(0, features.shape[1], step)]
        none = np.zeros(0)
        fitted = [self._fit_numbers(block, weights) for block in blocks] or [(none, none, none, np.zeros((1, 0)))]
        fill, shift, scale, kept = (np.concatenate(part, axis=-1) for part in zip(*fitted, strict=True))
        normal = self.scaling == "quantile"
        indicators = np.flatnonzero([np.isnan(column[train]).any() for column in features.T])
        target = self._fit_target(dataset, train, weights)
        return Preprocessing(
            Scaler(fill, shift, scale, self.scaling == "robust", normal, kept if normal or self.ranks else None),
            self.ranks,
            tuple(indicators.tolist()),
            tuple(self._fit_category(category, train) for category in dataset.categories),
            self.embedding_width,
            target,
            self._fit_texts(dataset, train, target),
            self.ranks and self.embed_ranks,
        )

    def _fit_numbers(self, values: Floats, weights: Floats | None) -> tuple[Floats, Floats, Floats, Floats]:
        """Fill, shift and scale `[F]` and quantiles `[Q, F]` of training values `[n, F]` with weights `[n]`."""
        rows, count = values.shape
        missing = np.isnan(values)
        fill = _medians(np.where(missing.all(axis=0), 0.0, values), weights)
        filled = np.where(missing, fill, values)
        low, high = filled.min(axis=0), filled.max(axis=0)
        shift, scale, kept = np.zeros(count), np.ones(count), np.zeros((1, count))
        if self.scaling == "standard":
            shift, scale = mean_and_scale(filled, weights)
        elif self.scaling == "robust":
            low_quartile, shift, high_quartile = quantile(filled, [0.25, 0.5, 0.75], weights)
            spread = high_quartile - low_quartile
            scale = np.where(spread > 0, spread, (high - low) / 2)  # most values are equal
        if self.scaling == "quantile" or self.ranks:
            if weights is not None:
                rows = max(rows, round(weights.sum()))
            kept = self._fit_ranks(filled, min(int(np.clip(rows // 30, 10, QUANTILES)), rows), weights)
        if self.scaling != "none":
            shift, scale = np.where(low == high, low, shift), np.where(low == high, np.inf, scale)
        return fill, shift, scale, kept

    def _fit_ranks(self, values: Floats, count: int, weights: Floats | None) -> Floats:
        """Quantiles `[count, F]` of training values `[n, F]`, or of the distinct ones of each column."""
        if not self.distinct_ranks:
            return quantiles(values, count, weights)
        return np.concatenate([quantiles(np.unique(column)[:, None], count) for column in values.T], axis=1)

    def _fit_category(self, category: Category, train: Rows) -> Vocabulary:
        codes = np.unique(category.codes[train])
        texts = tuple(category.texts[code] for code in codes if code >= 0)
        return Vocabulary(category.name, texts, bool((codes < 0).any()), len(texts) > self.one_hot_max)

    def _fit_texts(self, dataset: Dataset, train: Rows, target: TargetScaling) -> tuple[TextEncoder, ...]:
        if not dataset.texts:
            return ()
        own = dataset.target[train]
        wanted = wanted_scores(own if dataset.has_classes else target.scaled(own), len(dataset.class_names))
        return tuple(fit_texts(column, train, wanted, self.text_width) for column in dataset.texts)

    def _fit_target(self, dataset: Dataset, train: Rows, weights: Floats | None) -> TargetScaling:
        if dataset.has_classes:
            if self.log_target:
                raise DataError(
                    f"preprocess.log_target: '{dataset.targets[0].name}' has classes; it is for a regression"
                )
            return TargetScaling()
        if self.log_target and (lowest := dataset.target.min()) <= -1:
            place, column = divmod(int(dataset.target.argmin()), len(dataset.targets))
            raise DataError(
                f"preprocess.log_target: '{dataset.targets[column].name}', row {dataset.source_rows[place]}, from 0: "
                f"found {lowest:g}; log(1 + target) needs targets above -1"
            )
        return TargetScaling.fit(dataset.target[train], log=self.log_target, weights=weights)


def _medians(values: Floats, weights: Floats | None) -> Floats:
    """Of the numbers of each column `[n, F]` that are not missing."""
    medians: Floats
    if weights is None:
        medians = np.nanmedian(values, axis=0)
        return medians
    medians = quantile(values, [0.5], weights[:, None] * ~np.isnan(values))[0]
    return medians

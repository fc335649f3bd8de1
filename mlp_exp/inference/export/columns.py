"""Raw columns as numeric features and codes, the work of a `FeatureSchema`, in operations that ONNX has, too."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from mlp_exp.data.vocabulary import FIRST, MISSING, UNSEEN, Vocabulary
from mlp_exp.inference.export.dates import PARTS, waves
from mlp_exp.inference.export.normal_quantile import double
from mlp_exp.inference.export.raw_columns import MISSING_PLACE, UNSEEN_PLACE, RawColumns, is_seconds
from mlp_exp.inference.trained_run import TrainedRun

NAN = double(math.nan)


class Columns(nn.Module):
    """Raw numbers as the features of one run, or of several that read columns in the same way."""

    numbers: Tensor | None
    dates: Tensor | None
    order: Tensor | None
    can_be_missing: Tensor
    missing: Tensor | None
    missing_days: Tensor | None
    are_dates: Tensor

    def __init__(self, raw: RawColumns, run: TrainedRun) -> None:
        super().__init__()
        own, names = [c for c in run.columns if c.kind != "category"], [column.name for column in raw.numbers]
        self._add("numbers", [names.index(column.name) for column in own])
        dates = [place for place, column in enumerate(own) if column.parts]
        self._add("dates", dates)
        self.parts = [part for part in PARTS if any(part in column.parts for column in own)]
        order = []
        for place, column in enumerate(own):
            order.append(place)
            for part in column.parts:
                wave = len(own) + 2 * (len(dates) * self.parts.index(part) + dates.index(place))
                order += [wave, wave + 1]
        self._add("order", order)
        self._add("missing", run.feature_schema.format.missing_numbers)
        self._add("missing_days", run.feature_schema.format.missing_days)
        self._add("are_dates", [column.kind == "date" for column in own])
        self._add("can_be_missing", [column.kind == "number" and not is_seconds(column) for column in own])

    def _add(self, name: str, values: Sequence[float]) -> None:
        self.register_buffer(name, _buffer(values))

    def forward(self, numbers: Tensor | None) -> Tensor | None:
        """Numbers `[B, R]` float64, finite or NaN where missing → features `[B, F]`; None where no run, or not this
        one, has numbers.
        """
        if numbers is None or self.numbers is None:
            return None
        own = numbers[:, self.numbers]
        if self.missing is not None:
            is_word = (own[..., None] == self.missing).any(dim=2)
            own = torch.where(is_word & self.can_be_missing, NAN, own)
        if self.missing_days is not None:
            is_day = (own.floor()[..., None] == self.missing_days).any(dim=2)
            own = torch.where(is_day & self.are_dates, NAN, own)
        if self.dates is None:
            return own
        return torch.cat([own, waves(own[:, self.dates], self.parts)], dim=1)[:, self.order]


class Codes(nn.Module):
    """Raw categories as codes of the vocabularies of one run, or of several with the same preprocessing.

    Runs that read columns in the same way may differ here: each has seen the texts of its own training part.
    """

    categories: Tensor | None
    sizes: Tensor
    starts: Tensor
    codes: Tensor

    def __init__(self, raw: RawColumns, run: TrainedRun) -> None:
        super().__init__()
        vocabularies, names = run.preprocessing.vocabularies, [column.name for column in raw.categories]
        places = [names.index(vocabulary.name) for vocabulary in vocabularies]
        missing = set(run.feature_schema.format.all_missing)
        tables = [_codes(raw.texts[place], v, missing) for place, v in zip(places, vocabularies, strict=True)]
        for name, values in (
            ("categories", places),
            ("sizes", [len(table) for table in tables]),
            ("starts", [sum(map(len, tables[:place])) for place in range(len(tables))]),
            ("codes", [code for table in tables for code in table]),
        ):
            self.register_buffer(name, _buffer(values))

    def forward(self, categories: Tensor | None) -> Tensor | None:
        """Places `[B, S]` int64 in the texts of each category → codes `[B, C]`; None where no run, or not this one,
        has categories.

        A place is `MISSING_PLACE`, or that of a text; any other number stands for an unseen text.
        """
        if categories is None or self.categories is None:
            return None
        rows = categories[:, self.categories] - UNSEEN_PLACE
        rows = torch.where((rows >= 0) & (rows < self.sizes), rows, 0)
        return self.codes[rows + self.starts]


def _buffer(values: Sequence[float]) -> Tensor | None:
    """Integers, booleans or float64 numbers; an archive needs no empty ones."""
    return torch.from_numpy(np.array(values)) if len(values) else None


def _codes(texts: Sequence[str], vocabulary: Vocabulary, missing: set[str]) -> list[int]:
    """The code of an unseen text, of a missing one, and of each of these texts, at its place - `UNSEEN_PLACE`."""
    assert (UNSEEN_PLACE, MISSING_PLACE) == (-2, -1)
    known = {text: FIRST + place for place, text in enumerate(vocabulary.texts)} | dict.fromkeys(missing, MISSING)
    return [UNSEEN, MISSING, *(known.get(text, UNSEEN) for text in texts)]

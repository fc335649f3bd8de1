"""Runs as one module, from raw columns to the mean of their predictions: the content of an exported file.

It uses operations that ONNX has, too, and computes in float64 up to the network, as NumPy does.
"""

import copy
import math

import numpy as np
import torch
from torch import Tensor, nn

from mlp_exp.data.preprocessing import Preprocessing
from mlp_exp.data.scaler import LARGEST, SMOOTH_CLIP, Scaler
from mlp_exp.data.statistics import Floats
from mlp_exp.inference.ensemble import Ensemble
from mlp_exp.inference.export.columns import Codes, Columns
from mlp_exp.inference.export.normal_quantile import double, normal_quantile
from mlp_exp.inference.export.raw_columns import RawColumns
from mlp_exp.inference.trained_run import TrainedRun
from mlp_exp.tasks.regression import DistributionRegression

THRESHOLD = 1e-7
"""As in scikit-learn's quantile transformer: a number this near an end of the training range counts as that end."""
NEAR_END = double(THRESHOLD)
LOWEST, HIGHEST = double(THRESHOLD - np.spacing(1)), double(1 - (THRESHOLD - np.spacing(1)))
SQRT_3 = double(math.sqrt(3))


class Ranks(nn.Module):
    """Ranks among the training part, as scikit-learn's QuantileTransformer computes them.

    The quantiles `[Q, F]`, each column in ascending order, are kept with their negatives in the opposite order beside
    them, so that one search finds both neighbours of a value.
    """

    quantiles: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, quantiles: Floats) -> None:
        super().__init__()
        count = len(quantiles)
        self.last = count - 1
        self.steps = [2**bit for bit in reversed(range(count.bit_length()))]
        both = np.concatenate([quantiles, -quantiles[::-1]], axis=1)
        padding = np.full((sum(self.steps) - count, both.shape[1]), np.inf)
        self.register_buffer("quantiles", torch.from_numpy(np.concatenate([both, padding])))
        self.register_buffer("low", torch.tensor(quantiles[0]))
        self.register_buffer("high", torch.tensor(quantiles[-1]))

    def forward(self, values: Tensor) -> Tensor:
        """Values `[B, F]` → fraction of the training part below each `[B, F]`; the middle one among equal values."""
        both = torch.cat([values, -values], dim=1)
        places = self._last_up_to(both).clamp(0, self.last)
        nearest = self.quantiles.gather(0, places)
        # of the quantiles on both sides; where the value is one of them, its first and last place
        below, from_top = places.chunk(2, dim=1)
        start, end = nearest.chunk(2, dim=1)
        above, end = self.last - from_top, -end
        between = start < end
        step = torch.where(between, (above - below) / torch.where(between, end - start, 1.0), 0.0)
        return (below + (values - start) * step + above - (end - values) * step) / (2 * self.last)

    def _last_up_to(self, values: Tensor) -> Tensor:
        """Row of the last quantile up to each value, or -1; by bisection: a comparison with all takes `[B, F, Q]`."""
        places = torch.full_like(values, -1, dtype=torch.int64)
        for step in self.steps:
            further = places + step
            places = torch.where(self.quantiles.gather(0, further) <= values, further, places)
        return places

    def uniform(self, fractions: Tensor, values: Tensor) -> Tensor:
        """Ranks as uniform numbers in [0, 1]."""
        return self._bounded(fractions, values <= self.low, values >= self.high)

    def normal(self, fractions: Tensor, values: Tensor) -> Tensor:
        """Ranks as standard normal numbers, within ±5.2."""
        bounded = self._bounded(fractions, values - NEAR_END < self.low, values + NEAR_END > self.high)
        return normal_quantile(bounded.clamp(LOWEST, HIGHEST))

    def _bounded(self, fractions: Tensor, lowest: Tensor, highest: Tensor) -> Tensor:
        bounded = torch.where(lowest, 0.0, torch.where(highest, 1.0, fractions))
        return torch.where(self.low == self.high, 0.5, bounded)  # constant


class Numbers(nn.Module):
    """Fills and scales numbers as a `Scaler` does."""

    fill: Tensor
    shift: Tensor
    scale: Tensor

    def __init__(self, scaler: Scaler, *, ranks: bool) -> None:
        super().__init__()
        for name in ("fill", "shift", "scale"):
            self.register_buffer(name, torch.tensor(getattr(scaler, name)))
        self.clips = scaler.clips
        self.normal = scaler.normal
        self.with_ranks = ranks
        self.ranks = None if scaler.quantiles is None else Ranks(scaler.quantiles)

    def forward(self, numbers: Tensor) -> Tensor:
        """`[B, F]` → `[B, F]`, or `[B, 2 F]` with the ranks; float64, within what a float32 holds."""
        values = torch.where(numbers.isnan(), self.fill, numbers)
        fractions = values if self.ranks is None else self.ranks(values)
        if self.ranks is not None and self.normal:
            scaled = self.ranks.normal(fractions, values)
        else:
            scaled = (values - self.shift) / self.scale
        scaled = scaled.clamp(-LARGEST, LARGEST)
        if self.clips:
            scaled = scaled / (1 + (scaled / SMOOTH_CLIP).square()).sqrt()
        if self.ranks is None or not self.with_ranks:
            return scaled
        return torch.cat([scaled, (2 * self.ranks.uniform(fractions, values) - 1) * SQRT_3], dim=1)


class Inputs(nn.Module):
    """`Preprocessing.inputs` as a module; takes a few times the memory of the numbers, however many the quantiles."""

    indicators: Tensor | None

    def __init__(self, preprocessing: Preprocessing) -> None:
        super().__init__()
        has_numbers = len(preprocessing.numbers.fill) > 0
        self.numbers = Numbers(preprocessing.numbers, ranks=preprocessing.ranks) if has_numbers else None
        indicators = torch.tensor(preprocessing.indicators, dtype=torch.int64)
        self.register_buffer("indicators", indicators if len(indicators) else None)  # an archive needs no empty ones
        places = list(enumerate(preprocessing.vocabularies))
        self.one_hot = [place for place, vocabulary in places if not vocabulary.embedded]
        embedded = [place for place, vocabulary in places if vocabulary.embedded]
        self.embedded = list(zip(preprocessing.embedding_starts, embedded, strict=False))
        for place in self.one_hot:
            codes = torch.tensor(preprocessing.vocabularies[place].one_hot_codes, dtype=torch.int64)
            self.register_buffer(f"one_hot_{place}", codes)

    def forward(self, numbers: Tensor | None, codes: Tensor | None) -> Tensor:
        """The network's rows `[B, W]`, float32.

        Args:
            numbers: `[B, F]` float64, finite or NaN where missing; None where the run has none.
            codes: `[B, C]` int64, as of the vocabularies; None where the run has none.
        """
        parts: list[Tensor] = []
        if numbers is not None and self.numbers is not None:
            parts.append(self.numbers(numbers).float())
            if self.indicators is not None:
                parts.append(numbers[:, self.indicators].isnan().float())
        if codes is not None:
            parts += [(codes[:, place, None] == self.get_buffer(f"one_hot_{place}")).float() for place in self.one_hot]
            parts += [(start + codes[:, place, None]).float() for start, place in self.embedded]
        return torch.cat(parts, dim=1)


class Prediction(nn.Module):
    """The network of a run, and what it predicts: preprocessed rows `[B, W]` → float64 as of `outputs_of_inputs`."""

    scale: Tensor
    shift: Tensor
    low: Tensor | None
    high: Tensor | None

    def __init__(self, run: TrainedRun) -> None:
        super().__init__()
        self.network = copy.deepcopy(run.module)  # so that the run's own is left as it is
        self.head = run.head
        scaling = run.head.scaling
        for name in ("scale", "shift", "low", "high"):
            value = getattr(scaling, name)
            self.register_buffer(name, None if value is None else double(value))

    def forward(self, rows: Tensor) -> Tensor:
        """As `Task.in_unit` computes it."""
        predicted = self.head.predict(self.network(rows)).double()
        if self.head.task.has_classes:
            return predicted
        if isinstance(self.head.task, DistributionRegression):
            mean, deviation = predicted.chunk(2, dim=1)
            return torch.cat([self._unit(mean), deviation * self.scale], dim=1)
        return self._unit(predicted)

    def _unit(self, scaled: Tensor) -> Tensor:
        """As `TargetScaling.unit` computes it."""
        values = scaled * self.scale + self.shift
        values = values.expm1() if self.head.scaling.log else values
        return values if self.low is None else values.clamp(self.low, self.high)


class Deployed(nn.Module):
    """The runs of an ensemble; preprocessing that several of them share is done once."""

    weights: Tensor

    def __init__(self, raw: RawColumns, ensemble: Ensemble) -> None:
        super().__init__()
        self.columns, self.codes = nn.ModuleList(), nn.ModuleList()
        self.inputs, self.predictions = nn.ModuleList(), nn.ModuleList()
        self.sources: list[int] = []  # for each of the inputs the place of its columns
        self.rows: list[int] = []  # for each prediction the place of its inputs
        for same_columns in ensemble.groups:
            self.columns.append(Columns(raw, same_columns[0][0]))
            for same_inputs in same_columns:
                self.codes.append(Codes(raw, same_inputs[0]))
                self.inputs.append(Inputs(same_inputs[0].preprocessing))
                self.sources.append(len(self.columns) - 1)
                self.predictions.extend(Prediction(run) for run in same_inputs)
                self.rows += [len(self.inputs) - 1] * len(same_inputs)
        self.register_buffer("weights", double(np.array(ensemble.weights)[:, None, None]))
        self.task = ensemble.task
        self.requires_grad_(False).eval()

    def forward(self, numbers: Tensor | None = None, categories: Tensor | None = None) -> Tensor:
        """Raw columns as of `Columns` and `Codes` → what `Output` describes."""
        features = [columns(numbers) for columns in self.columns]
        parts = zip(self.inputs, self.sources, self.codes, strict=True)
        rows = [inputs(features[place], codes(categories)) for inputs, place, codes in parts]
        outputs = [predict(rows[place]) for predict, place in zip(self.predictions, self.rows, strict=True)]
        mean = self._mean(torch.stack(outputs))
        if self.task.has_classes:
            return mean.float()
        return mean.squeeze(1) if self.task.answers_width == 1 else mean

    def _mean(self, outputs: Tensor) -> Tensor:
        """As `Task.mean` computes it, of K runs `[K, B, A]`."""
        if not isinstance(self.task, DistributionRegression):
            return self._total(outputs)
        means, deviations = outputs.chunk(2, dim=2)
        mean = self._total(means)
        variance = self._total(deviations.square() + (means - mean).square())
        return torch.cat([mean, variance.sqrt()], dim=1)

    def _total(self, values: Tensor) -> Tensor:
        """The weighted mean over runs of `[K, B, A]`."""
        return (values * self.weights).sum(dim=0)

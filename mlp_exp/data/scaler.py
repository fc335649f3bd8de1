"""Scaling of numeric features, fitted on the training part."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from mlp_exp.data.statistics import Floats, ranks

LARGEST = float(np.finfo(np.float32).max)
SMOOTH_CLIP = 3.0
"""Smooth clipping of `robust` scaling: z / √(1 + (z / 3)²) stays within ±3 (Holzmüller et al., 2024)."""


@dataclass(frozen=True)
class Scaler:
    """Imputes and scales the numbers `[N, F]`.

    Attributes:
        fill: `[F]`, replaces missing numbers: the median of the training part.
        shift, scale: `[F]`: `(value - shift) / scale`; an infinite scale makes a constant column 0.
        clips: whether outliers are smoothly clipped to ±3.
        normal: whether a number becomes the normal quantile of its rank instead.
        quantiles: `[Q, F]` of the training part; None if no ranks are needed.
    """

    fill: Floats
    shift: Floats
    scale: Floats
    clips: bool = False
    normal: bool = False
    quantiles: Floats | None = None

    def scaled(self, index: int, values: Floats) -> Floats:
        """Column `index` `[N]`, imputed and scaled."""
        if self.normal:
            return self._rank(index, values, "normal")
        with np.errstate(over="ignore"):  # clipped later
            scaled: Floats = (self._filled(index, values) - self.shift[index]) / self.scale[index]
        if self.clips:
            scaled = scaled.clip(-LARGEST, LARGEST)  # so that the square is finite in float64
            scaled = scaled / np.sqrt(1 + (scaled / SMOOTH_CLIP) ** 2)
        return scaled

    def rank(self, index: int, values: Floats) -> Floats:
        """Ranks of column `index` `[N]` in the training part, uniform on ±√3, which has variance 1."""
        ranks: Floats = (2 * self._rank(index, values, "uniform") - 1) * np.sqrt(3)
        return ranks

    def _filled(self, index: int, values: Floats) -> Floats:
        return np.where(np.isnan(values), self.fill[index], values)

    def _rank(self, index: int, values: Floats, distribution: Literal["normal", "uniform"]) -> Floats:
        assert self.quantiles is not None
        own = self.quantiles[:, index]
        if own[0] == own[-1]:  # constant
            return np.full(len(values), 0.5 if distribution == "uniform" else 0.0)
        return ranks(self._filled(index, values), own, distribution)

"""Scaling of a regression's target."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlp_exp.data.statistics import Floats, mean_and_scale


@dataclass(frozen=True)
class TargetScaling:
    """A regression's target as the network sees it: `(t - shift) / scale`, of `t = log(1 + target)` if `log`."""

    shift: float = 0.0
    scale: float = 1.0
    log: bool = False

    @classmethod
    def fit(cls, target: NDArray[Any], *, log: bool = False) -> "TargetScaling":
        """Standardises training values `[n]` to mean 0 and standard deviation 1; a constant keeps its unit."""
        mean, scale = mean_and_scale(cls(log=log).scaled(target).reshape(-1, 1))
        return cls(float(mean[0]), float(scale[0]), log)

    def scaled(self, target: NDArray[Any]) -> Floats:
        values: Floats = ((np.log1p(target) if self.log else target) - self.shift) / self.scale
        return values

    def unit(self, scaled: Floats) -> Floats:
        """The inverse: network outputs in the target's own unit."""
        values = scaled * self.scale + self.shift
        return np.expm1(values) if self.log else values

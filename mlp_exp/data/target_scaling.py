"""Scaling of a regression's target."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlp_exp.data.statistics import Floats, mean_and_scale


@dataclass(frozen=True)
class TargetScaling:
    """A regression's target as the network sees it: `(t - shift) / scale`, of `t = log(1 + target)` if `log`.

    Attributes:
        shift, scale: numbers for one target; `[T]`, one of each, for several.
        low, high: the bounds of `unit`, likewise; None for none.
    """

    shift: float | Floats = 0.0
    scale: float | Floats = 1.0
    log: bool = False
    low: float | Floats | None = None
    high: float | Floats | None = None

    @classmethod
    def fit(cls, target: NDArray[Any], *, log: bool = False, weights: Floats | None = None) -> "TargetScaling":
        """Standardises training values `[n]` or `[n, T]` to mean 0 and standard deviation 1; a constant keeps its unit.

        `weights` are those of the rows, `[n]`.

        >>> TargetScaling.fit(np.array([1.0, 3.0]))
        TargetScaling(shift=2.0, scale=1.0, log=False, low=None, high=None)
        """
        mean, scale = mean_and_scale(cls(log=log).scaled(target).reshape(len(target), -1), weights)
        return cls(mean, scale, log) if target.ndim > 1 else cls(float(mean[0]), float(scale[0]), log)

    def within(self, target: NDArray[Any]) -> "TargetScaling":
        """The same with the range of these values, `[n]` or `[n, T]`, as bounds.

        >>> TargetScaling().within(np.array([3.0, 1.0])).unit(np.array([0.5, 2.0, 7.0])).tolist()
        [1.0, 2.0, 3.0]
        """
        low, high = target.min(axis=0), target.max(axis=0)
        return replace(self, low=low, high=high) if target.ndim > 1 else replace(self, low=float(low), high=float(high))

    def scaled(self, target: NDArray[Any]) -> Floats:
        """Targets `[...]`, or `[..., T]` of several, as the network sees them."""
        values: Floats = ((np.log1p(target) if self.log else target) - self.shift) / self.scale
        return values

    def unit(self, scaled: Floats) -> Floats:
        """The inverse: network outputs in the target's own unit, within its bounds."""
        values = scaled * self.scale + self.shift
        values = np.expm1(values) if self.log else values
        return values if self.low is None else np.clip(values, self.low, self.high)

    def state(self) -> dict[str, Any]:
        """Plain numbers and lists, to be saved with the model; without bounds where there are none."""
        found = {name: value for name, value in vars(self).items() if value is not None}
        return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in found.items()}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "TargetScaling":
        """Restores what `state` returned."""
        found: dict[str, Any] = {
            name: np.array(value) if isinstance(value, list) else value for name, value in state.items()
        }
        return cls(**found)

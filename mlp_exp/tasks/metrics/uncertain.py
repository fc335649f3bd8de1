"""Metrics of predictions that say how sure they are: quantiles, and normal distributions.

Sources: Gneiting & Raftery (2007), "Strictly proper scoring rules, prediction, and estimation", for the continuous
ranked probability score; Kuleshov et al. (2018), "Accurate uncertainties for deep learning using calibrated
regression", for the calibration error.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlp_exp.data.statistics import Floats
from mlp_exp.tasks.metrics.metric import Metric
from mlp_exp.tasks.metrics.predictions import DistributionPredictions, QuantilePredictions
from mlp_exp.tasks.metrics.values import VALUE_METRICS

_TENTHS = (1.2815515655446004, 0.8416212335729143, 0.5244005127080407, 0.2533471031357997)
LEVELS = tuple(tenth / 10 for tenth in range(1, 10))
Z = (*(-z for z in _TENTHS), 0.0, *reversed(_TENTHS))
"""The standard normal distribution's quantiles of these levels."""
Z_95 = 1.6448536269514722
"""That of 0.95: 90 % of the distribution is within plus and minus this."""
_erf = np.frompyfunc(math.erf, 1, 1)  # NumPy has none, and scipy's takes an import


def _pinball(of: QuantilePredictions) -> Floats:
    """The mean over levels of the quantile loss of each row `[..., n]` (Koenker & Bassett, 1978)."""
    error = of.target[..., None] - of.quantiles
    levels = np.array(of.levels)
    found: Floats = np.maximum(levels * error, (levels - 1) * error).mean(axis=-1)
    return found


def _within(of: QuantilePredictions) -> Any:
    """Whether the target is between the lowest and the highest quantile `[..., n]`."""
    return (of.quantiles[..., 0] <= of.target) & (of.target <= of.quantiles[..., -1])


def _quantile_calibration(of: QuantilePredictions) -> Any:
    seen = [of.mean(of.target <= of.quantiles[..., place]) for place in range(len(of.levels))]
    return _mean_difference(seen, of.levels)


def _mean_difference(seen: list[Any], levels: tuple[float, ...]) -> Any:
    """The mean absolute difference between the levels and the share of targets that is below their quantiles."""
    return sum(np.abs(share - level) for share, level in zip(seen, levels, strict=True)) / len(levels)


def _nll(of: DistributionPredictions) -> Floats:
    """Minus the log of the density at the target `[..., n]`."""
    return 0.5 * math.log(2 * math.pi) + np.log(of.deviation) + 0.5 * np.square(of.z)


def _crps(of: DistributionPredictions) -> Floats:
    """The continuous ranked probability score of each row `[..., n]`, in the target's unit."""
    density = np.exp(-0.5 * np.square(of.z)) / math.sqrt(2 * math.pi)
    twice_below = np.asarray(_erf(of.z / math.sqrt(2)), np.float64)  # 2 Φ(z) - 1
    return of.deviation * (of.z * twice_below + 2 * density - 1 / math.sqrt(math.pi))


def _calibration(of: DistributionPredictions) -> Any:
    return _mean_difference([of.mean(of.z <= z) for z in Z], LEVELS)


def _no_deviation(of: DistributionPredictions) -> str | None:
    return "a predicted standard deviation is not above 0" if (of.deviation <= 0).any() else None


def _quantiles(larger_is_better: bool, statistic: Callable[[QuantilePredictions], Any]) -> Metric[QuantilePredictions]:
    return Metric(larger_is_better, lambda of: of.mean(of.of_rows(statistic)))


def _normal(
    larger_is_better: bool, statistic: Callable[[DistributionPredictions], NDArray[Any]]
) -> Metric[DistributionPredictions]:
    return Metric(larger_is_better, lambda of: of.mean(of.of_rows(statistic)), _no_deviation)


QUANTILE_METRICS: Mapping[str, Metric[QuantilePredictions]] = {
    "pinball": _quantiles(False, _pinball),
    "coverage": _quantiles(True, _within),
    "width": _quantiles(False, lambda of: of.quantiles[..., -1] - of.quantiles[..., 0]),
    "calibration_error": Metric(False, _quantile_calibration),
    **VALUE_METRICS,
}
QUANTILE_DEFAULTS = ("pinball", "coverage", "width", "mae")

DISTRIBUTION_METRICS: Mapping[str, Metric[DistributionPredictions]] = {
    "nll": _normal(False, _nll),
    "crps": _normal(False, _crps),
    "coverage": _normal(True, lambda of: np.abs(of.z) <= Z_95),
    **VALUE_METRICS,
    "width": _normal(False, lambda of: 2 * Z_95 * of.deviation),
    "calibration_error": Metric(False, _calibration, _no_deviation),
}
DISTRIBUTION_DEFAULTS = ("nll", "crps", "coverage", "rmse", "mae", "r2")

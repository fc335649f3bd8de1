"""What mattered in a sweep: values of keys as numbers, and how much of a metric each key explains."""

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

MOST_RUNS = 500
"""Most runs that the forest is fitted to."""
FEWEST_RUNS = 8
TREES, SHUFFLES = 50, 3
FAR = 3.0
"""How many times the range of its middle half a metric may be away from that."""
LOG_RATIO = 10
"""Smallest ratio of the largest to the smallest value for a log axis."""


def number(text: str) -> float | None:
    """A text as a number; None where it is not a finite one."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def axis_of(texts: Sequence[str]) -> Literal["linear", "log", "category"]:
    """The axis of values: categories where one is no number, logarithmic where that spaces them more evenly."""
    values = sorted({value for value in map(number, texts) if value is not None})
    if any(number(text) is None for text in texts):
        return "category"
    if values[0] <= 0 or values[-1] < LOG_RATIO * values[0]:
        return "linear"
    return "log" if _unevenness(np.log(values)) <= _unevenness(np.array(values)) else "linear"


def _unevenness(values: NDArray[np.float64]) -> float:
    """Coefficient of variation of the gaps."""
    gaps = np.diff(values)
    return float(gaps.std() / gaps.mean())


def ranks(texts: Sequence[str]) -> NDArray[np.float64]:
    """The rank `[n]` of each value among those of a key, by size or by name: all that a tree needs."""
    values = texts if axis_of(texts) == "category" else [float(text) for text in texts]
    return np.unique(values, return_inverse=True)[1].astype(np.float64)


def importance(values: Mapping[str, NDArray[np.float64]], metric: NDArray[np.float64]) -> dict[str, Any] | None:
    """Permutation importance: the drop of a random forest's R² when a key's values are shuffled (Breiman, 2001).

    `values` are the ranks `[n]` of each key's values; the metric `[n]` is finite, and what is far from most of it is
    moved nearer: one run that exploded would be all that there is to explain. Returns `explained`, the fraction of
    the variance that the forest explains out of bag, and `keys`, the importance of each, highest first; None for few
    runs or a metric that never varies.
    """
    if len(metric) < FEWEST_RUNS or not values:
        return None
    metric = _without_extremes(metric)
    metric = metric / (np.abs(metric).max() or 1.0)  # so that its squares are finite
    if np.ptp(metric) == 0:
        return None
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance

    some = np.random.default_rng(0).permutation(len(metric))[:MOST_RUNS]
    features, target = np.stack(list(values.values()), axis=1)[some], metric[some]
    forest = RandomForestRegressor(TREES, oob_score=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a few runs some may be in every tree's bag
        forest.fit(features, target)
    found = permutation_importance(forest, features, target, n_repeats=SHUFFLES, random_state=0).importances_mean
    ranked = sorted(zip(values, found.tolist(), strict=True), key=lambda pair: -pair[1])
    return {"explained": round(float(forest.oob_score_), 3), "keys": [[key, round(of, 4)] for key, of in ranked]}


def _without_extremes(metric: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values `[n]`, those nearer that are too far away."""
    low, high = np.quantile(metric, [0.25, 0.75])
    with np.errstate(over="ignore"):
        reach = FAR * (high - low)
        return metric.clip(low - reach, high + reach) if reach > 0 else metric

"""What mattered in a sweep: values of keys as numbers, and how much of a metric each key explains."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

MOST_RUNS = 500
"""Most runs that the forest is fitted to."""
FEWEST_RUNS = 8
FOLDS, TREES, SHUFFLES = 5, 15, 3
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

    Each run is predicted by a forest that was not fitted to it (cross-fitting): a forest knows the runs that it was
    fitted to by their seeds. `values` are the ranks `[n]` of each key's values; the metric `[n]` is finite, and what is
    far from most of it is moved nearer: one run that exploded would be all that there is to explain. Returns
    `explained`, the fraction of the variance that the forests explain, and `keys`, the importance of each, 0 or more,
    highest first; None for few runs or a metric that never varies.
    """
    if len(metric) < FEWEST_RUNS or not values:
        return None
    metric = _without_extremes(metric)
    metric = metric / (np.abs(metric).max() or 1.0)  # so that its squares are finite
    if np.ptp(metric) == 0:
        return None
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.model_selection import KFold

    rng = np.random.default_rng(0)
    some = rng.permutation(len(metric))[:MOST_RUNS]
    features, target = np.stack(list(values.values()), axis=1)[some], metric[some]
    parts = list(KFold(FOLDS).split(features))  # in an order that was drawn above
    forests = [RandomForestRegressor(TREES, random_state=0).fit(features[fit], target[fit]) for fit, _ in parts]

    def explained(shown: NDArray[np.float64]) -> float:
        """R² of all runs."""
        errors = [forest.predict(shown[held]) - target[held] for forest, (_, held) in zip(forests, parts, strict=True)]
        return 1 - float(np.mean(np.concatenate(errors) ** 2) / target.var())

    def without(place: int) -> float:
        """The mean of it over shuffles of a key's values."""
        shuffled = features.copy()
        found = []
        for _ in range(SHUFFLES):
            shuffled[:, place] = rng.permutation(features[:, place])
            found.append(explained(shuffled))
        return float(np.mean(found))

    whole = explained(features)
    drops = {key: max(0.0, whole - without(place)) for place, key in enumerate(values)}
    ranked = sorted(drops.items(), key=lambda pair: -pair[1])
    return {"explained": round(whole, 3), "keys": [[key, round(of, 4)] for key, of in ranked]}


def _without_extremes(metric: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values `[n]`, those nearer that are too far away."""
    low, high = np.quantile(metric, [0.25, 0.75])
    with np.errstate(over="ignore"):
        reach = FAR * (high - low)
        return metric.clip(low - reach, high + reach) if reach > 0 else metric

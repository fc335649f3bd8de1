"""95 % intervals of metrics: what values they would have had with other test rows of the same kind."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlp_exp.data.statistics import Floats
from mlp_exp.tasks.metrics.metric import Metric, Q, compute

MOST_DRAWN = 2**24
"""Rows times resamples; with more rows there are fewer resamples …"""
FEWEST = 100
"""… down to this number."""
CHUNK = 2**13
"""Weights that are in memory at once: arrays of 64 KB, for which no memory has to be fetched from the system."""
ONE_BY_ONE = 200
"""Resamples of a metric that is computed for each alone, such as scikit-learn's."""

Interval = tuple[float, float]


def intervals(metrics: Mapping[str, Metric[Q]], predictions: Q, resamples: int) -> dict[str, Interval | None]:
    """Percentile intervals of the bootstrap over rows (Efron, 1979): from 2.5 % to 97.5 % of the resamples.

    The resamples are drawn with a fixed seed, so that two models on the same rows are compared on the same resamples.
    Of more than 16,777 rows, 1000 resamples become `2^24 / rows`, but 100 at least; a metric that is computed for each
    resample alone (one's own, scikit-learn's) has 200 at most. A resample in which a metric is not defined does not
    count.

    Args:
        metrics: by name.
        predictions: without leading dimensions.
        resamples: how many; 0 for no intervals.

    Returns:
        By name (lowest, highest); None where fewer than half of the resamples have a value. Empty for 0 resamples.
    """
    if not resamples:
        return {}
    counts = _drawn(predictions.n_rows, resamples)
    found: dict[str, list[Floats]] = {name: [] for name in metrics}
    rows = max(1, CHUNK // counts.shape[1])
    for slow, most in ((False, len(counts)), (True, min(ONE_BY_ONE, len(counts)))):
        several = {name: metric for name, metric in metrics.items() if metric.one_by_one is slow}
        for start in range(0, most if several else 0, rows):
            chunk = predictions.resampled(counts[start : min(start + rows, most)])
            for name, values in compute(several, chunk).items():
                found[name].append(values)
    return {name: _middle(np.concatenate(values)) for name, values in found.items()}


@lru_cache(maxsize=1)  # the runs of a sweep have test parts of one size
def _drawn(rows: int, resamples: int) -> NDArray[np.uint8]:
    """How often each row is in each resample `[B, rows]`, of which none is there 256 times."""
    resamples = min(resamples, max(FEWEST, MOST_DRAWN // rows))
    generator = np.random.default_rng(0)
    counts = np.empty((resamples, rows), np.uint8)
    for one in counts:
        one[:] = np.bincount(generator.integers(rows, size=rows), minlength=rows)
    counts.flags.writeable = False
    return counts


def _middle(values: Any) -> Interval | None:
    """The interval that leaves out 2.5 % on each side."""
    defined = values[np.isfinite(values)]
    if 2 * len(defined) < len(values):
        return None
    low, high = np.quantile(defined, [0.025, 0.975])
    return float(low), float(high)

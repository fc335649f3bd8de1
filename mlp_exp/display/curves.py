"""The numbers of curves: those of scikit-learn, whose import takes longer than drawing them."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def roc(positive: NDArray[np.bool_], score: Floats) -> tuple[Floats, Floats]:
    """False and true positive rate at each threshold where the curve bends, from 0 to 1."""
    order = np.argsort(score, kind="stable")[::-1]
    last = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)  # of equal scores
    true = np.cumsum(positive[order])[last]
    false = 1 + last - true
    if len(last) > 2:
        bends = np.r_[True, (np.diff(false, 2) != 0) | (np.diff(true, 2) != 0), True]
        true, false = true[bends], false[bends]
    return np.append(0, false) / false[-1], np.append(0, true) / true[-1]


def calibration(happened: NDArray[np.bool_], probability: Floats, bins: int) -> tuple[Floats, Floats]:
    """Observed frequency and mean probability of each bin that has rows; bins of equal counts."""
    edges = np.percentile(probability, np.linspace(0, 1, bins + 1) * 100)
    place = np.searchsorted(edges[1:-1], probability)
    count, hits, total = (np.bincount(place, weights, minlength=bins) for weights in (None, happened, probability))
    filled = count > 0
    return hits[filled] / count[filled], total[filled] / count[filled]

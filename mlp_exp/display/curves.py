"""The numbers in figures: those of scikit-learn, whose import takes longer than drawing them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FEWEST_IN_BIN, MOST_BINS = 20, 20
Z_95 = 1.96
"""Standard deviations of a normal distribution on each side of its middle 95 %."""


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


def precision_recall(positive: NDArray[np.bool_], score: Floats) -> tuple[Floats, Floats]:
    """Recall, ascending, and precision at each threshold, from the highest down to that which finds all."""
    order = np.argsort(score, kind="stable")[::-1]
    last = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)  # of equal scores
    true = np.cumsum(positive[order])[last]
    end = int(np.searchsorted(true, true[-1])) + 1
    return true[:end] / true[-1], true[:end] / (1 + last[:end])


def medians(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """The medians of both in bins of equal counts by `x`, for each distinct median of `x`."""
    order = np.argsort(x, kind="stable")
    count = int(np.clip(len(x) // FEWEST_IN_BIN, 1, MOST_BINS))
    bins = [rows for rows in np.array_split(order, count) if len(rows)]
    found = np.array([[np.median(x[rows]), np.median(y[rows])] for rows in bins])
    rising = np.append(np.diff(found[:, 0]) > 0, True)
    return found[rising, 0], found[rising, 1]


def calibration(
    happened: NDArray[np.bool_], probability: Floats, bins: int
) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Observed frequency, mean probability and rows of each bin that has rows; bins of equal counts."""
    edges = np.percentile(probability, np.linspace(0, 1, bins + 1) * 100)
    place = np.searchsorted(edges[1:-1], probability)
    count, hits, total = (np.bincount(place, weights, minlength=bins) for weights in (None, happened, probability))
    filled = count > 0
    return hits[filled] / count[filled], total[filled] / count[filled], count[filled]


def interval_of_frequency(frequency: Floats, rows: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Both ends of the 95 % interval of Wilson (1927) around frequencies observed in so many rows.

    >>> low, high = interval_of_frequency(np.array([0.0, 0.5]), np.array([20, 20]))
    >>> low.round(2).tolist(), high.round(2).tolist()
    ([0.0, 0.3], [0.16, 0.7])
    """
    shrink = 1 + Z_95**2 / rows
    middle = (frequency + Z_95**2 / (2 * rows)) / shrink
    half = Z_95 / shrink * np.sqrt(frequency * (1 - frequency) / rows + Z_95**2 / (4 * rows**2))
    return np.maximum(middle - half, 0), np.minimum(middle + half, 1)


@dataclass(frozen=True)
class Plane:
    """A grid over the plane of two features: the values of each on its axis."""

    x: Floats
    y: Floats

    @classmethod
    def around(cls, features: Floats, resolution: int = 300) -> "Plane":
        """The plane of the features `[N, 2]`, with a margin."""
        low, high = np.nanmin(features, axis=0), np.nanmax(features, axis=0)
        margin = 0.05 * (high - low)
        return cls(*np.linspace(low - margin, high + margin, resolution).T)

    @property
    def points(self) -> Floats:
        """All points `[n, 2]`, row by row."""
        return np.stack(np.meshgrid(self.x, self.y), axis=-1).reshape(-1, 2)

"""Numbers that stand for rows, to find rows of one table in another."""

import numpy as np
from numpy.typing import NDArray

MOST_ROWS = 16_384
"""Rows of a training part whose hashes are kept with a model."""
BLOCK_VALUES = 2**20
FACTOR = np.uint64(0x9E3779B97F4A7C15)
HALF = np.uint64(32)


def row_hashes(inputs: NDArray[np.float32]) -> NDArray[np.int64]:
    """A number `[N]` for each row of `[N, W]`: the same for equal rows on every machine; 0.0 and -0.0 are equal.

    It is a sum over columns of mixed 64-bit words, each times a constant of its column.
    """
    rows, width = inputs.shape
    constants = np.random.PCG64(0).random_raw(width) | np.uint64(1)
    hashes = np.empty(rows, dtype=np.uint64)
    step = max(1, BLOCK_VALUES // max(1, width))
    for start in range(0, rows, step):
        positive_zero = inputs[start : start + step] + np.float32(0)
        words = positive_zero.view(np.uint32).astype(np.uint64) * FACTOR
        words ^= words >> HALF  # the low bits of most short numbers are zeros
        hashes[start : start + step] = words @ constants
    return hashes.view(np.int64)


def evenly_spaced(rows: NDArray[np.int64], most: int | None = None) -> NDArray[np.int64]:
    """At most so many of these row numbers; None for `MOST_ROWS`."""
    count = min(len(rows), most or MOST_ROWS)
    return rows[np.arange(count) * len(rows) // max(1, count)]

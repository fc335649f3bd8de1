"""How much worse predictions become when one column is shuffled."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mlp_exp.data.statistics import Floats

Shuffled = tuple[int, NDArray[np.int64]]
"""The place of a column, and the order that its values then have."""


def permutation_importance(
    cost: Callable[[Shuffled | None], float], rows: int, columns: int, repeats: int, seed: int
) -> tuple[Floats, Floats]:
    """Breiman (2001): the mean `[columns]` of what shuffling each column adds to the cost, and its standard deviation.

    Args:
        cost: of the predictions, with one column shuffled or none.
        repeats: how often each column is shuffled, 1 or more; the deviation is over them.

    >>> values = np.array([[1, 1], [2, 1], [3, 1], [4, 1]])
    >>> def cost(shuffled):
    ...     first = values[:, 0] if shuffled is None or shuffled[0] else values[shuffled[1], 0]
    ...     return float(np.abs(first - values[:, 0]).mean())
    >>> mean, _ = permutation_importance(cost, rows=4, columns=2, repeats=2, seed=0)
    >>> bool(mean[0] > 0), float(mean[1])
    (True, 0.0)
    """
    random = np.random.default_rng(seed)
    before = cost(None)
    added = np.array(
        [[cost((place, random.permutation(rows))) - before for _ in range(repeats)] for place in range(columns)]
    )
    return added.mean(axis=1), added.std(axis=1)

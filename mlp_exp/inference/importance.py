"""How much worse predictions become when one column is shuffled."""

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa


def permutation_importance(
    cost: Callable[[pa.Table], float], table: pa.Table, names: Sequence[str], repeats: int, seed: int
) -> pa.Table:
    """Breiman (2001): a row for each column, `column`, `mean` and `std` of how much its shuffling adds to the cost.

    Those that matter most come first. The standard deviation is over the repeats, which are one at least.

    >>> table = pa.table({"a": [1, 2, 3, 4], "b": [1, 1, 1, 1]})
    >>> cost = lambda rows: float(np.abs(rows["a"].to_numpy() - [1, 2, 3, 4]).mean())
    >>> permutation_importance(cost, table, ["a", "b"], repeats=2, seed=0)["column"].to_pylist()
    ['a', 'b']
    """
    random = np.random.default_rng(seed)
    before = cost(table)
    rows = []
    for name in names:
        place = table.column_names.index(name)
        added = []
        for _ in range(repeats):
            shuffled = table[place].take(random.permutation(len(table)))
            added.append(cost(table.set_column(place, table.field(place), shuffled)) - before)
        rows.append((name, float(np.mean(added)), float(np.std(added))))
    rows.sort(key=lambda row: -row[1])
    return pa.table({name: [row[place] for row in rows] for place, name in enumerate(("column", "mean", "std"))})

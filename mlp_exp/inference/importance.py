"""How much worse predictions for a table become when one of its columns is shuffled."""

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from mlp_exp.tasks.importance import Shuffled, permutation_importance


def importance_of_columns(
    cost: Callable[[pa.Table], float], table: pa.Table, names: Sequence[str], repeats: int, seed: int
) -> pa.Table:
    """A row for each column, `column`, `mean` and `std` of how much its shuffling adds to the cost.

    Those that matter most come first. The standard deviation is over the repeats, which are one at least.

    >>> table = pa.table({"a": [1, 2, 3, 4], "b": [1, 1, 1, 1]})
    >>> cost = lambda rows: float(np.abs(rows["a"].to_numpy() - [1, 2, 3, 4]).mean())
    >>> importance_of_columns(cost, table, ["a", "b"], repeats=2, seed=0)["column"].to_pylist()
    ['a', 'b']
    """

    def cost_of(shuffled: Shuffled | None) -> float:
        if shuffled is None:
            return cost(table)
        place = table.column_names.index(names[shuffled[0]])
        return cost(table.set_column(place, table.field(place), table[place].take(shuffled[1])))

    mean, std = permutation_importance(cost_of, len(table), len(names), repeats, seed)
    order = np.argsort(-mean, kind="stable")
    return pa.table({"column": [names[place] for place in order], "mean": mean[order], "std": std[order]})

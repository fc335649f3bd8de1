"""Training, validation and test part, and the base class of splits."""

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlp_exp.data.dataset import Dataset
from mlp_exp.data.splits.sampling import fold_of_rows, strata
from mlp_exp.errors import DataError, counted

Rows = NDArray[np.int64]
PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class Parts:
    """Sorted row numbers of the three parts, without overlap. `val` and `test` may be empty."""

    train: Rows
    val: Rows
    test: Rows

    @cached_property
    def fingerprint(self) -> str:
        digest = hashlib.sha256()
        for rows in (self.train, self.val, self.test):
            digest.update(repr(len(rows)).encode())
            digest.update(np.ascontiguousarray(rows, dtype=np.int64).data)
        return digest.hexdigest()

    def items(self) -> list[tuple[str, Rows]]:
        """The parts that are not empty, by name."""
        named = [("train", self.train), ("val", self.val), ("test", self.test)]
        return [(name, rows) for name, rows in named if len(rows)]


class Split(ABC):
    """Base class of splits of a dataset.

    Example:
        A split of your own in a file `own_split.py`, used with `split._target_=own_split.FirstRows +split.rows=100`:

            class FirstRows(Split):
                def __init__(self, rows, **_):
                    self.rows = rows

                def parts(self, dataset, generator):
                    rows = np.arange(len(dataset.target))
                    return Parts(train=rows[: self.rows], val=rows[:0], test=rows[self.rows :])
    """

    aside_is_feature = False
    """Whether the column that the split uses is also a feature."""
    predefined = False
    """Whether the user has said of each row which part it is in."""

    @property
    def aside(self) -> str | None:
        """Name of the column that the split uses, if any; a table puts it into `Dataset.aside`."""
        column = getattr(self, "column", None)
        return None if column is None else str(column)

    @abstractmethod
    def parts(self, dataset: Dataset, generator: np.random.Generator) -> Parts:
        """The three parts; raises DataError if one would be empty, or the rows cannot be divided as asked.

        `generator` is the run's, for splits without a seed of their own.
        """

    def ensemble_folds(self, dataset: Dataset, rows: Rows, count: int, generator: np.random.Generator) -> Rows:
        """For an ensemble the fold `[n]`, from 0, of each of these rows: random, with classes in proportion.

        Raises:
            ValueError: there are fewer rows than folds, or of every class fewer.
        """
        classes = strata(dataset)
        seed = int(generator.integers(2**31))
        if classes is not None and np.bincount(classes[rows]).max() < count:
            classes = None  # of several labels, hardly any combination repeats
        return fold_of_rows(len(rows), count, None if classes is None else classes[rows], seed)

    def column_values(self, dataset: Dataset) -> NDArray[Any]:
        """Values `[N]` of the column that the split uses; raises DataError if the dataset has no such column."""
        if self.aside is None or self.aside not in dataset.aside:
            raise DataError(f"split.column: this data has no column '{self.aside}'; a table has (data=table)")
        return dataset.aside[self.aside]


def without_weightless(parts: Parts, weights: NDArray[np.float64] | None) -> Parts:
    """The parts without rows of weight 0, by the weights `[N]`; raises DataError for a part of none but these."""
    if weights is None:
        return parts
    for name, rows in parts.items():
        if not weights[rows].any():
            raise DataError(f"split: every weight of the {name} part ({counted(len(rows), 'row')}) is 0 (data.weight)")
    return Parts(*(rows[weights[rows] > 0] for rows in (parts.train, parts.val, parts.test)))


def parts_by_code(code: NDArray[np.int64]) -> Parts:
    """Parts from a code for each row: 0 train, 1 val, 2 test, any other none; raises DataError without any to train."""
    train, val, test = (np.flatnonzero(code == number) for number in range(3))
    if not len(train):
        raise DataError(f"split: none of the {len(code)} rows is left to train with")
    return Parts(train, val, test)

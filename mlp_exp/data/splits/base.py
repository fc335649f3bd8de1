"""Which rows train, which validate, which test."""

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlp_exp.data.dataset import Dataset
from mlp_exp.errors import DataError

Rows = NDArray[np.int64]
PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class Parts:
    """Row numbers of the three parts, sorted; no row is in two. `val` and `test` may be empty."""

    train: Rows
    val: Rows
    test: Rows

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the row numbers."""
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
    """Divides the rows of a dataset.

    Attributes:
        aside_is_feature: whether the network may see the column that the split goes by.
    """

    aside_is_feature = False

    @property
    def aside(self) -> str | None:
        """The column that the split goes by, if any; a table keeps it aside."""
        column = getattr(self, "column", None)
        return None if column is None else str(column)

    @abstractmethod
    def parts(self, dataset: Dataset, generator: np.random.Generator) -> Parts:
        """The parts.

        Args:
            generator: the run's own stream, for splits without a seed of their own.

        Raises:
            DataError: a part would be empty, or the rows cannot be divided as asked.
        """

    def _aside(self, dataset: Dataset) -> NDArray[Any]:
        if self.aside is None or self.aside not in dataset.aside:
            raise DataError(f"split.column: this data has no column '{self.aside}'; a table has (data=table)")
        return dataset.aside[self.aside]


def parts_by_code(code: NDArray[np.int64]) -> Parts:
    """Parts of rows with codes 0, 1 and 2; any other code is in none."""
    train, val, test = (np.flatnonzero(code == number) for number in range(3))
    if not len(train):
        raise DataError(f"split: none of the {len(code)} rows is left to train with")
    return Parts(train, val, test)

"""Cells of a table to be predicted that are not of the form that their column had in training."""

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlp_exp.data.table.file import shorten
from mlp_exp.errors import DataError

FIX = "Fix it, or leave it empty"
"""What to do about a value, if the table is to be predicted."""


@dataclass
class _Column:
    """`count` of `given` cells do not fit; the first of them is in row `row`. `read` is the chunk that came last."""

    expected: str
    given: int = 0
    count: int = 0
    row: int = 0
    read: int = -1
    example: str = ""


class Misfits:
    """Counts cells that do not fit, over all chunks of a table.

    Attributes:
        where: names the table in messages.
    """

    def __init__(self, where: str) -> None:
        self.where = where
        self._rows = 0
        self._columns: dict[str, _Column] = {}
        self._unseen: dict[str, _Column] = {}

    def count_rows(self, rows: int) -> None:
        """Goes on to the next chunk, after one of so many rows."""
        self._rows += rows

    def add(self, name: str, converted: pa.ChunkedArray, given: pa.ChunkedArray, expected: str) -> None:
        """Counts where a column of the chunk had a value and has none after it was converted."""
        column = self._columns.setdefault(name, _Column(expected))
        lost = pc.and_(pc.is_null(converted), pc.is_valid(given)).to_numpy().astype(bool)
        if self._count(column, lost, len(given) - given.null_count, lambda row: given[row].as_py()):
            column.expected = expected

    def add_unseen(self, name: str, codes: NDArray[np.int32], texts: Sequence[str], known: Container[str]) -> None:
        """Counts where a category of the chunk, codes `[N]` into texts, holds a text that training did not see."""
        column = self._unseen.setdefault(name, _Column(""))
        is_new = np.array([*(text not in known for text in texts), False])[codes]
        self._count(column, is_new, int((codes >= 0).sum()), lambda row: texts[codes[row]])

    def _count(self, column: _Column, odd: NDArray[np.bool_], given: int, cell: Callable[[int], object]) -> bool:
        """Counts the odd cells of the chunk; whether the first of them is the column's first."""
        if column.read == self._rows:
            return False  # for another run of an ensemble
        column.read = self._rows
        column.given += given
        is_first = bool(odd.any()) and not column.count
        if is_first:
            row = int(odd.argmax())
            column.row, column.example = self._rows + row, shorten(str(cell(row)))
        column.count += int(odd.sum())
        return is_first

    def refuse(self) -> None:
        """Raises DataError for the first cell that does not fit."""
        for name, column in self._columns.items():
            if column.count:
                raise DataError(
                    f"{self.where}: column '{name}', row {column.row}, from 0: expected {column.expected} as in "
                    f"training, found '{column.example}'. {FIX}"
                )

    def check(self) -> None:
        """Raises DataError for a column of which most cells do not fit."""
        for name, column in self._columns.items():
            if 2 * column.count > column.given:
                raise DataError(
                    f"{self.where}: column '{name}': {column.count} of {column.given} cells are not of the form that "
                    f"it had in training, first in row {column.row}, from 0: expected {column.expected}, found "
                    f"'{column.example}'"
                )

    @property
    def lines(self) -> list[str]:
        """A sentence for each column in which some cells are taken for missing, or hold unseen categories."""
        unseen = [
            f"{name}: {column.count} of {column.given} cells hold a category that training did not see, first in row "
            f"{column.row}, from 0: '{column.example}'"
            for name, column in self._unseen.items()
            if column.count
        ]
        return unseen + [
            f"{name}: {column.count} of {column.given} cells are not {column.expected} as in training and are taken "
            f"for missing, first in row {column.row}, from 0: '{column.example}'"
            for name, column in self._columns.items()
            if column.count
        ]

"""Predefined parts: from a column of the table, or from files of row numbers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from mlp_exp.data.dataset import Dataset
from mlp_exp.data.splits.base import PARTS, Parts, Rows, Split, parts_by_code
from mlp_exp.errors import DataError

LARGEST_ROW = 2**53
"""From here on, a float cannot represent every integer."""


@dataclass(frozen=True)
class ColumnSplit(Split):
    """Parts from a column with `train`, `val` or `test` in each row; it is not a feature."""

    column: str | int
    predefined = True

    def parts(self, dataset: Dataset, generator: np.random.Generator) -> Parts:
        words = self.column_values(dataset).astype(str)
        known = np.isin(words, PARTS)
        if not known.all():
            first = int((~known).argmax())
            raise DataError(
                f"split.column: '{self.column}', row {dataset.source_rows[first]}, from 0: expected train, val or "
                f"test, found '{words[first]}' ({(~known).sum()} such)"
            )
        return parts_by_code(np.select([words == name for name in PARTS], range(3)))


@dataclass(frozen=True)
class FileSplit(Split):
    """Parts from files of row numbers, counted from 0, as published with benchmarks.

    Attributes:
        train, val, test: text files with a number in each line, or `.npy` files; without `val`, there is no validation.
    """

    train: str
    test: str
    val: str | None = None
    predefined = True

    def parts(self, dataset: Dataset, generator: np.random.Generator) -> Parts:
        total = len(dataset.target) if dataset.kept is None else len(dataset.kept)
        owner = np.full(total, -1)
        for code, (name, path) in enumerate(zip(PARTS, (self.train, self.val, self.test), strict=True)):
            if path is None:
                continue
            rows = _read_rows(f"split.{name}", path)
            outside = rows[(rows < 0) | (rows >= total)]
            if len(outside):
                raise DataError(f"split.{name}: '{path}' names row {outside[0]}; the table has rows 0 to {total - 1}")
            numbers, counts = np.unique(rows, return_counts=True)
            if counts.max() > 1:
                raise DataError(f"split.{name}: '{path}' names row {numbers[counts.argmax()]} more than once")
            taken = rows[owner[rows] >= 0]
            if len(taken):
                other = PARTS[owner[taken[0]]]
                raise DataError(
                    f"split.{name}: row {taken[0]} of '{path}' is in the {other} part too; {len(taken)} such"
                )
            owner[rows] = code
        return parts_by_code(owner[dataset.source_rows])


def _read_rows(key: str, path: str) -> Rows:
    file = Path(path).expanduser()
    if not file.is_file():
        raise DataError(f"{key}: there is no file '{path}' (seen from {Path.cwd()})")
    try:
        if file.suffix == ".npy":
            with file.open("rb") as source:
                numbers = np.lib.format.read_array(source, allow_pickle=False).reshape(-1)
        else:
            numbers = np.array(file.read_text(encoding="utf-8-sig").split(), dtype=np.float64)
    except ValueError as error:
        raise DataError(f"{key}: '{path}': expected a row number in each line: {error}") from error
    found: Any = "none" if not len(numbers) else None
    if numbers.dtype.kind not in "iuf":
        found = f"an array of {numbers.dtype}"
    elif not (whole := (np.abs(numbers) < LARGEST_ROW) & (np.trunc(numbers) == numbers)).all():
        found = numbers[~whole][0]
    if found is not None:
        raise DataError(f"{key}: '{path}': expected whole row numbers from 0, found {found}")
    return cast(Rows, numbers.astype(np.int64))

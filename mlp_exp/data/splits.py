"""Which rows train, which validate, which test."""

import hashlib
import logging
import warnings
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from mlp_exp.data.dataset import Dataset
from mlp_exp.errors import DataError

log = logging.getLogger(__name__)

Rows = NDArray[np.int64]
PARTS = ("train", "val", "test")
LARGEST_ROW = 2**53
"""From here on, not every whole number is a float."""


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


def _seeded(seed: int | None, generator: np.random.Generator) -> np.random.Generator:
    return generator if seed is None else np.random.default_rng(seed)


def _count(name: str, share: float, total: int, available: int, what: str = "rows") -> int:
    """How many make this share of a total, at least one; of the available ones, one is left at least."""
    count = round(share * total)
    if not 0 < count < available:
        raise DataError(
            f"split.{name}: {share:g} of {total} {what} is {count}; expected one or more, and some left to train with. "
            f"Take another share, or more {what}"
        )
    return count


def _take_share(dataset: Dataset, rows: Rows, name: str, share: float, total: int, seed: int) -> tuple[Rows, Rows]:
    """The rows that stay, and random ones that make this share of a total, with classes in proportion."""
    from sklearn.model_selection import train_test_split

    if share == 0:
        return rows, rows[:0]
    count = _count(name, share, total, len(rows))
    labels = None if dataset.task == "regression" else dataset.target[rows]
    try:
        kept, taken = train_test_split(rows, test_size=count, random_state=seed, stratify=labels)
    except ValueError as error:
        raise DataError(
            f"split.{name}: {count} of {len(rows)} rows cannot be taken with classes in proportion: {error} "
            "Take a larger share or none (split.val=0), or merge rare classes"
        ) from error
    return kept, taken


@dataclass(frozen=True)
class RandomSplit(Split):
    """Random parts by share, stratified for classes.

    Attributes:
        train, val, test: shares that add up to 1.
        seed: of the split alone; None takes the run's own stream, so that each seed has its own split.
    """

    train: float
    val: float
    test: float
    seed: int | None = None

    def parts(self, dataset: Dataset, generator: np.random.Generator) -> Parts:
        """Splits by scikit-learn's `train_test_split`, the test part first."""
        seeds = _seeded(self.seed, generator).integers(2**31, size=2)
        rows = np.arange(len(dataset.target))
        rest, test = _take_share(dataset, rows, "test", self.test, len(rows), int(seeds[0]))
        train, val = _take_share(dataset, rest, "val", self.val, len(rows), int(seeds[1]))
        return Parts(np.sort(train), np.sort(val), np.sort(test))


@dataclass(frozen=True)
class FoldSplit(Split):
    """One of K folds tests; stratified for classes.

    Attributes:
        folds, fold: how many, and which one tests, from 0.
        val: share of the other rows that validates.
        seed: of the folds; None takes the run's own stream.
    """

    folds: int
    fold: int
    val: float = 0.1
    seed: int | None = None

    def parts(self, dataset: Dataset, generator: np.random.Generator) -> Parts:
        """Folds by scikit-learn's `StratifiedKFold` or `KFold`, shuffled."""
        from sklearn.model_selection import KFold, StratifiedKFold

        seeds = _seeded(self.seed, generator).integers(2**31, size=2)
        kind = KFold if dataset.task == "regression" else StratifiedKFold
        folds = kind(self.folds, shuffle=True, random_state=int(seeds[0]))
        rows = np.arange(len(dataset.target))
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                rest, test = list(folds.split(rows, dataset.target))[self.fold]
        except ValueError as error:
            raise DataError(f"split.folds: {len(rows)} rows cannot be cut into {self.folds} folds: {error}") from error
        for warning in caught:  # a class with fewer rows than folds
            log.warning("split.folds: %s", warning.message)
        train, val = _take_share(dataset, rest, "val", self.val, len(rest), int(seeds[1]))
        return Parts(np.sort(train), np.sort(val), np.sort(test))


@dataclass(frozen=True)
class GroupSplit(Split):
    """Random parts by share of the groups, so that no group is in two parts.

    Attributes:
        column: rows of one value are a group, as the visits of one patient; the network does not see it.
        train, val, test: shares that add up to 1.
        seed: of the split alone; None takes the run's own stream.
    """

    column: str | int
    train: float
    val: float
    test: float
    seed: int | None = None

    def parts(self, dataset: Dataset, generator: np.random.Generator) -> Parts:
        names, group = np.unique(self._aside(dataset), return_inverse=True)
        order = _seeded(self.seed, generator).permutation(len(names))
        part_of = np.zeros(len(names), dtype=np.int64)
        left = len(names)
        for code, share in ((2, self.test), (1, self.val)):
            if share:
                count = _count(PARTS[code], share, len(names), left, "groups")
                part_of[order[left - count : left]] = code
                left -= count
        return _by_code(part_of[group])


@dataclass(frozen=True)
class TimeSplit(Split):
    """The past trains, the future tests. Rows of one time stay together, in the later part.

    Attributes:
        column: a date or a number to sort by; the network sees it unless the table drops it.
        train, val, test: shares that add up to 1.
    """

    column: str | int
    train: float
    val: float
    test: float
    aside_is_feature = True

    def parts(self, dataset: Dataset, generator: np.random.Generator) -> Parts:
        times = self._aside(dataset)
        if isinstance(times[0], str):
            raise DataError(
                f"split.column: '{self.column}', row {dataset.source_rows[0]}: expected a date or a number to sort by, "
                f"found '{times[0]}'"
            )
        in_order = np.sort(times)
        later = {}
        for name, share in (("val", self.val + self.test), ("test", self.test)):
            first = in_order[min(round((1 - share) * len(times)), len(times) - 1)]
            later[name] = times >= first if share else np.zeros(len(times), dtype=bool)
        code = later["val"].astype(np.int64) + later["test"]
        for number, share in enumerate((self.train, self.val, self.test)):
            if share and not (code == number).any():
                raise DataError(
                    f"split.{PARTS[number]}: no row of the {len(times)} falls into its share of the time: column "
                    f"'{self.column}' has {len(np.unique(times))} different values, and equal ones stay together"
                )
        return _by_code(code)


@dataclass(frozen=True)
class ColumnSplit(Split):
    """Parts by a column that holds `train`, `val` or `test` in each row; the network does not see it."""

    column: str | int

    def parts(self, dataset: Dataset, generator: np.random.Generator) -> Parts:
        words = self._aside(dataset).astype(str)
        known = np.isin(words, PARTS)
        if not known.all():
            first = int((~known).argmax())
            raise DataError(
                f"split.column: '{self.column}', row {dataset.source_rows[first]}: expected train, val or test, found "
                f"'{words[first]}' ({(~known).sum()} such)"
            )
        return _by_code(np.select([words == name for name in PARTS], range(3)))


@dataclass(frozen=True)
class FileSplit(Split):
    """Parts by files of row numbers from 0, as published benchmarks ship them.

    Attributes:
        train, val, test: text files with a number in each line, or `.npy`; no `val` means no validation part.
    """

    train: str
    test: str
    val: str | None = None

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
        return _by_code(owner[dataset.source_rows])


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


def _by_code(code: NDArray[np.int64]) -> Parts:
    """Parts of rows with codes 0, 1 and 2; any other code is in none."""
    train, val, test = (np.flatnonzero(code == number) for number in range(3))
    if not len(train):
        raise DataError(f"split: none of the {len(code)} rows is left to train with")
    return Parts(train, val, test)

"""Parts by fractions of the rows, of the groups or of time, and folds."""

import logging
from dataclasses import dataclass

import numpy as np

from mlp_exp.data.dataset import Dataset
from mlp_exp.data.splits.base import PARTS, Parts, Rows, Split, parts_by_code
from mlp_exp.data.splits.sampling import fold_of_rows, strata, take
from mlp_exp.errors import DataError

log = logging.getLogger(__name__)


def _count(name: str, fraction: float, total: int, available: int, what: str = "rows") -> int:
    """A fraction of a total, rounded; raises DataError if it is 0 or leaves nothing of the available ones."""
    count = round(fraction * total)
    if not 0 < count < available:
        raise DataError(
            f"split.{name}: {fraction:g} of {total} {what} is {count}; expected one or more, and some left to train "
            f"with. Take another share, or more {what}"
        )
    return count


def _take(dataset: Dataset, rows: Rows, name: str, fraction: float, total: int, seed: int) -> tuple[Rows, Rows]:
    """The remaining rows, and random rows that are this fraction of a total, stratified for classes and labels."""
    if fraction == 0:
        return rows, rows[:0]
    count = _count(name, fraction, total, len(rows))
    classes = strata(dataset)
    try:
        return take(rows, count, None if classes is None else classes[rows], seed)
    except ValueError as error:
        if len(dataset.targets) > 1:
            log.info("split.%s: some combination of labels is too rare to be in proportion; rows are random", name)
            return take(rows, count, None, seed)
        raise DataError(
            f"split.{name}: {count} of {len(rows)} rows cannot be taken with classes in proportion: "
            f"{str(error).rstrip('.')}. Take a larger share or none (split.val=0), or merge rare classes"
        ) from error


@dataclass(frozen=True)
class RandomSplit(Split):
    """Random parts by fraction, stratified for classes, and for combinations of labels where none of them is too rare.

    Attributes:
        train, val, test: fractions that add up to 1.
        seed: of the split; None uses the run's generator, so that each run seed has its own split.
    """

    train: float
    val: float
    test: float
    seed: int | None = None

    def parts(self, dataset: Dataset, generator: np.random.Generator) -> Parts:
        """The rows of scikit-learn's `train_test_split`, the test part first."""
        seeds = np.random.default_rng(generator if self.seed is None else self.seed).integers(2**31, size=2)
        rows = np.arange(len(dataset.target))
        rest, test = _take(dataset, rows, "test", self.test, len(rows), int(seeds[0]))
        train, val = _take(dataset, rest, "val", self.val, len(rows), int(seeds[1]))
        return Parts(np.sort(train), np.sort(val), np.sort(test))


@dataclass(frozen=True)
class FoldSplit(Split):
    """K-fold cross-validation: one fold is the test part; stratified as `RandomSplit`.

    Attributes:
        folds, fold: number of folds, and index of the test fold, from 0.
        val: fraction of the remaining rows for validation.
        seed: of the folds; None uses the run's generator.
    """

    folds: int
    fold: int
    val: float = 0.1
    seed: int | None = None

    def parts(self, dataset: Dataset, generator: np.random.Generator) -> Parts:
        """The folds of scikit-learn's `StratifiedKFold` or `KFold`, shuffled."""
        seeds = np.random.default_rng(generator if self.seed is None else self.seed).integers(2**31, size=2)
        rows = np.arange(len(dataset.target))
        classes = strata(dataset)
        if classes is not None and len(dataset.targets) > 1 and np.bincount(classes).min() < self.folds:
            log.info("split.folds: some combination of labels has fewer rows than folds; rows are random")
            classes = None
        try:
            folds = fold_of_rows(len(rows), self.folds, classes, int(seeds[0]))
        except ValueError as error:
            raise DataError(f"split.folds: {len(rows)} rows cannot be cut into {self.folds} folds: {error}") from error
        if classes is not None and (fewest := np.bincount(classes).min()) < self.folds:
            log.warning(
                "split.folds: The least populated class in y has only %d members, which is less than n_splits=%d.",
                fewest,
                self.folds,
            )
        rest, test = rows[folds != self.fold], rows[folds == self.fold]
        train, val = _take(dataset, rest, "val", self.val, len(rest), int(seeds[1]))
        return Parts(np.sort(train), np.sort(val), np.sort(test))


@dataclass(frozen=True)
class GroupSplit(Split):
    """Random parts by fraction of the groups; no group is in two parts.

    Attributes:
        column: rows with the same value are a group, such as the visits of one patient; not a feature.
        train, val, test, seed: as of `RandomSplit`.
    """

    column: str | int
    train: float
    val: float
    test: float
    seed: int | None = None

    def parts(self, dataset: Dataset, generator: np.random.Generator) -> Parts:
        names, group = np.unique(self.column_values(dataset), return_inverse=True)
        order = np.random.default_rng(generator if self.seed is None else self.seed).permutation(len(names))
        part_of = np.zeros(len(names), dtype=np.int64)
        left = len(names)
        for code, fraction in ((2, self.test), (1, self.val)):
            if fraction:
                count = _count(PARTS[code], fraction, len(names), left, "groups")
                part_of[order[left - count : left]] = code
                left -= count
        return parts_by_code(part_of[group])

    def ensemble_folds(self, dataset: Dataset, rows: Rows, count: int, generator: np.random.Generator) -> Rows:
        """Whole groups, so that the folds have nearly as many rows each as their sizes allow."""
        _, group, sizes = np.unique(self.column_values(dataset)[rows], return_inverse=True, return_counts=True)
        if len(sizes) < count:
            raise ValueError(f"they are of {len(sizes)} groups (split.column)")
        fold_of_group, filled = np.empty(len(sizes), np.int64), np.zeros(count, np.int64)
        order = generator.permutation(len(sizes))
        for one in order[np.argsort(-sizes[order], kind="stable")]:
            fold_of_group[one] = filled.argmin()
            filled[fold_of_group[one]] += sizes[one]
        found: Rows = fold_of_group[group]
        return found


@dataclass(frozen=True)
class TimeSplit(Split):
    """Earlier rows train, later rows test. Rows of the same time stay together, in the later part.

    Attributes:
        column: a date or a number to sort by; also a feature, unless the table drops it.
        train, val, test: fractions that add up to 1.
    """

    column: str | int
    train: float
    val: float
    test: float
    aside_is_feature = True

    def parts(self, dataset: Dataset, generator: np.random.Generator) -> Parts:
        times = self.column_values(dataset)
        if isinstance(times[0], str):
            raise DataError(
                f"split.column: '{self.column}', row {dataset.source_rows[0]}, from 0: expected a date or a number "
                f"to sort by, found '{times[0]}'"
            )
        in_order = np.sort(times)
        code = np.zeros(len(times), dtype=np.int64)
        for fraction in (self.val + self.test, self.test):
            if fraction:
                code += times >= in_order[min(round((1 - fraction) * len(times)), len(times) - 1)]
        for number, fraction in enumerate((self.train, self.val, self.test)):
            if fraction and not (code == number).any():
                raise DataError(
                    f"split.{PARTS[number]}: no row of the {len(times)} falls into its share of the time: column "
                    f"'{self.column}' has {len(np.unique(times))} different values, and equal ones stay together"
                )
        return parts_by_code(code)

    def ensemble_folds(self, dataset: Dataset, rows: Rows, count: int, generator: np.random.Generator) -> Rows:
        """Spans of time of nearly equally many rows; rows of the same time stay together, in the later one."""
        times = self.column_values(dataset)[rows]
        in_order = np.sort(times)
        starts = in_order[[len(rows) * fold // count for fold in range(1, count)]]
        found = np.searchsorted(starts, times, side="right")
        if len(np.unique(found)) < count:
            raise ValueError(f"they are of {len(np.unique(times))} different times (split.column)")
        return found

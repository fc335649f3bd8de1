"""Which rows train, which validate, which test."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlp_exp.config.errors import DataError
from mlp_exp.data.dataset import Dataset

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Parts:
    """Row numbers of the three parts, sorted; no row is in two. `val` and `test` may be empty."""

    train: Rows
    val: Rows
    test: Rows

    def items(self) -> list[tuple[str, Rows]]:
        """The parts that are not empty, by name."""
        named = [("train", self.train), ("val", self.val), ("test", self.test)]
        return [(name, rows) for name, rows in named if len(rows)]


@dataclass(frozen=True)
class Shares:
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
        """Splits by scikit-learn's `train_test_split`, the test part first.

        Raises:
            DataError: a part would be empty, or a class has too few rows to be split.
        """
        if self.seed is not None:
            generator = np.random.default_rng(self.seed)
        seeds = generator.integers(2**31, size=2)
        rows = np.arange(len(dataset.target))
        rest, test = self._take(dataset, rows, "test", int(seeds[0]))
        train, val = self._take(dataset, rest, "val", int(seeds[1]))
        return Parts(np.sort(train), np.sort(val), np.sort(test))

    def _take(self, dataset: Dataset, rows: Rows, part: str, seed: int) -> tuple[Rows, Rows]:
        """The rows that stay, and those of a part with its share of the whole dataset."""
        from sklearn.model_selection import train_test_split

        share = {"val": self.val, "test": self.test}[part]
        if share == 0:
            return rows, rows[:0]
        count = round(share * len(dataset.target))
        if not 0 < count < len(rows):
            raise DataError(f"split.{part}: {share:g} of {len(dataset.target)} rows is {count}; expected one or more")
        labels = None if dataset.task == "regression" else dataset.target[rows]
        try:
            kept, taken = train_test_split(rows, test_size=count, random_state=seed, stratify=labels)
        except ValueError as error:
            raise DataError(
                f"split.{part}: {count} of {len(rows)} rows cannot be taken with classes in proportion: {error}"
            ) from error
        return kept, taken

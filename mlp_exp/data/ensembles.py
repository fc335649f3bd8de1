"""Which rows each network of an ensemble trains with, and which it is validated on."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from mlp_exp.data.dataset import Dataset
from mlp_exp.data.splits.base import Parts, Rows, Split
from mlp_exp.data.splits.sampling import strata, take
from mlp_exp.errors import DataError

LEFT_OUT = math.exp(-1)
"""Fraction of the rows that a bootstrap sample of as many rows lacks, on average."""


class MemberRows(NamedTuple):
    """Of one network; those of `train` may repeat, and it does not see those of `val` in training."""

    train: Rows
    val: Rows


@dataclass(frozen=True)
class Ensemble(ABC):
    """Several networks in one run, whose answers are averaged.

    Attributes:
        members: number of networks.
        epoch: which one a network is kept of: its `own` best epoch, or the `common` one, with the best mean over all.
        divides: whether the rows of the training and the validation part together are divided among the members.
    """

    members: int = 8
    epoch: Literal["own", "common"] = "own"
    divides = False

    @abstractmethod
    def divide(self, dataset: Dataset, parts: Parts, split: Split, generator: np.random.Generator) -> list[MemberRows]:
        """The rows of each member, none of them of the test part.

        Raises:
            DataError: there are too few rows.
        """

    def all_rows(self, parts: Parts) -> Rows:
        """The rows, in order, that preprocessing is fitted to: all that any member may train with."""
        return np.sort(np.concatenate([parts.train, parts.val])) if self.divides else parts.train


@dataclass(frozen=True)
class NoEnsemble(Ensemble):
    """One network."""

    members: int = 1
    epoch: Literal["own", "common"] = "own"

    def divide(self, dataset: Dataset, parts: Parts, split: Split, generator: np.random.Generator) -> list[MemberRows]:
        return [MemberRows(parts.train, parts.val)]


class SeedEnsemble(Ensemble):
    """Networks that differ in their random numbers alone (Lakshminarayanan et al., 2017)."""

    def divide(self, dataset: Dataset, parts: Parts, split: Split, generator: np.random.Generator) -> list[MemberRows]:
        return [MemberRows(parts.train, parts.val)] * self.members


class FoldEnsemble(Ensemble):
    """Networks that are each validated on a fold of the rows and train with the others, as in cross-validation.

    Each row is held out by one network, so that what this one predicts of it is an honest prediction.
    """

    divides = True

    def divide(self, dataset: Dataset, parts: Parts, split: Split, generator: np.random.Generator) -> list[MemberRows]:
        rows = self.all_rows(parts)
        if len(rows) < self.members:
            raise DataError(
                f"ensemble.members: expected at most {len(rows)} folds, one for each row to train and validate with, "
                f"got {self.members}"
            )
        try:
            fold = split.ensemble_folds(dataset, rows, self.members, generator)
        except ValueError as error:
            raise DataError(
                f"ensemble.members: {len(rows)} rows cannot be cut into {self.members} folds: {error}"
            ) from error
        return [MemberRows(rows[fold != member], rows[fold == member]) for member in range(self.members)]


class BaggingEnsemble(Ensemble):
    """Networks on bootstrap samples (Breiman, 1996), each validated on the rows that its sample lacks.

    A sample has as many rows as there are. All samples lack equally many, as many as on average.
    """

    divides = True

    def divide(self, dataset: Dataset, parts: Parts, split: Split, generator: np.random.Generator) -> list[MemberRows]:
        if type(split).ensemble_folds is not Split.ensemble_folds:
            raise DataError("ensemble: bagging draws single rows, which this split keeps together; use ensemble=folds")
        rows, classes = self.all_rows(parts), strata(dataset)
        count = round(LEFT_OUT * len(rows))
        if not count:
            raise DataError(f"ensemble: of {len(rows)} rows a sample lacks none; take more rows")
        found = []
        for _ in range(self.members):
            seed = int(generator.integers(2**31))
            try:
                inside, outside = take(rows, count, None if classes is None else classes[rows], seed)
            except ValueError:  # a class of one row
                inside, outside = take(rows, count, None, seed)
            again = generator.choice(inside, size=count)
            found.append(MemberRows(np.sort(np.concatenate([inside, again])), np.sort(outside)))
        return found


def alike(members: Sequence[MemberRows], batch_size: int, generator: np.random.Generator) -> list[MemberRows]:
    """The members with as many steps an epoch as the smallest has; the others leave out a few random training rows.

    Args:
        batch_size: rows a step.
    """
    fewest = min(len(member.train) for member in members)
    most = -(-fewest // batch_size) * batch_size if batch_size < fewest else fewest
    found = []
    for train, val in members:
        rows = train
        if len(train) > most:
            rows = np.sort(generator.choice(train, size=most, replace=False))
        found.append(MemberRows(rows, val))
    return found

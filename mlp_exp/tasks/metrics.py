"""Metrics: the name of each, whether larger is better, and how it is computed.

To add a metric, write it into the table of its task and test it; all else reads these tables, `result.json` in their
order. They are those of scikit-learn, computed here: its import takes longer than many a training.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

A = TypeVar("A")
EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Metric(Generic[A]):
    """A measure of the predictions of a part; `compute` gives None where it is not defined for them."""

    larger_is_better: bool
    compute: Callable[[A], float | None]


@dataclass(frozen=True)
class ClassPredictions:
    """Class codes `[n]` beside the probabilities `[n, C]` that were given, and what several metrics need of them.

    Rows of `given` add up to 1 but for rounding; those of `probabilities` are scaled to it.
    """

    target: NDArray[np.int64]
    given: NDArray[np.float64]

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        scaled: NDArray[np.float64] = self.given / self.given.sum(axis=1, keepdims=True)
        return scaled

    @property
    def binary(self) -> bool:
        return bool(self.given.shape[1] == 2)

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        """The most probable class of each row `[n]`."""
        codes: NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return codes

    @cached_property
    def hits(self) -> NDArray[np.int64]:
        """Of each class, how many of its rows are predicted as such `[C]`."""
        return self._count(self.target[self.predicted == self.target])

    @cached_property
    def occur(self) -> NDArray[np.int64]:
        """Of each class, how many rows it has `[C]`."""
        return self._count(self.target)

    @cached_property
    def guesses(self) -> NDArray[np.int64]:
        """Of each class, how many rows are predicted as such `[C]`."""
        return self._count(self.predicted)

    def _count(self, codes: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.bincount(codes, minlength=self.given.shape[1])


@dataclass(frozen=True)
class ValuePredictions:
    """Predicted beside true values `[n]`, in the target's own unit."""

    target: NDArray[np.float64]
    predicted: NDArray[np.float64]


def _balanced_accuracy(of: ClassPredictions) -> float:
    """Mean recall of the classes that occur."""
    present = of.occur > 0
    return float((of.hits[present] / of.occur[present]).mean())


def _f1(of: ClassPredictions) -> float:
    """Of the second of two classes, else the mean over classes; 0 of one that neither occurs nor is predicted."""
    f1 = 2 * of.hits / np.maximum(of.occur + of.guesses, 1)
    return float(f1[1] if of.binary else f1.mean())


def _roc_auc(of: ClassPredictions) -> float | None:
    """Of one class against the rest, the mean over classes; None where a class does not occur."""
    if (of.occur == 0).any():
        return None
    codes = [1] if of.binary else range(of.given.shape[1])
    return float(np.mean([_area(of.target == code, of.probabilities[:, code]) for code in codes]))


def _area(positive: NDArray[np.bool_], score: NDArray[np.float64]) -> float:
    """How often a positive row has the larger score than a negative one, half for equal scores (Hanley & McNeil,
    1982).
    """
    values, place = np.unique(score, return_inverse=True)
    positives = np.bincount(place[positive], minlength=len(values))
    negatives = np.bincount(place[~positive], minlength=len(values))
    below = np.cumsum(negatives) - negatives
    return float((positives * (below + 0.5 * negatives)).sum() / (positives.sum() * negatives.sum()))


def _log_loss(of: ClassPredictions) -> float:
    """Minus the mean log of the probability of the true class, which is taken as one of 2^-52 at least."""
    probability = of.probabilities[np.arange(len(of.target)), of.target]
    return float(-np.log(probability.clip(EPS, 1 - EPS)).mean())


def _brier(of: ClassPredictions) -> float:
    """The mean squared error of the probability of the second of two classes, else summed over classes."""
    if of.binary:
        return float(np.square(of.probabilities[:, 1] - of.target).mean())
    right = of.target[:, None] == np.arange(of.given.shape[1])
    return float(np.square(of.probabilities - right).sum(axis=1).mean())


CLASS_METRICS: Mapping[str, Metric[ClassPredictions]] = {
    "accuracy": Metric(True, lambda of: float(np.mean(of.predicted == of.target))),
    "balanced_accuracy": Metric(True, _balanced_accuracy),
    "f1": Metric(True, _f1),
    "roc_auc": Metric(True, _roc_auc),
    "log_loss": Metric(False, _log_loss),
    "brier": Metric(False, _brier),
}


def _r2(of: ValuePredictions) -> float | None:
    """None for a single row, which has no variance; of equal targets 1 where all are met, else 0."""
    if len(of.target) < 2:
        return None
    left = np.square(of.target - of.predicted).sum()
    spread = np.square(of.target - of.target.mean()).sum()
    return float(1 - left / spread) if spread else float(left == 0)


VALUE_METRICS: Mapping[str, Metric[ValuePredictions]] = {
    "rmse": Metric(False, lambda of: math.sqrt(np.square(of.target - of.predicted).mean())),
    "mae": Metric(False, lambda of: float(np.abs(of.target - of.predicted).mean())),
    "r2": Metric(True, _r2),
}


def evaluate(metrics: Mapping[str, Metric[A]], predictions: A) -> dict[str, float | None]:
    """The value of each metric; None where it is not defined or not finite, as JSON needs it."""
    with np.errstate(over="ignore"):  # the square of a wild value
        values = {name: metric.compute(predictions) for name, metric in metrics.items()}
    return {name: value if value is None or math.isfinite(value) else None for name, value in values.items()}

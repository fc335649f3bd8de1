"""Metrics: the name of each, whether larger is better, and how it is computed.

To add a metric, write it into the table of its task and test it; all else reads these tables, `result.json` in their
order. scikit-learn is imported when a metric is computed: a leaderboard, which asks for directions, starts 1 s earlier.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

A = TypeVar("A")


def _sklearn() -> Any:
    from sklearn import metrics

    return metrics


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

    @property
    def labels(self) -> NDArray[np.int64]:
        return np.arange(self.given.shape[1])

    @property
    def scores(self) -> NDArray[np.float64]:
        """As scikit-learn takes them: `[n]` of the second of two classes, else `[n, C]`."""
        return self.probabilities[:, 1] if self.binary else self.probabilities

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        """The most probable class of each row `[n]`."""
        codes: NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return codes

    @cached_property
    def present(self) -> NDArray[np.int64]:
        """Codes of the classes that occur."""
        return np.unique(self.target)

    @cached_property
    def recall_and_f1(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Of each class `[C]`, by one call: each call of scikit-learn takes a millisecond, mostly for checks."""
        _, recall, f1, _ = _sklearn().precision_recall_fscore_support(
            self.target, self.predicted, labels=self.labels, zero_division=0
        )
        return recall, f1


@dataclass(frozen=True)
class ValuePredictions:
    """Predicted beside true values `[n]`, in the target's own unit."""

    target: NDArray[np.float64]
    predicted: NDArray[np.float64]


def _balanced_accuracy(of: ClassPredictions) -> float:
    """Mean recall of the classes that occur, as `balanced_accuracy_score`, which warns where one does not."""
    return float(of.recall_and_f1[0][of.present].mean())


def _f1(of: ClassPredictions) -> float:
    """Of the second of two classes, else the mean over classes."""
    f1 = of.recall_and_f1[1]
    return float(f1[1] if of.binary else f1.mean())


def _roc_auc(of: ClassPredictions) -> float | None:
    """One class against the rest; None where a class does not occur."""
    if len(of.present) < len(of.labels):
        return None
    labels = None if of.binary else of.labels
    return float(_sklearn().roc_auc_score(of.target, of.scores, multi_class="ovr", labels=labels))


CLASS_METRICS: Mapping[str, Metric[ClassPredictions]] = {
    "accuracy": Metric(True, lambda of: float(np.mean(of.predicted == of.target))),
    "balanced_accuracy": Metric(True, _balanced_accuracy),
    "f1": Metric(True, _f1),
    "roc_auc": Metric(True, _roc_auc),
    "log_loss": Metric(False, lambda of: float(_sklearn().log_loss(of.target, of.probabilities, labels=of.labels))),
    "brier": Metric(False, lambda of: float(_sklearn().brier_score_loss(of.target, of.scores, labels=of.labels))),
}


def _r2(of: ValuePredictions) -> float | None:
    """None for a single row, which has no variance."""
    return float(_sklearn().r2_score(of.target, of.predicted)) if len(of.target) > 1 else None


VALUE_METRICS: Mapping[str, Metric[ValuePredictions]] = {
    "rmse": Metric(False, lambda of: float(_sklearn().root_mean_squared_error(of.target, of.predicted))),
    "mae": Metric(False, lambda of: float(_sklearn().mean_absolute_error(of.target, of.predicted))),
    "r2": Metric(True, _r2),
}


def evaluate(metrics: Mapping[str, Metric[A]], predictions: A) -> dict[str, float | None]:
    """The value of each metric; None where it is not defined or not finite, as JSON needs it."""
    with np.errstate(over="ignore"):  # the square of a wild value
        values = {name: metric.compute(predictions) for name, metric in metrics.items()}
    return {name: value if value is None or math.isfinite(value) else None for name, value in values.items()}

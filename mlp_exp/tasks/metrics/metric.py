"""A metric, and what is done with several: `evaluate` for one part, `compute` for the members of a stack."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np

from mlp_exp.data.statistics import Floats
from mlp_exp.tasks.metrics.predictions import Predictions

P_contra = TypeVar("P_contra", bound=Predictions, contravariant=True)
Q = TypeVar("Q", bound=Predictions)

NOT_FINITE = "not a finite number"


def _always(of: Predictions) -> None:
    """Of a metric that is defined for all rows."""


@dataclass(frozen=True)
class Metric(Generic[P_contra]):
    """A measure of predictions.

    Attributes:
        larger_is_better: its direction.
        compute: its values `[...]`, with the leading dimensions of the predictions; NaN where it is not defined.
        undefined: why it is not defined for these rows, which have no leading dimensions; None if it is.
        one_by_one: whether `compute` is a loop over the leading dimensions, and so takes long for many.
    """

    larger_is_better: bool
    compute: Callable[[P_contra], Any]
    undefined: Callable[[P_contra], str | None] = _always
    one_by_one: bool = False


@dataclass(frozen=True)
class Scores:
    """The values of metrics by name, None where one is not defined or not finite; `reasons` says why of these."""

    values: dict[str, float | None] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)


def compute(metrics: Mapping[str, Metric[Q]], predictions: Q) -> dict[str, Floats]:
    """The values `[...]` of each metric, NaN where it is not defined; of a stack's members each as of it alone."""
    with np.errstate(all="ignore"):  # the square of a wild value; 0 / 0 where a metric is not defined
        return {name: np.asarray(metric.compute(predictions), np.float64) for name, metric in metrics.items()}


def evaluate(metrics: Mapping[str, Metric[Q]], predictions: Q) -> Scores:
    """The value of each metric for predictions without leading dimensions.

    >>> target, predicted = np.array([1.0, 2.0]), np.array([1.0, 4.0])
    >>> evaluate({"mae": VALUE_METRICS["mae"]}, ValuePredictions(target, predicted)).values
    {'mae': 1.0}
    """
    scores = Scores()
    for name, values in compute(metrics, predictions).items():
        value = float(values)
        defined = math.isfinite(value)
        scores.values[name] = value if defined else None
        if not defined:
            scores.reasons[name] = metrics[name].undefined(predictions) or NOT_FINITE
    return scores

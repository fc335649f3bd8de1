"""Tasks: what is predicted, how predictions are measured, and which metric compares runs.

The rest of the package asks the task instead of distinguishing classes from values itself. It is cheap to import:
torch and scikit-learn are loaded by those who train or compute a metric.
"""

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from mlp_exp.data.dataset import TargetColumn, TaskName
from mlp_exp.data.splits.base import PARTS
from mlp_exp.data.statistics import Floats
from mlp_exp.data.target_scaling import TargetScaling
from mlp_exp.tasks.metrics import Metric, Predictions

Column = NDArray[Any]


def mean_of(values: Sequence[Floats], weights: Sequence[float] | None = None) -> Floats:
    """The mean of arrays of one shape, each with a weight above 0; None if all count the same.

    >>> mean_of([np.array([1.0, 2.0]), np.array([3.0, 6.0])], weights=[3, 1])
    array([1.5, 3. ])
    """
    shares = weights if weights and len({*weights}) > 1 else [1.0] * len(values)  # equal ones to the same bits as none
    total: Any = 0.0
    for share, each in zip(shares, values, strict=True):
        total = total + share * each
    mean: Floats = total / sum(shares)
    return mean


def deviation_of(values: Sequence[Floats], weights: Sequence[float] | None = None) -> Floats:
    """The standard deviation of arrays of one shape, weighted like their mean.

    >>> deviation_of([np.array([1.0, 2.0]), np.array([5.0, 2.0])])
    array([2., 0.])
    """
    mean = mean_of(values, weights)
    deviation: Floats = np.sqrt(mean_of([(each - mean) ** 2 for each in values], weights))
    return deviation


class Task(ABC):
    """What is predicted, and of which columns.

    Answers are what a loss makes of logits, `[..., n, A]`: probabilities, values, quantiles …; the leading dimensions
    are those of several members.

    Attributes:
        name: in `data.task`, `Dataset.task`, `result.json` and `model.pt`.
        has_classes: whether answers are probabilities of classes.
        answers_name: what the answers are, in a word.
        targets: the columns that are predicted.
        thresholds: for each target of two classes, from which probability on the second is predicted; else empty.
        known: all metrics by name.
        metrics: those that are computed, in the order of `result.json`.
        headlines: the metrics that are printed and compared.
        history_metric: the one that is computed on the validation part every epoch.
        ranking: the one that ranks runs of different losses.
    """

    name: ClassVar[TaskName]
    has_classes: ClassVar[bool] = False
    answers_name: ClassVar[str] = "values"
    headlines: tuple[str, ...]
    history_metric: str
    ranking: str
    thresholds: tuple[float, ...] = ()

    def __init__(self, targets: Sequence[TargetColumn]) -> None:
        self.targets = tuple(targets)
        self.known: Mapping[str, Metric[Any]] = self._known()
        self.metrics: Mapping[str, Metric[Any]] = {name: self.known[name] for name in self.defaults}

    def __getstate__(self) -> dict[str, Any]:
        """Without the metrics that it makes anew: functions without a name cannot be pickled."""
        others = {name: None if metric is self.known.get(name) else metric for name, metric in self.metrics.items()}
        return {**vars(self), "known": None, "metrics": others}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.known = self._known()
        self.metrics = {name: metric or self.known[name] for name, metric in state["metrics"].items()}

    @property
    @abstractmethod
    def defaults(self) -> Sequence[str]:
        """The names of the metrics that are computed unless a user asks for more."""

    @abstractmethod
    def _known(self) -> Mapping[str, Metric[Any]]:
        """All metrics by name."""

    def measured_by(self, metrics: Mapping[str, Metric[Any]]) -> Self:
        """The same with other metrics."""
        other = copy.copy(self)
        other.metrics = metrics
        return other

    def decided_at(self, thresholds: Sequence[float]) -> Self:
        """The same with other thresholds."""
        other = copy.copy(self)
        other.thresholds = tuple(thresholds)
        return other

    def in_unit(self, answers: Floats, scaling: TargetScaling) -> Floats:
        """Answers of a loss `[..., n, A]`, in the target's own unit."""
        return answers

    @abstractmethod
    def predictions(self, target: NDArray[Any], answers: Floats, weights: Floats | None = None) -> Predictions:
        """What metrics are computed from.

        Args:
            target: class codes or values `[..., n]`, of several targets `[..., n, T]`.
            answers: `[..., n, A]` in the target's own unit.
            weights: of the rows, `[..., n]`.
        """

    @property
    @abstractmethod
    def example(self) -> Predictions:
        """Predictions of a few rows, on which a metric can be tried."""

    @abstractmethod
    def columns(self, answers: Floats) -> Mapping[str, Column]:
        """What `predict` writes of answers `[n, A]`, by the names of its columns, the most useful first."""

    @property
    def column_names(self) -> list[str]:
        """Of `columns`."""
        return list(self.columns(np.zeros((0, self.answers_width))))

    @property
    @abstractmethod
    def answer_names(self) -> list[str]:
        """What each of the A answers for a row is."""

    @property
    def answers_width(self) -> int:
        return len(self.answer_names)

    def mean(self, answers: Sequence[Floats], weights: Sequence[float] | None = None) -> Floats:
        """The answers `[n, A]` of several networks together.

        Args:
            weights: how much each counts, above 0; None if all count the same.
        """
        return mean_of(answers, weights)

    def spread(self, answers: Sequence[Floats], weights: Sequence[float]) -> Mapping[str, Floats]:
        """How far the predictions of several networks are apart, `[n]` by the names of columns.

        Of values it is the standard deviation of the networks' predictions, in the unit of the target; of classes that
        of the probability of the predicted class. Arguments as of `mean`.
        """
        return {"spread": deviation_of([self.columns(each)["prediction"] for each in answers], weights)}

    def decided_by(self, tasks: Sequence["Task"], weights: Sequence[float]) -> Self:
        """The same with the thresholds of several networks' tasks together: their weighted means."""
        thresholds = [task.thresholds for task in tasks]
        if len({*thresholds}) == 1:
            return self.decided_at(thresholds[0])
        return self.decided_at(np.average(thresholds, axis=0, weights=weights).tolist())

    @property
    def history_column(self) -> str:
        return f"val_{self.history_metric}"

    def metric_of(self, column: str) -> str | None:
        """The metric that a column of the history holds, None if it holds something else."""
        name = column.removeprefix("val_")
        return name if column != name and name in self.metrics else None

    def ranking_for(self, monitor: str) -> str:
        """The metric that ranks runs whose early stopping watches this column."""
        return self.metric_of(monitor) or self.ranking

    def larger_is_better(self, column: str) -> bool:
        """The direction of a metric, or of a column with a metric or loss of a part.

        Raises:
            ValueError: it is neither.
        """
        part, _, rest = column.partition("_")
        name = rest if part in PARTS else column
        if name == "loss":
            return False
        if name not in self.metrics:
            known = ", ".join(self.metrics)
            raise ValueError(f"'{column}': expected loss or a metric ({known}), with or without the part before it")
        return self.metrics[name].larger_is_better

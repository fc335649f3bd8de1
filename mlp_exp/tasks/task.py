"""Tasks: what is predicted, how predictions are measured, and which metric compares runs.

The rest of the package asks the task instead of distinguishing classes from values itself. It is cheap to import:
torch and scikit-learn are loaded by those who train or compute a metric.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from numpy.typing import NDArray

from mlp_exp.data.dataset import TaskName
from mlp_exp.data.splits.base import PARTS
from mlp_exp.tasks.metrics import CLASS_METRICS, VALUE_METRICS, ClassPredictions, Metric, ValuePredictions, evaluate

if TYPE_CHECKING:
    from torch import Tensor

    from mlp_exp.data.dataset import TargetColumn
    from mlp_exp.data.statistics import Floats
    from mlp_exp.data.target_scaling import TargetScaling

    ShiftAndScale = tuple[Tensor, Tensor]


class Task(ABC):
    """What is predicted. There is one object of each task; `task_named` gives it.

    Attributes:
        name: in `data.task`, `Dataset.task`, `result.json` and `model.pt`.
        has_classes: whether predictions are probabilities of classes rather than values.
        metrics: by name, in the order of `result.json`.
        predictions: what they are computed from: true classes or values, and what was predicted.
        headlines: the metrics that are printed and compared.
        history_metric: the one that is computed on the validation part every epoch.
        ranking: the one that ranks runs of different losses.
    """

    name: ClassVar[TaskName]
    has_classes: ClassVar[bool]
    metrics: ClassVar[Mapping[str, Metric[Any]]]
    predictions: ClassVar[type[Any]]
    headlines: ClassVar[tuple[str, ...]]
    history_metric: ClassVar[str]
    ranking: ClassVar[str]

    def in_unit(self, predicted: "Floats", scaling: "TargetScaling") -> "Floats":
        """What a loss predicts, in the target's own unit: probabilities `[n, C]` or values `[n]`."""
        return predicted

    def evaluate(self, target: NDArray[Any], predicted: "Floats") -> dict[str, float | None]:
        """All metrics of class codes `[n]` and probabilities `[n, C]`, or of values `[n]` in the target's own unit."""
        return evaluate(self.metrics, self.predictions(target, predicted))

    @abstractmethod
    def row_scores(self, logits: "Tensor", targets: "Tensor", log: "ShiftAndScale | None" = None) -> "Tensor":
        """A score of each row `[...]`, whose mean over rows `history_value` turns into the history's metric.

        Logits and targets are `[..., O]`, the targets as the loss encodes them. `log`, of targets whose logarithm was
        learned, is the scaling of each member `[K, 1, 1]`.
        """

    def history_value(self, mean_score: float, scaling: "TargetScaling") -> float:
        """The history's metric, in the target's own unit, from the mean of `row_scores`."""
        return mean_score

    @property
    def history_column(self) -> str:
        return f"val_{self.history_metric}"

    def ranking_metric(self, watched: Collection[str]) -> str:
        """The metric that ranks runs whose early stopping watches these columns."""
        return self.history_metric if set(watched) == {self.history_column} else self.ranking


class Classification(Task):
    """Which of several classes a row belongs to."""

    has_classes = True
    metrics = CLASS_METRICS
    predictions = ClassPredictions
    headlines = ("accuracy", "log_loss")
    history_metric = "accuracy"
    ranking = "log_loss"

    def row_scores(self, logits: "Tensor", targets: "Tensor", log: "ShiftAndScale | None" = None) -> "Tensor":
        """1 for a hit and 0 for a miss."""
        if logits.shape[-1] == 1:
            return ((logits > 0) == (targets > 0.5)).squeeze(-1).float()
        return (logits.argmax(-1) == targets.argmax(-1)).float()


class BinaryClassification(Classification):
    """Two classes: the logit is evidence for the second."""

    name = "binary"


class MulticlassClassification(Classification):
    """Three classes or more, with a logit each."""

    name = "multiclass"


class Regression(Task):
    """A value; networks learn it standardised (`TargetScaling`)."""

    name = "regression"
    has_classes = False
    metrics = VALUE_METRICS
    predictions = ValuePredictions
    headlines = ("rmse", "r2")
    history_metric = "rmse"
    ranking = "rmse"

    def in_unit(self, predicted: "Floats", scaling: "TargetScaling") -> "Floats":
        return scaling.unit(predicted)

    def row_scores(self, logits: "Tensor", targets: "Tensor", log: "ShiftAndScale | None" = None) -> "Tensor":
        """Squared errors of the scaled target; of a target whose logarithm was learned, in its own unit."""
        if log is not None:
            shift, scale = log
            logits, targets = ((x * scale + shift).expm1() for x in (logits, targets))
        return (logits - targets).square_().mean(-1)

    def history_value(self, mean_score: float, scaling: "TargetScaling") -> float:
        return math.sqrt(mean_score) * (1.0 if scaling.log else scaling.scale)


TASKS: Mapping[str, Task] = {of.name: of for of in (BinaryClassification(), MulticlassClassification(), Regression())}


def task_named(name: str) -> Task:
    """The task of a name as in `result.json`; KeyError for any other."""
    return TASKS[name]


def task_of(name: TaskName, targets: "Sequence[TargetColumn]") -> Task:
    """The task of a name, with its targets."""
    return TASKS[{"ordinal": "multiclass", "multilabel": "binary"}.get(name, name)]


def larger_is_better(column: str) -> bool:
    """The direction of a metric, or of a column that holds a metric or loss of a part; ValueError if it is neither.

    >>> larger_is_better("val_accuracy"), larger_is_better("test_r2"), larger_is_better("val_loss")
    (True, True, False)
    """
    part, _, rest = column.partition("_")
    name = rest if part in PARTS else column
    if name == "loss":
        return False
    for task in TASKS.values():
        if name in task.metrics:
            return task.metrics[name].larger_is_better
    known = dict.fromkeys(name for task in TASKS.values() for name in task.metrics)
    raise ValueError(f"'{column}': expected loss or a metric ({', '.join(known)}), with or without the part before it")

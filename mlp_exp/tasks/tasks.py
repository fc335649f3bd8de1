"""All tasks by the names that a dataset, `result.json` and `model.pt` give them."""

from collections.abc import Callable, Mapping, Sequence

from mlp_exp.data.dataset import TargetColumn, TaskName
from mlp_exp.tasks.classification import BinaryClassification, MulticlassClassification, OrdinalClassification
from mlp_exp.tasks.regression import Regression
from mlp_exp.tasks.several import Multilabel, SeveralValues
from mlp_exp.tasks.task import Task

TASKS: Mapping[TaskName, Callable[[Sequence[TargetColumn]], Task]] = {
    "binary": BinaryClassification,
    "multiclass": MulticlassClassification,
    "ordinal": OrdinalClassification,
    "multilabel": Multilabel,
    "regression": Regression,
}


def task_of(name: TaskName, targets: Sequence[TargetColumn]) -> Task:
    """The task of these targets, unless a loss predicts something else of them."""
    if name == "regression" and len(targets) > 1:
        return SeveralValues(targets)
    return TASKS[name](targets)

"""The loss of a task that is used unless another is asked for."""

from collections.abc import Sequence

from mlp_exp.data.dataset import TaskName
from mlp_exp.errors import ConfigError
from mlp_exp.tasks.losses.base import Loss
from mlp_exp.tasks.losses.class_weights import ClassWeight
from mlp_exp.tasks.losses.classes import BinaryCrossEntropy, CrossEntropy, Ordinal
from mlp_exp.tasks.losses.values import SquaredError


def auto_loss(
    task: TaskName,
    n_classes: int,
    label_smoothing: float = 0.0,
    class_weight: ClassWeight = None,
    n_targets: int = 1,
    class_names: Sequence[str] = (),
) -> Loss:
    """The default loss of a task, without label smoothing for classes in order, which no class is mistaken for evenly.

    Raises:
        ConfigError: the task has no classes, and something is said of them.
    """
    if task in ("binary", "multilabel"):
        return BinaryCrossEntropy(task, label_smoothing, class_weight, n_targets, class_names)
    if task == "multiclass":
        return CrossEntropy(task, n_classes, label_smoothing, class_weight, class_names)
    if task == "ordinal":
        return Ordinal(task, n_classes, class_weight, class_names)
    if label_smoothing or class_weight:
        raise ConfigError(["loss: label_smoothing and class_weight are for classes, and the task is regression"])
    return SquaredError(task, n_targets)

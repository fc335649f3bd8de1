"""Losses that know nothing of tasks: torch's own criteria, and modules of a user."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mlp_exp.data.dataset import TaskName
from mlp_exp.errors import ConfigError
from mlp_exp.tasks.losses import BinaryCrossEntropy, CrossEntropy, Loss, SquaredError

OF_TORCH: dict[TaskName, tuple[type[nn.Module], ...]] = {
    "regression": (nn.MSELoss, nn.L1Loss, nn.SmoothL1Loss, nn.HuberLoss),
    "binary": (nn.BCEWithLogitsLoss, nn.CrossEntropyLoss, nn.MultiMarginLoss),
    "multiclass": (nn.CrossEntropyLoss, nn.MultiMarginLoss),
}
"""Those of torch that take logits and targets of a task."""
CRITERIA = frozenset(f"torch.nn.{each.__name__}" for criteria in OF_TORCH.values() for each in criteria)
LOGIT_EACH = (nn.CrossEntropyLoss, nn.MultiMarginLoss)
"""Those that take a logit for each class, of two classes too."""


class Criterion(Loss):
    """A module of logits `[N, O]` and targets that returns a loss for each row, or for each element.

    Targets are scaled values `[N, 1]`, labels 0 and 1 `[N, 1]`, or codes of classes `[N]`, as torch's criteria take
    them. Encoding and predictions are those of the task's own loss. The gradient comes from autograd.

    Raises:
        ConfigError: the module does not fit the task, or does not return a loss for each row.
    """

    def __init__(self, criterion: nn.Module, task: TaskName, n_classes: int) -> None:
        name = type(criterion).__name__
        if type(criterion).__module__.startswith("torch.") and not isinstance(criterion, OF_TORCH[task]):
            known = " or ".join(f"torch.nn.{each.__name__}" for each in OF_TORCH[task])
            raise ConfigError([f"loss: of torch, expected {known} for a {task} target, got {name}"])
        self._like = _of_task(task, n_classes, logit_each=isinstance(criterion, LOGIT_EACH))
        super().__init__(self._like.out_features)
        if hasattr(criterion, "reduction"):
            vars(criterion)["reduction"] = "none"
        self._criterion = criterion
        for rows in (2, 5):
            self._check(name, rows)

    def _check(self, name: str, rows: int) -> None:
        logits = torch.zeros(rows, self.out_features, requires_grad=True)
        target = torch.from_numpy(self.encode(np.zeros(rows, np.int64)))
        try:
            with torch.enable_grad():
                found = self._criterion(logits, self._target(target))
        except Exception as error:  # the user's own code may raise anything
            raise ConfigError([f"loss: {name} refuses logits [{rows}, {self.out_features}]: {error}"]) from error
        expected = f"loss: expected {name} to return a loss for each row, of {rows} rows [{rows}], got"
        if not isinstance(found, Tensor):
            raise ConfigError([f"{expected} {type(found).__name__}"])
        if tuple(found.shape) not in {(rows,), (rows, 1), (rows, self.out_features)}:
            raise ConfigError([f"{expected} {list(found.shape)}"])
        if not found.requires_grad:
            raise ConfigError([f"{expected} one without a gradient: it is detached from the logits"])

    def _target(self, encoded: Tensor) -> Tensor:
        return encoded.argmax(-1) if isinstance(self._like, CrossEntropy) else encoded

    def encode(self, target: NDArray[Any]) -> NDArray[np.float32]:
        return self._like.encode(target)

    def value(self, logits: Tensor, target: Tensor) -> Tensor:
        rows = logits.flatten(0, -2)
        values: Tensor = self._criterion(rows, self._target(target.flatten(0, -2)))
        return (values.mean(-1) if values.ndim == 2 else values).view(logits.shape[:-1])

    def predict(self, logits: Tensor) -> Tensor:
        return self._like.predict(logits)


def _of_task(task: TaskName, n_classes: int, *, logit_each: bool) -> Loss:
    if task == "regression":
        return SquaredError(task)
    if task == "binary" and not logit_each:
        return BinaryCrossEntropy(task)
    return CrossEntropy(task, n_classes)


def as_loss(built: Any, task: TaskName, n_classes: int) -> Loss:
    """What a configuration's `loss` has built, as a loss.

    Raises:
        ConfigError: it is neither a `Loss` nor a module that can be one.
    """
    if isinstance(built, Loss):
        return built
    if isinstance(built, nn.Module):
        return Criterion(built, task, n_classes)
    raise ConfigError(
        [
            "loss._target_: expected a mlp_exp.components.Loss, or a torch.nn.Module of logits and targets, to be "
            f"built, got {type(built).__name__}"
        ]
    )

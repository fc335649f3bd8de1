"""Losses that know nothing of tasks: torch's own, and functions and modules of a user."""

import inspect
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from mlp_exp.config.trust import TORCH_LOSSES
from mlp_exp.data.dataset import TaskName
from mlp_exp.errors import ConfigError
from mlp_exp.tasks.calls import Function, OfBatch, Rows, row_call
from mlp_exp.tasks.losses import BinaryCrossEntropy, CrossEntropy, Loss, SquaredError
from mlp_exp.tasks.losses.base import alternatives

OF_TORCH: Mapping[TaskName, Mapping[str, str]] = {
    "regression": {
        "MSELoss": "mse_loss",
        "L1Loss": "l1_loss",
        "SmoothL1Loss": "smooth_l1_loss",
        "HuberLoss": "huber_loss",
    },
    "binary": {
        "BCEWithLogitsLoss": "binary_cross_entropy_with_logits",
        "CrossEntropyLoss": "cross_entropy",
        "MultiMarginLoss": "multi_margin_loss",
    },
    "multiclass": {"CrossEntropyLoss": "cross_entropy", "MultiMarginLoss": "multi_margin_loss"},
    "ordinal": {"CrossEntropyLoss": "cross_entropy", "MultiMarginLoss": "multi_margin_loss"},
    "multilabel": {
        "BCEWithLogitsLoss": "binary_cross_entropy_with_logits",
        "MultiLabelSoftMarginLoss": "multilabel_soft_margin_loss",
    },
}
"""Those of torch that take logits and targets of a task: modules, each with its function."""
CRITERIA = TORCH_LOSSES.union(f"torch.nn.{name}" for modules in OF_TORCH.values() for name in modules)
INSTEAD = {
    "PoissonNLLLoss": "poisson",
    "poisson_nll_loss": "poisson",
    "GaussianNLLLoss": "gaussian",
    "gaussian_nll_loss": "gaussian",
}
"""Losses of torch that need targets or outputs of their own, each with the option that provides them."""


class Criterion(Loss):
    """A function or module of logits and targets that comes without a gradient, an encoding and predictions.

    It gets, of N rows,

    - logits `[N, 1]` and scaled values `[N, 1]` of a regression; of T targets `[N, T]` both;
    - a logit `[N, 1]` and labels 0 and 1 as floats `[N, 1]` of two classes; of T targets of two classes `[N, T]` both;
    - logits `[N, C]` and class codes `[N]` of more classes, ordered or not, and of two for torch's that need them so.

    A function that refuses `[N, 1]` gets vectors `[N]`. It returns a loss for each row or element, or their mean or
    sum, of which the loss of each row is found. Any other number is a loss of the batch as a whole: it stands for each
    row, rows cannot have weights, and the run trains alone. A setting `reduction` becomes `none`. Encoding and
    predictions are those of the task's own loss; the gradient comes from autograd.

    Raises:
        ConfigError: the function does not fit the task, or returns something else.
    """

    def __init__(self, criterion: Function, task: TaskName, n_classes: int, n_targets: int = 1) -> None:
        plain = _unbound(criterion)
        name = str(getattr(plain, "__name__", type(plain).__name__))
        _check_torch(plain, name, task)
        self._like = _of_task(task, n_classes, n_targets, logit_each=_has_logit_each(plain))
        super().__init__(self._like.out_features)
        self.n_targets = n_targets
        self._values = task == "regression"
        self._call = row_call(_for_each_row(criterion), name, self._example)
        self.takes_weights = not isinstance(self._call, OfBatch)

    def _example(self, rows: int) -> Rows:
        """Random logits and targets; values above 0, whose logarithm may be asked for."""
        generator = np.random.default_rng(rows)
        shape = (rows, self.n_targets) if self.n_targets > 1 else (rows,)
        target = generator.uniform(0.1, 2.0, shape) if self._values else np.arange(np.prod(shape)).reshape(shape) % 2
        logits = torch.from_numpy(generator.standard_normal((rows, self.out_features)).astype(np.float32))
        return logits.requires_grad_(), self._target(torch.from_numpy(self.encode(target)))

    def _target(self, encoded: Tensor) -> Tensor:
        return encoded.argmax(-1) if isinstance(self._like, CrossEntropy) else encoded

    def encode(self, target: NDArray[Any]) -> NDArray[np.float32]:
        return self._like.encode(target)

    def value(self, logits: Tensor, target: Tensor) -> Tensor:
        if logits.ndim > 2 and not self.takes_weights:  # each batch for itself
            return torch.stack([self.value(*batch) for batch in zip(logits, target, strict=True)])
        losses = self._call.losses(logits.flatten(0, -2), self._target(target.flatten(0, -2)))
        return losses.view(logits.shape[:-1])

    def predict(self, logits: Tensor) -> Tensor:
        return self._like.predict(logits)


def _unbound(criterion: Function) -> Any:
    """A function without the settings that it is called with."""
    return criterion.func if isinstance(criterion, partial) else criterion


def _check_torch(criterion: Any, name: str, task: TaskName) -> None:
    """Raises ConfigError for one of torch's that does not take logits and targets of the task."""
    is_function = not isinstance(criterion, nn.Module)
    if not str((criterion if is_function else type(criterion)).__module__).startswith("torch."):
        return
    known = OF_TORCH[task].values() if is_function else OF_TORCH[task]
    if name not in known:
        expected = alternatives([f"torch.nn.{'functional.' if is_function else ''}{each}" for each in known])
        use = f"; use loss={INSTEAD[name]}" if name in INSTEAD and task == "regression" else ""
        raise ConfigError([f"loss: of torch, expected {expected} for a {task} target, got {name}{use}"])


def _has_logit_each(criterion: Any) -> bool:
    """Whether it takes a logit for each class, of two classes too."""
    if isinstance(criterion, nn.Module):
        return isinstance(criterion, nn.CrossEntropyLoss | nn.MultiMarginLoss)
    return criterion in (functional.cross_entropy, functional.multi_margin_loss)


def _for_each_row(criterion: Function) -> Function:
    """The same without a reduction, where that is a setting."""
    if not isinstance(criterion, nn.Module):
        settings = {"reduction": "none"} if "reduction" in inspect.signature(criterion).parameters else {}
        return partial(criterion, **settings)
    if hasattr(criterion, "reduction"):
        vars(criterion)["reduction"] = "none"
    return criterion


def _of_task(task: TaskName, n_classes: int, n_targets: int, *, logit_each: bool) -> Loss:
    if task == "regression":
        return SquaredError(task, n_targets)
    if task == "multilabel" or (task == "binary" and not logit_each):
        return BinaryCrossEntropy(task, n_targets=n_targets)
    return CrossEntropy(task, n_classes)


def as_loss(built: Any, task: TaskName, n_classes: int, n_targets: int = 1) -> Loss:
    """What a configuration's `loss` has built, as a loss.

    Raises:
        ConfigError: it is neither a `Loss` nor a function or module that can be one.
    """
    if isinstance(built, Loss):
        built.n_targets = n_targets
        return built
    if callable(built):
        return Criterion(built, task, n_classes, n_targets)
    raise ConfigError(
        [
            "loss._target_: expected a mlp_exp.components.Loss, or a function or torch.nn.Module of logits and "
            f"targets, to be built, got {type(built).__name__}"
        ]
    )

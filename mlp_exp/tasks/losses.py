"""Losses: the value and its gradient at the logits, elementwise over any leading dimensions.

A loss also defines the width of the logits, the encoding of the target, and the predictions: a network outputs logits,
which the loss turns into probabilities or values.
"""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from mlp_exp.data.dataset import TaskName
from mlp_exp.errors import ConfigError


class Loss(ABC):
    """Base of all losses.

    Example:
        class AbsoluteError(SquaredError):
            def value(self, logits, target):
                return (logits - target).abs().squeeze(-1)

            def gradient(self, logits, target):
                return (logits - target).sign()

    Attributes:
        out_features: width O of the logits.
        label_smoothing: fraction of a label that is spread evenly over all classes (Szegedy et al., 2016).
        class_weight: `balanced` weights a row by N / (C · rows of its class), mean 1; None weights all rows equally.
    """

    label_smoothing = 0.0
    class_weight: str | None = None

    def __init__(self, out_features: int) -> None:
        self.out_features = out_features

    @abstractmethod
    def encode(self, target: NDArray[Any]) -> NDArray[np.float32]:
        """Class codes or scaled values `[N]` as `[N, O]`."""

    @abstractmethod
    def value(self, logits: Tensor, target: Tensor) -> Tensor:
        """Logits and encoded targets `[..., O]` → the loss of each row `[...]`."""

    def gradient(self, logits: Tensor, target: Tensor) -> Tensor:
        """Derivative of `value` with respect to the logits, `[..., O]`; by autograd, unless a class knows it."""
        with torch.enable_grad():
            leaf = logits.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(self.value(leaf, target).sum(), leaf)
        return gradient

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "value" in vars(cls) and "gradient" not in vars(cls):
            cls.gradient = Loss.gradient  # type: ignore[method-assign] # what it inherits is that of another value

    @abstractmethod
    def predict(self, logits: Tensor) -> Tensor:
        """Logits `[..., O]` as probabilities `[..., C]`, or as scaled values `[...]`."""

    def row_weights(self, target: NDArray[Any], train: NDArray[np.int64]) -> NDArray[np.float32]:
        """A weight for each class code or scaled value `[N]`, by the classes of the rows with the indices `train`."""
        if self.class_weight is None:
            return np.ones(len(target), dtype=np.float32)
        codes = target.astype(np.int64)
        counts = np.bincount(codes[train], minlength=int(codes.max()) + 1)
        weights = len(train) / (np.count_nonzero(counts) * np.maximum(counts, 1))
        return weights[codes].astype(np.float32)


def _require(name: str, task: TaskName, *tasks: TaskName) -> None:
    if task not in tasks:
        raise ConfigError([f"loss: {name} is for {' or '.join(tasks)} targets, and the task is {task}; use loss=auto"])


class BinaryCrossEntropy(Loss):
    """Cross-entropy of a sigmoid, as `torch.nn.BCEWithLogitsLoss`, on one logit."""

    def __init__(self, task: TaskName, label_smoothing: float = 0.0, class_weight: str | None = None) -> None:
        _require("binary_cross_entropy", task, "binary")
        super().__init__(out_features=1)
        self.label_smoothing = label_smoothing
        self.class_weight = class_weight

    def encode(self, target: NDArray[Any]) -> NDArray[np.float32]:
        hard = target.astype(np.float64)[:, None]
        return (hard * (1 - self.label_smoothing) + self.label_smoothing / 2).astype(np.float32)

    def value(self, logits: Tensor, target: Tensor) -> Tensor:
        return functional.binary_cross_entropy_with_logits(logits, target, reduction="none").squeeze(-1)

    def gradient(self, logits: Tensor, target: Tensor) -> Tensor:
        return torch.sigmoid(logits).sub_(target)

    def predict(self, logits: Tensor) -> Tensor:
        # 1 - sigmoid would round a small probability to 0
        return torch.sigmoid(torch.cat([-logits, logits], dim=-1))


class CrossEntropy(Loss):
    """Cross-entropy of a softmax, as `torch.nn.CrossEntropyLoss`, on a logit for each class."""

    def __init__(
        self, task: TaskName, n_classes: int, label_smoothing: float = 0.0, class_weight: str | None = None
    ) -> None:
        _require("cross_entropy", task, "binary", "multiclass")
        super().__init__(n_classes)
        self.label_smoothing = label_smoothing
        self.class_weight = class_weight

    def encode(self, target: NDArray[Any]) -> NDArray[np.float32]:
        hard = np.eye(self.out_features)[target.astype(np.int64)]
        return (hard * (1 - self.label_smoothing) + self.label_smoothing / self.out_features).astype(np.float32)

    def value(self, logits: Tensor, target: Tensor) -> Tensor:
        return -(target * functional.log_softmax(logits, dim=-1)).sum(-1)

    def gradient(self, logits: Tensor, target: Tensor) -> Tensor:
        return torch.softmax(logits, dim=-1).sub_(target)

    def predict(self, logits: Tensor) -> Tensor:
        return torch.softmax(logits, dim=-1)


class SquaredError(Loss):
    """(prediction - target)², as `torch.nn.MSELoss`, on the standardised target."""

    def __init__(self, task: TaskName) -> None:
        _require("squared_error", task, "regression")
        super().__init__(out_features=1)

    def encode(self, target: NDArray[Any]) -> NDArray[np.float32]:
        return target.astype(np.float32)[:, None]

    def value(self, logits: Tensor, target: Tensor) -> Tensor:
        return (logits - target).square().squeeze(-1)

    def gradient(self, logits: Tensor, target: Tensor) -> Tensor:
        return (logits - target).mul_(2.0)

    def predict(self, logits: Tensor) -> Tensor:
        return logits.squeeze(-1)


class Huber(SquaredError):  # noqa: N818 (a loss, not an exception)
    """Squared near zero, linear beyond `delta`, as `torch.nn.HuberLoss`, on the standardised target (Huber, 1964)."""

    def __init__(self, task: TaskName, delta: float = 1.0) -> None:
        _require("huber", task, "regression")
        super().__init__(task)
        self.delta = delta

    def value(self, logits: Tensor, target: Tensor) -> Tensor:
        return functional.huber_loss(logits, target, reduction="none", delta=self.delta).squeeze(-1)

    def gradient(self, logits: Tensor, target: Tensor) -> Tensor:
        return (logits - target).clamp_(-self.delta, self.delta)


def auto_loss(task: TaskName, n_classes: int, label_smoothing: float = 0.0, class_weight: str | None = None) -> Loss:
    """The default loss of a task; ConfigError for a setting of classes where the task is regression."""
    if task == "binary":
        return BinaryCrossEntropy(task, label_smoothing, class_weight)
    if task == "multiclass":
        return CrossEntropy(task, n_classes, label_smoothing, class_weight)
    if label_smoothing or class_weight:
        raise ConfigError(["loss: label_smoothing and class_weight are for classes, and the task is regression"])
    return SquaredError(task)

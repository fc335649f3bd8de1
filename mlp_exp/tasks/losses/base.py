"""Losses: the value and its gradient at the logits, elementwise over any leading dimensions.

A loss also defines the width of the logits, the encoding of the target, and the predictions: a network outputs logits,
which the loss turns into probabilities, values, quantiles or a distribution.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlp_exp.data.dataset import TaskName
from mlp_exp.data.target_scaling import TargetScaling
from mlp_exp.errors import ConfigError
from mlp_exp.tasks.losses.class_weights import ClassWeight, weights_by_class
from mlp_exp.tasks.task import Task
from mlp_exp.tasks.tasks import task_of

if TYPE_CHECKING:
    from mlp_exp.data.dataset import TargetColumn


class Loss(ABC):
    """Base of all losses.

    `task`, `n_classes` (C; 0 for values and for several targets), `n_targets` (T) and `class_names` are passed to the
    constructors that take them.

    Example:
        class AbsoluteError(SquaredError):
            def value(self, logits, target):
                return (logits - target).abs().mean(-1)

            def gradient(self, logits, target):
                return (logits - target).sign() / self.out_features

    Attributes:
        out_features: width O of the logits.
        n_targets: number T of the columns that are predicted.
        label_smoothing: fraction of a label that is spread evenly over all classes (Szegedy et al., 2016).
        class_weight: `balanced` weights a row by N / (C · rows of its class), mean 1; a mapping from class names to
            weights above 0 (1 for the classes that it leaves out) weights a row by that of its class, divided by the
            mean over the training rows, so that the learning rate keeps its meaning; None weights all rows equally.
        class_names: C names in the order of their codes.
        takes_weights: whether rows can have weights.
    """

    n_targets = 1
    takes_weights = True
    label_smoothing = 0.0
    class_weight: ClassWeight = None
    class_names: tuple[str, ...] = ()

    def __init__(self, out_features: int) -> None:
        self.out_features = out_features

    @abstractmethod
    def encode(self, target: NDArray[Any]) -> NDArray[np.float32]:
        """Class codes or scaled values `[N]`, of several targets `[N, T]`, as `[N, E]`; E need not be O."""

    @abstractmethod
    def value(self, logits: Tensor, target: Tensor) -> Tensor:
        """Logits `[..., O]` and encoded targets `[..., E]` → the loss of each row `[...]`."""

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
        """What logits `[..., O]` mean.

        Probabilities `[..., C]`; of several targets with two classes each, those of the second class `[..., T]`; scaled
        values `[...]` or `[..., T]`; sorted quantiles `[..., Q]`; or mean and standard deviation `[..., 2]`.
        """

    def task(self, name: TaskName, targets: "Sequence[TargetColumn]") -> Task:
        """What is predicted with this loss."""
        return task_of(name, targets)

    def check(self, target: NDArray[Any]) -> None:  # noqa: B027 (most are for any)
        """Raises DataError for values `[n]` or `[n, T]`, of any part, that the loss is not for."""

    def scaling(self, target: NDArray[Any], standard: TargetScaling) -> TargetScaling:
        """How the network sees the values `[n]` or `[n, T]` of the training rows, instead of `standard`.

        Raises:
            DataError: the loss is not for such values.
        """
        return standard

    def row_weights(
        self, target: NDArray[Any], train: NDArray[np.int64], weights: NDArray[np.float64] | None = None
    ) -> NDArray[np.float32]:
        """A weight `[N]` for each row of the target, by the classes of the rows with the indices `train`.

        Args:
            weights: `[N]` of the rows, each of which counts as so many rows in sums and means.
        """
        if self.class_weight is None:
            return np.ones(len(target), dtype=np.float32)
        codes, counted = target.astype(np.int64), None if weights is None else weights[train]
        if isinstance(self.class_weight, Mapping):
            names = self.class_names or tuple(map(str, range(int(codes.max()) + 1)))
            by_class = np.array(weights_by_class(self.class_weight, names))
            by_class = by_class / np.average(by_class[codes[train]], weights=counted)
        else:
            rows = np.bincount(codes[train], counted, minlength=int(codes.max()) + 1)
            by_class = rows.sum() / (np.count_nonzero(rows) * np.where(rows > 0, rows, 1))
        found: NDArray[np.float32] = by_class[codes].astype(np.float32)
        return found

    def check_weights(self, weights: NDArray[Any]) -> None:
        """Raises ConfigError if rows cannot have these weights `[N]`."""
        if not self.takes_weights and not (weights == 1).all():
            expected = "a loss for each row, or their mean or sum, since the rows have weights"
            raise ConfigError([f"loss: expected {expected}; got one that belongs to a batch as a whole"])

    def weigh_classes(self, class_weight: ClassWeight, class_names: Sequence[str], n_classes: int) -> None:
        """Sets `class_weight` and `class_names`, which are 0 … C - 1 where none are given.

        Raises:
            ConfigError: a weight is not above 0, or of no class.
        """
        class_names = class_names or tuple(map(str, range(n_classes)))
        if isinstance(class_weight, Mapping):
            weights_by_class(class_weight, class_names)
        elif class_weight not in ("balanced", None):
            raise ConfigError([f"loss.class_weight: expected balanced, null or a mapping, got '{class_weight}'"])
        self.class_weight = class_weight
        self.class_names = tuple(class_names)


OPTIONS: Mapping[TaskName, tuple[str, ...]] = {
    "binary": ("binary_cross_entropy", "cross_entropy", "focal"),
    "multiclass": ("cross_entropy", "focal"),
    "ordinal": ("ordinal", "cross_entropy", "focal"),
    "multilabel": ("binary_cross_entropy",),
    "regression": ("squared_error", "huber", "quantile", "gaussian", "poisson", "gamma"),
}
"""Of the config group `loss`, beside `auto`."""


def require_task(option: str, task: TaskName, *tasks: TaskName) -> None:
    """Raises ConfigError, with the options that fit, if an option of `loss` is not for the task."""
    if task not in tasks:
        raise ConfigError(
            [
                f"loss: {option} is for {alternatives(tasks)} targets, and the task is {task}; "
                f"use loss={alternatives(('auto', *OPTIONS[task]))}{_hint(tasks)}"
            ]
        )


def _hint(tasks: Sequence[TaskName]) -> str:
    """How a table's target becomes one of an option's tasks, where that has to be said."""
    asked = next((task for task in ("regression", "ordinal") if tasks == (task,)), None)
    return f", or of a table say data.task={asked}" if asked else ""


def require_one_target(option: str, n_targets: int) -> None:
    """Raises ConfigError if there are several targets."""
    if n_targets > 1:
        raise ConfigError(
            [f"loss: {option} is for one target, and there are {n_targets}; use loss=auto, squared_error or huber"]
        )


def alternatives(words: Sequence[str]) -> str:
    """Words as one phrase.

    >>> alternatives(["a", "b", "c"])
    'a, b or c'
    """
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last

"""Losses of values: the prediction is a value for each target."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from mlp_exp.data.dataset import TaskName
from mlp_exp.data.target_scaling import TargetScaling
from mlp_exp.errors import ConfigError, DataError
from mlp_exp.tasks.losses.base import Loss, require_task
from mlp_exp.tasks.regression import PositiveRegression
from mlp_exp.tasks.several import SeveralValues
from mlp_exp.tasks.task import Task

if TYPE_CHECKING:
    from mlp_exp.data.dataset import TargetColumn


class SquaredError(Loss):
    """(prediction - target)², as `torch.nn.MSELoss`, on the standardised target; the mean over several targets."""

    def __init__(self, task: TaskName, n_targets: int = 1) -> None:
        require_task("squared_error", task, "regression")
        super().__init__(out_features=n_targets)
        self.n_targets = n_targets

    def encode(self, target: NDArray[Any]) -> NDArray[np.float32]:
        return target.astype(np.float32).reshape(len(target), -1)

    def value(self, logits: Tensor, target: Tensor) -> Tensor:
        return (logits - target).square().mean(-1)

    def gradient(self, logits: Tensor, target: Tensor) -> Tensor:
        return (logits - target).mul_(2.0 / self.out_features)

    def predict(self, logits: Tensor) -> Tensor:
        return logits.squeeze(-1) if self.out_features == 1 else logits


class Huber(SquaredError):  # noqa: N818 (a loss, not an exception)
    """Squared near zero, linear beyond `delta`, as `torch.nn.HuberLoss`, on the standardised target (Huber, 1964).

    Of several targets it is the mean.
    """

    def __init__(self, task: TaskName, delta: float = 1.0, n_targets: int = 1) -> None:
        require_task("huber", task, "regression")
        super().__init__(task, n_targets)
        self.delta = delta

    def value(self, logits: Tensor, target: Tensor) -> Tensor:
        return functional.huber_loss(logits, target, reduction="none", delta=self.delta).mean(-1)

    def gradient(self, logits: Tensor, target: Tensor) -> Tensor:
        return (logits - target).clamp_(-self.delta, self.delta).div_(self.out_features)


LARGEST_LOGIT = 20.0
"""Beyond it an exponential goes on linearly, since float32 ends at exp(88); a prediction is exp(20) at most."""


def _exp(logits: Tensor) -> Tensor:
    return torch.exp(logits.clamp(max=LARGEST_LOGIT)) * (1 + (logits - LARGEST_LOGIT).clamp(min=0))


class _LogLink(Loss):
    """A loss whose prediction is exp(logit), in units of the mean of the training target; the mean over targets."""

    option: ClassVar[str]

    def __init__(self, task: TaskName, n_targets: int = 1) -> None:
        require_task(self.option, task, "regression")
        super().__init__(out_features=n_targets)
        self.n_targets = n_targets

    def encode(self, target: NDArray[Any]) -> NDArray[np.float32]:
        return target.astype(np.float32).reshape(len(target), -1)

    def predict(self, logits: Tensor) -> Tensor:
        """Values above 0."""
        values = torch.exp(logits.clamp(-LARGEST_LOGIT, LARGEST_LOGIT))
        return values.squeeze(-1) if self.out_features == 1 else values

    def task(self, name: TaskName, targets: "Sequence[TargetColumn]") -> Task:
        alone = partial(PositiveRegression, deviance=f"{self.option}_deviance")
        return SeveralValues(targets, alone) if len(targets) > 1 else alone(targets)

    def scaling(self, target: NDArray[Any], standard: TargetScaling) -> TargetScaling:
        """The unit is the mean of the training target, which is what `standard` subtracts.

        Raises:
            ConfigError: the target is a logarithm already.
            DataError: a value is out of range.
        """
        if standard.log:
            raise ConfigError([f"preprocess.log_target: expected false, since loss={self.option} predicts a logarithm"])
        self.check(target)
        scale: Any = np.where(standard.shift > 0, standard.shift, 1.0)
        shift: Any = np.zeros_like(scale)
        return TargetScaling(shift, scale) if target.ndim == 2 else TargetScaling(0.0, float(scale))


class Poisson(_LogLink):
    """exp(l) - y · l for a logit l and a target y of 0 or more: of counts and rates, -log-likelihood without constants.

    As `torch.nn.PoissonNLLLoss`. The prediction is exp(l), in units of the mean of the training target.
    """

    option = "poisson"

    def value(self, logits: Tensor, target: Tensor) -> Tensor:
        return (_exp(logits) - target * logits).mean(-1)

    def gradient(self, logits: Tensor, target: Tensor) -> Tensor:
        return torch.exp(logits.clamp(max=LARGEST_LOGIT)).sub_(target).div_(self.out_features)

    def check(self, target: NDArray[Any]) -> None:
        if (target < 0).any():
            raise DataError(
                f"loss: poisson is for targets of 0 or more, got {target.min():g}; use loss=squared_error or huber"
            )


class Gamma(_LogLink):
    """l + y · exp(-l) for a logit l and a target y above 0: of skewed amounts, -log-likelihood without constants.

    That of a gamma distribution of constant shape (McCullagh & Nelder, 1989). The prediction is exp(l), in units of the
    mean of the training target.
    """

    option = "gamma"

    def value(self, logits: Tensor, target: Tensor) -> Tensor:
        return (logits + target * _exp(-logits)).mean(-1)

    def gradient(self, logits: Tensor, target: Tensor) -> Tensor:
        return (1 - target * torch.exp((-logits).clamp(max=LARGEST_LOGIT))).div_(self.out_features)

    def check(self, target: NDArray[Any]) -> None:
        if (target <= 0).any():
            use = "poisson, squared_error or huber" if target.min() == 0 else "squared_error or huber"
            raise DataError(f"loss: gamma is for targets above 0, got {target.min():g}; use loss={use}")

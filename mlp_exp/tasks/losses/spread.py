"""Losses whose prediction says how far values spread: quantiles, or a normal distribution."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlp_exp.data.dataset import TaskName
from mlp_exp.data.target_scaling import TargetScaling
from mlp_exp.errors import ConfigError
from mlp_exp.tasks.losses.base import Loss, require_one_target, require_task
from mlp_exp.tasks.regression import DistributionRegression, QuantileRegression
from mlp_exp.tasks.task import Task

if TYPE_CHECKING:
    from mlp_exp.data.dataset import TargetColumn


class Quantile(Loss):
    """The pinball loss max(q · e, (q - 1) · e) of e = target - logit, as the mean over levels q.

    Koenker & Bassett (1978). It is that of the logits as they are; predicted quantiles are sorted, so that they never
    cross (rearrangement; Chernozhukov et al., 2010).

    Args:
        quantiles: distinct levels between 0 and 1, in any order.

    Raises:
        ConfigError: the levels are others, the task does not fit, or there are several targets.

    Attributes:
        levels: Q levels, sorted.
    """

    def __init__(self, task: TaskName, quantiles: Sequence[float] = (0.05, 0.5, 0.95), n_targets: int = 1) -> None:
        require_task("quantile", task, "regression")
        require_one_target("quantile", n_targets)
        self.levels = tuple(sorted(quantiles))
        if not quantiles or len({*quantiles}) < len(quantiles) or not all(0 < level < 1 for level in quantiles):
            expected = "a list of different numbers between 0 and 1, such as [0.1,0.9]"
            raise ConfigError([f"loss.quantiles: expected {expected}, got {list(quantiles)}"])
        super().__init__(len(self.levels))

    def encode(self, target: NDArray[Any]) -> NDArray[np.float32]:
        return target.astype(np.float32)[:, None]

    def value(self, logits: Tensor, target: Tensor) -> Tensor:
        error, levels = target - logits, logits.new_tensor(self.levels)
        return torch.maximum(error * levels, error * (levels - 1)).mean(-1)

    def gradient(self, logits: Tensor, target: Tensor) -> Tensor:
        return ((logits > target).to(logits.dtype) - logits.new_tensor(self.levels)).div_(self.out_features)

    def predict(self, logits: Tensor) -> Tensor:
        return logits.sort(dim=-1).values

    def task(self, name: TaskName, targets: "Sequence[TargetColumn]") -> Task:
        return QuantileRegression(targets, self.levels)


LARGEST_LOG = 10.0
"""The logarithm of a standard deviation is kept within ± this: of a standardised target, from 5e-5 to 2e4."""


class Gaussian(Loss):
    """A normal distribution, whose mean and logarithm of the standard deviation are the two logits.

    `nll` is the negative log-likelihood; `crps` the continuous ranked probability score in closed form, which outliers
    move less (Gneiting & Raftery, 2007). Beyond `LARGEST_LOG` the gradient is that at the limit, so that it leads back.

    Raises:
        ConfigError: the score is another, the task does not fit, or there are several targets.
    """

    def __init__(self, task: TaskName, score: Literal["nll", "crps"] = "nll", n_targets: int = 1) -> None:
        require_task("gaussian", task, "regression")
        require_one_target("gaussian", n_targets)
        if score not in ("nll", "crps"):
            raise ConfigError([f"loss.score: expected nll or crps, got '{score}'"])
        super().__init__(out_features=2)
        self.score = score

    def encode(self, target: NDArray[Any]) -> NDArray[np.float32]:
        return target.astype(np.float32)[:, None]

    def value(self, logits: Tensor, target: Tensor) -> Tensor:
        log_deviation, z = self._standardised(logits, target)
        if self.score == "nll":
            return 0.5 * z.square() + log_deviation + 0.5 * math.log(2 * math.pi)
        spread = z * torch.erf(z * math.sqrt(0.5)) + 2 * _density(z) - 1 / math.sqrt(math.pi)
        return log_deviation.exp() * spread

    def gradient(self, logits: Tensor, target: Tensor) -> Tensor:
        log_deviation, z = self._standardised(logits, target)
        if self.score == "nll":
            return torch.stack([-z * torch.exp(-log_deviation), 1 - z.square()], dim=-1)
        by_deviation = 2 * _density(z) - 1 / math.sqrt(math.pi)
        return torch.stack([-torch.erf(z * math.sqrt(0.5)), by_deviation * log_deviation.exp()], dim=-1)

    def _standardised(self, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """The logarithm of the standard deviation, and the error in units of it, both `[...]`."""
        mean, log_deviation = logits.unbind(-1)
        log_deviation = log_deviation.clamp(-LARGEST_LOG, LARGEST_LOG)
        return log_deviation, (target.squeeze(-1) - mean) * torch.exp(-log_deviation)

    def predict(self, logits: Tensor) -> Tensor:
        mean, log_deviation = logits.unbind(-1)
        return torch.stack([mean, log_deviation.clamp(-LARGEST_LOG, LARGEST_LOG).exp()], dim=-1)

    def task(self, name: TaskName, targets: "Sequence[TargetColumn]") -> Task:
        return DistributionRegression(targets)

    def scaling(self, target: NDArray[Any], standard: TargetScaling) -> TargetScaling:
        """Raises ConfigError for a target whose logarithm is learned, which is not normal in its own unit."""
        if standard.log:
            raise ConfigError(
                [
                    "preprocess.log_target: expected false, since loss=gaussian predicts a standard deviation in the "
                    "target's own unit"
                ]
            )
        return standard


def _density(z: Tensor) -> Tensor:
    return torch.exp(-0.5 * z.square()) / math.sqrt(2 * math.pi)

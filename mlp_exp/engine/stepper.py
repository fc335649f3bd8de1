"""What the engine needs of an optimizer."""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlp_exp.engine.arrays import Array
from mlp_exp.engine.batches import Batch
from mlp_exp.engine.objective import Objective


class StepNumbers(NamedTuple):
    """What a step takes beside its batch.

    Attributes:
        rates: learning rates `[K, 1]`.
        decays: what the stepper's weight decay takes, `[K, 1]`.
        rule: numbers of the optimizer's rule.
    """

    rates: Tensor
    decays: Tensor
    rule: Sequence[Tensor]


class Plan(NamedTuple):
    """The numbers of S steps: rates and decays `[S, K, 1]`, or `[1, K, 1]` for all; those of the rule `[S, n]`."""

    rates: Tensor
    decays: Tensor
    rule: Tensor

    def numbers(self) -> Iterator[StepNumbers]:
        """Those of each step."""
        columns = [column.unbind() for column in self.rule.unbind(1)]
        rule = zip(*columns, strict=True) if columns else itertools.repeat(())
        rates, decays = (
            each.unbind() if len(each) > 1 else itertools.repeat(each[0], len(self.rule))
            for each in (self.rates, self.decays)
        )
        return map(StepNumbers, rates, decays, rule)

    def at(self, step: Tensor) -> StepNumbers:
        """Those of a step whose index `[1]` is on the device."""
        rates, decays, rule = (each.index_select(0, step)[0] for each in self)
        return StepNumbers(rates, decays, rule.unbind())


class Stepper(ABC):
    """Moves a network's parameters."""

    @abstractmethod
    def plan(self, steps: int, lr: NDArray[np.float64], decay: NDArray[np.float64]) -> Plan:
        """The numbers of the next steps.

        Args:
            lr, decay: learning rates and factors of the weight decay, each `[steps, K]`, or `[1, K]` for all steps.
        """

    @abstractmethod
    def step(self, objective: Objective, batch: Batch, numbers: StepNumbers) -> Array:
        """Takes one step; returns the logits `[K, O, B]` that it started from."""

    @abstractmethod
    def state(self, row: int) -> dict[str, Any]:
        """What the optimizer keeps of a member, on the CPU."""

    @abstractmethod
    def restore(self, states: Sequence[Mapping[str, Any]]) -> None:
        """Puts back what `state` gave of each member, after as many steps.

        Raises:
            TrainingError: a state is not that of such an optimizer.
        """

    @abstractmethod
    def select(self, rows: Tensor) -> None:
        """Follows the network after its stack has shrunk to these members."""


def clip(gradients: Tensor, max_norm: Tensor) -> None:
    """Scales gradients `[K, P]` down to norms of `[K, 1]` at most, as torch's `clip_grad_norm_`.

    Those of a member without a bound stay as they are, whose norm may be infinite, too.
    """
    norm = torch.linalg.vector_norm(gradients, dim=1, keepdim=True)
    scale = (max_norm / (norm + 1e-6)).clamp_(max=1.0)
    gradients.mul_(scale.masked_fill_(torch.isinf(max_norm), 1.0))

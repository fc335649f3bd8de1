"""The steps of an epoch, batch by batch."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from mlp_exp.data.statistics import Floats
from mlp_exp.engine.arrays import Array, Arrays
from mlp_exp.engine.batches import BatchSource, Block, real_rows
from mlp_exp.engine.losses import ArrayLoss
from mlp_exp.engine.objective import Objective
from mlp_exp.engine.stepper import Plan, StepNumbers, Stepper


class Epochs(ABC):
    """How K members take the steps of their epochs."""

    @abstractmethod
    def run(self, epoch: int, plan: Plan, dropout: Floats) -> list[float]:
        """Takes the steps of an epoch, from 1; returns each member's mean loss over its rows.

        Args:
            dropout: factors of the dropout rates, `[steps, K]`, or `[1, K]` for all steps.
        """

    @abstractmethod
    def select(self, rows: Sequence[int]) -> None:
        """Forgets all members but these."""


def weighted_losses(xp: Arrays, loss: ArrayLoss, logits: Array, targets: Array, weights: Array, valid: Array) -> Tensor:
    """Of steps with logits `[..., K, O, B]` the mean loss times the number of rows, and this number: `[2, ..., K]`."""
    values = xp.tensor(loss.values(logits, targets) * weights[..., 0, :])
    rows = xp.tensor(valid[..., 0, :]).sum(-1)
    return torch.stack([values.sum(-1) * rows, rows])


class BlockEpochs(Epochs):
    """Epochs of batches that NumPy's generators draw, which are prepared a block of steps ahead."""

    def __init__(
        self, xp: Arrays, batches: BatchSource, loss: ArrayLoss, objective: Objective, stepper: Stepper
    ) -> None:
        self._xp = xp
        self._batches = batches
        self._loss = loss
        self._objective = objective
        self._stepper = stepper

    def run(self, epoch: int, plan: Plan, dropout: Floats) -> list[float]:
        sums = []
        numbers = plan.numbers()
        for block in self._batches.epoch(dropout):
            sums.append((self._train if self._loss.rowwise else self._train_by_step)(block, numbers).cpu())
        # exact sums do not depend on how the epoch was cut into blocks
        losses, rows = torch.cat(sums, dim=1).double().transpose(1, 2).tolist()
        return [math.fsum(loss) / math.fsum(row) for loss, row in zip(losses, rows, strict=True)]

    def _train(self, block: Block, numbers: Iterator[StepNumbers]) -> Tensor:
        *outer, _, rows = block.targets.shape
        logits = self._xp.empty_like(block.targets, *outer, self._loss.loss.out_features, rows)
        for place, batch, own in zip(logits, block.batches(), numbers, strict=False):
            self._xp.copy(place, self._stepper.step(self._objective, batch, own))
        # the value of the loss is for the history alone, so it is computed for a whole block at once
        return weighted_losses(self._xp, self._loss, logits, block.targets, block.weights, block.valid)

    def _train_by_step(self, block: Block, numbers: Iterator[StepNumbers]) -> Tensor:
        """With a loss whose rows belong together."""
        sums = []
        for batch, own in zip(map(real_rows, block.batches()), numbers, strict=False):
            logits = self._stepper.step(self._objective, batch, own)
            sums.append(weighted_losses(self._xp, self._loss, logits, batch.targets, batch.weights, batch.valid))
        return torch.stack(sums, dim=1)

    def select(self, rows: Sequence[int]) -> None:
        self._batches.select(rows)

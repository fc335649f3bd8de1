"""Epochs of a stack on a GPU: one step, captured as a CUDA graph and replayed for all batches.

Nothing in a step comes from Python: its batch, the numbers of the optimizer and the place of its results are looked up
on the device by the number of the step, which the step itself counts.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlp_exp.data.statistics import Floats
from mlp_exp.engine.arrays import TORCH
from mlp_exp.engine.batches import Batch, Mask, StackedData, pad_rows, side_by_side, step_shape
from mlp_exp.engine.counted import draws
from mlp_exp.engine.epochs import Epochs, weighted_losses
from mlp_exp.engine.losses import ArrayLoss
from mlp_exp.engine.noise import dropout_levels
from mlp_exp.engine.objective import Objective
from mlp_exp.engine.stepper import Plan, Stepper

LAST = torch.iinfo(torch.int64).max


class CudaGraph:
    """What a function does on the device, as one launch."""

    def __init__(self, function: Callable[[], None]) -> None:
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            function()

    def replay(self) -> None:
        self._graph.replay()


class Replayed:
    """A function that is captured at its second call.

    The first call makes its buffers, and has the libraries set up what they need once, which cannot be captured.
    """

    def __init__(self, function: Callable[[], None]) -> None:
        self._function = function
        self._called = False
        self._graph: CudaGraph | None = None

    def __call__(self) -> None:
        if not self._called:
            self._called = True
            self._function()
            return
        if self._graph is None:
            self._graph = CudaGraph(self._function)
        self._graph.replay()


class DeviceBatches:
    """Shuffled batches of K members, with orders and masks that the device draws.

    Args:
        train: each member's training rows; they may differ in number, but not in steps.
        keys: of the members' random numbers, int64 `[K]`.
        widths, rates: of the L dropout layers, and of each member there `[L, K]`.
    """

    def __init__(
        self,
        data: StackedData,
        train: Sequence[NDArray[np.int64]],
        batch_size: int,
        keys: Tensor,
        widths: Sequence[int],
        rates: Tensor,
    ) -> None:
        self._data = data
        self._keys = keys[:, None]
        self._mask_keys = self._keys.clone()
        self.steps, width = step_shape(len(train[0]), batch_size)
        device = keys.device
        padded = side_by_side(pad_rows(rows, batch_size, width) for rows in train)
        self._rows, valid = (torch.from_numpy(each).to(device) for each in padded)
        self._valid = valid[:, :, None]
        self._share = self._valid / self._valid.sum(-1, keepdim=True)
        # [K, steps * batch_size], those that are absent last
        self._train = self._rows[..., :batch_size].transpose(0, 1).flatten(1).clone()
        self._absent = self._valid[..., 0, :batch_size].transpose(0, 1).flatten(1) == 0
        self._widths = widths
        self._rates = rates
        self._factors = np.empty((0, 0))
        # [steps, L, K, 1, 1]
        levels = (self.steps, *rates.shape, 1, 1)
        self._thresholds = torch.empty(levels, dtype=torch.int16, device=device)
        self._scales = torch.empty(levels, device=device)
        self.drop(np.ones((1, len(keys))))
        noise = width * sum(widths)
        self._places = torch.arange(-(-noise // 4), device=device)  # a draw serves four units

    def drop(self, factors: Floats) -> None:
        """From now on the dropout rates of an epoch have these factors, `[steps, K]`, or `[1, K]` for all steps."""
        if not np.array_equal(factors, self._factors):
            self._factors = factors
            thresholds, scales = dropout_levels(self._rates * torch.from_numpy(factors)[:, None])
            self._thresholds.copy_(torch.from_numpy(thresholds)[..., None, None])
            self._scales.copy_(torch.from_numpy(scales))

    def shuffle(self, epoch: int) -> None:
        """Draws the order of an epoch, from 1."""
        place = torch.full_like(self._keys, 2 * epoch)
        noise = draws(draws(self._keys, place), torch.arange(self._train.shape[1], device=place.device))
        order = noise.masked_fill_(self._absent, LAST).argsort(dim=1, stable=True)
        rows = self._train.gather(1, order).view(len(order), self.steps, -1).transpose(0, 1)
        self._rows[..., : rows.shape[-1]] = rows
        self._mask_keys.copy_(draws(self._keys, place + 1))

    def at(self, step: Tensor) -> Batch:
        """The batch of a step whose index `[1]` is on the device."""
        rows, valid, share = (each.index_select(0, step)[0] for each in (self._rows, self._valid, self._share))
        inputs, targets, weights = self._data.gather(rows)
        return Batch(inputs, targets, weights * share, valid, self._masks(step, rows.shape[1]))

    def _masks(self, step: Tensor, batch: int) -> list[Mask]:
        if not self._widths:
            return []
        noise = draws(draws(self._mask_keys, step), self._places).view(torch.int16)
        levels = (each.index_select(0, step)[0] for each in (self._thresholds, self._scales))
        masks, start = [], 0
        for width, thresholds, scales in zip(self._widths, *levels, strict=True):
            own = noise[:, start : start + width * batch].view(-1, width, batch)
            masks.append(Mask(own >= thresholds, scales))
            start += width * batch
        return masks

    def select(self, rows: Sequence[int]) -> None:
        """Forgets all members but these."""
        rows = list(rows)
        self._keys, self._mask_keys, self._train, self._absent = (
            each[rows] for each in (self._keys, self._mask_keys, self._train, self._absent)
        )
        self._rows, self._valid, self._share, self._rates = (
            each[:, rows] for each in (self._rows, self._valid, self._share, self._rates)
        )
        self._factors = self._factors[:, rows]
        self._thresholds, self._scales = self._thresholds[:, :, rows], self._scales[:, :, rows]


class CapturedEpochs(Epochs):
    """Epochs of one captured step, without a synchronisation before their end."""

    def __init__(self, batches: DeviceBatches, loss: ArrayLoss, objective: Objective, stepper: Stepper) -> None:
        self._batches = batches
        self._loss = loss
        self._objective = objective
        self._stepper = stepper
        self._pass: _Pass | None = None

    def run(self, epoch: int, plan: Plan, dropout: Floats) -> list[float]:
        if self._pass is None:
            self._pass = _Pass(plan)
            self._take_step = Replayed(partial(self._step, self._pass))
        self._batches.drop(dropout)
        self._batches.shuffle(epoch)
        self._pass.begin(plan)
        for _ in range(self._batches.steps):
            self._take_step()
        losses, rows = self._pass.sums.double().sum(1)
        means: list[float] = (losses / rows).tolist()
        return means

    def _step(self, now: "_Pass") -> None:
        """All that is captured."""
        batch = self._batches.at(now.step)
        logits = self._stepper.step(self._objective, batch, now.plan.at(now.step))
        sums = weighted_losses(TORCH, self._loss, logits, batch.targets, batch.weights, batch.valid)
        now.sums.index_copy_(1, now.step, sums[:, None])
        now.step.add_(1)

    def select(self, rows: Sequence[int]) -> None:
        self._batches.select(rows)
        self._pass = None  # the graph is captured anew


class _Pass:
    """What the graph reads and writes in an epoch, at a fixed place.

    Attributes:
        plan: of the epoch.
        step: the number of the next step `[1]`.
        sums: what each step gives, `[2, steps, K]`.
    """

    def __init__(self, plan: Plan) -> None:
        steps, members = len(plan.rule), plan.rates.shape[1]
        rates, decays = (plan.rates.new_empty(steps, members, 1) for _ in range(2))
        self.plan = Plan(rates, decays, torch.empty_like(plan.rule))
        self.step = torch.zeros(1, dtype=torch.int64, device=plan.rates.device)
        self.sums = plan.rates.new_empty(2, steps, members)

    def begin(self, plan: Plan) -> None:
        for kept, new in zip(self.plan, plan, strict=True):
            kept.copy_(new)
        self.step.zero_()

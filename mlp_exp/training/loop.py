"""The training loop: K runs of one shape as one stack. A single run is a stack of one.

The loop does no input or output. It yields the records of each epoch; its caller logs, draws and saves.
"""

import math
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mlp_exp.data.target_scaling import TargetScaling
from mlp_exp.engine.averaging import WeightAverage
from mlp_exp.engine.batches import EVALUATION_ROWS, BatchSource, MemberData, StackedData, evaluation_rows
from mlp_exp.engine.denormals import flushed_denormals
from mlp_exp.engine.network import Network
from mlp_exp.engine.optimizers import OptimizerClass, build_stepper
from mlp_exp.engine.single_module import SingleModule
from mlp_exp.engine.stacked_mlp import StackedMLP, stacks
from mlp_exp.engine.state import MemberState
from mlp_exp.engine.streams import Streams
from mlp_exp.errors import TrainingError
from mlp_exp.tasks.losses import Loss
from mlp_exp.tasks.task import Task
from mlp_exp.training.early_stopping import EarlyStopping
from mlp_exp.training.schedulers import LearningRate

Status = Literal["finished", "stopped_early", "diverged", "failed"]


@dataclass
class Member:
    """What one run brings to a stack.

    Attributes:
        module: the network; after training it holds the best weights.
        optimizer, optimizer_options: the class, and its options with `lr` and `weight_decay`.
        learning_rate: of each epoch.
        clip_grad_norm: bound on the norm of the whole gradient; None for none.
        average: how much of the mean weights an epoch keeps (`WeightAverage`); what is evaluated and kept is the mean.
        target: how a regression's target was scaled, for errors in its own unit.
        state: where an earlier training has come to; learning rate and early stopping have then followed its history.
        latest: the record of the latest epoch that was judged; an interrupt may keep it from the caller.
    """

    data: MemberData
    module: nn.Module
    task: Task
    loss: Loss
    optimizer: OptimizerClass
    optimizer_options: dict[str, Any]
    learning_rate: LearningRate
    early_stopping: EarlyStopping
    streams: Streams
    epochs: int
    clip_grad_norm: float | None = None
    average: float = 0.0
    target: TargetScaling = field(default_factory=TargetScaling)
    state: MemberState | None = None
    latest: "EpochRecord | None" = None


@dataclass(frozen=True)
class EpochRecord:
    """An epoch of one member: a row of its history.

    Attributes:
        member: index in the sequence given to `train`.
        epoch: from 1.
        lr: the learning rate during the epoch.
        train_loss: mean over the epoch's rows, as the weights changed, with dropout.
        val_loss, val_metric: after the epoch, without dropout; the metric is accuracy or RMSE in the target's unit.
            None without a validation part.
        seconds: since training began.
        status: how the member ended, in its last record.
        state: takes what an exact resume after this epoch needs; good until the next epoch begins.
        error: why it failed: its own scheduler or early stopping raised this.
    """

    member: int
    epoch: int
    lr: float
    train_loss: float
    val_loss: float | None
    val_metric: float | None
    seconds: float
    status: Status | None
    state: Callable[[], MemberState] = field(repr=False, compare=False)
    error: Exception | None = None


def has_diverged(train_loss: float, val_loss: float | None) -> bool:
    """Whether a loss of an epoch has left the finite numbers."""
    return not (math.isfinite(train_loss) and (val_loss is None or math.isfinite(val_loss)))


def train(members: Sequence[Member], batch_size: int | None, device: torch.device) -> Generator[list[EpochRecord]]:
    """Trains all members together until each is finished; yields a record of each active member an epoch.

    The members must agree in network shape, data shape (`step_shape`, `evaluation_shape`), loss, optimizer class and
    its options but for learning rate and weight decay, and in whether the target is a logarithm; those that go on with
    an earlier training, in its epoch. However the loop ends, by exhaustion, an exception or `close`, the modules then
    hold the best weights so far.

    Args:
        batch_size: rows a step; None for all training rows.

    Raises:
        TrainingError: the optimizer refuses its options, or a saved state is not that of such a member.
    """
    rows = max(len(member.data.train) for member in members)
    stack = _Stack(members, min(batch_size or rows, rows), device)
    try:
        while stack.active:
            yield stack.run_epoch()
    finally:
        stack.write_best(range(len(stack.active)))


def take_up(member: Member, batch_size: int, device: torch.device) -> None:
    """Puts the best weights of an earlier training into the module of a member.

    Raises:
        TrainingError: its state is not one that such a member can go on from.
    """
    _Stack([member], batch_size, device).write_best([0])


def predict(member: Member, rows: NDArray[np.int64]) -> Tensor:
    """What a trained member says of rows: probabilities `[n, C]`, or scaled values `[n]`."""
    member.module.eval()
    with torch.no_grad():
        chunks = torch.split(torch.from_numpy(rows), EVALUATION_ROWS)
        return torch.cat([member.loss.predict(member.module(member.data.inputs[chunk])) for chunk in chunks])


class _Stack:
    """The active members and what they train with; the rows of all tensors are in the order of `active`."""

    def __init__(self, members: Sequence[Member], batch_size: int, device: torch.device) -> None:
        modules = [m.module for m in members]
        self.members = members
        self.active = list(range(len(members)))
        self.epoch = 0
        self._device = device
        self._task = members[0].task
        self._loss = members[0].loss
        self._network = _network(members, device)
        self._stepper = build_stepper(
            self._network,
            members[0].optimizer,
            [m.optimizer_options for m in members],
            [m.clip_grad_norm or math.inf for m in members],
        )
        self._average = WeightAverage(self._network, [m.average for m in members])
        self._data = StackedData([m.data for m in members], device)
        self._batches = BatchSource(
            self._data,
            [m.data.train for m in members],
            batch_size,
            [m.streams.shuffle for m in members],
            [m.streams.dropout for m in members],
            self._network.dropout_widths,
            self._network.dropout_rates(modules),
        )
        self._val_rows, self._val_valid = _evaluation_rows([m.data.val for m in members], device)
        self._target_scaling = (
            self._column([m.target.shift for m in members]),
            self._column([m.target.scale for m in members]),
            members[0].target.log,
        )
        self._start = time.perf_counter()
        self._earlier_seconds = [m.state.seconds if m.state else 0.0 for m in members]
        self._go_on([m.state for m in members if m.state])

    def _go_on(self, states: Sequence[MemberState]) -> None:
        """Takes up an earlier training, if there was one."""
        if not states:
            return
        if len(states) < len(self.members) or len({state.epoch for state in states}) > 1:
            raise TrainingError("members of one stack go on from the same epoch")
        self.epoch = states[0].epoch
        self._network.restore([state.network for state in states])
        self._average.restore([state.mean for state in states])
        self._stepper.restore([state.optimizer for state in states])
        for member, state in zip(self.members, states, strict=True):
            member.streams.restore(state.shuffle, state.dropout)

    def state(self, index: int) -> MemberState:
        """Of an active member, at the end of an epoch."""
        row, streams = self.active.index(index), self.members[index].streams
        return MemberState(
            epoch=self.epoch,
            seconds=time.perf_counter() - self._start + self._earlier_seconds[index],
            network=self._network.state(row),
            mean=self._average.state(row),
            optimizer=self._stepper.state(row),
            shuffle=streams.shuffle.bit_generator.state,
            dropout=streams.dropout.bit_generator.state,
        )

    def _column(self, values: Sequence[float]) -> Tensor:
        """A number for each member, `[K, 1, 1]`, in float64: squared errors of a logarithm may leave float32."""
        dtype = torch.float32 if self._device.type == "mps" else torch.float64  # Apple's has no float64
        return torch.tensor(values, dtype=dtype, device=self._device)[:, None, None]

    @torch.no_grad()
    def run_epoch(self) -> list[EpochRecord]:
        """Trains an epoch, evaluates, and lets go of whoever is finished."""
        self.epoch += 1
        lr = [self.members[index].learning_rate.value for index in self.active]
        self._stepper.set_lr(lr)
        train_loss = self._train_epoch()
        with self._average.applied(self.epoch):
            validation = self._validate()
            seconds = time.perf_counter() - self._start
            records = [
                EpochRecord(
                    index,
                    self.epoch,
                    lr[row],
                    train_loss[row],
                    *validation[row],
                    seconds + self._earlier_seconds[index],
                    None,
                    partial(self.state, index),
                )
                for row, index in enumerate(self.active)
            ]
            records = self._keep_the_best(records)
        records = [replace(r, state=_kept(r.state())) if r.status else r for r in records]  # they leave
        self._leave([row for row, record in enumerate(records) if record.status])
        return records

    @flushed_denormals()
    def _train_epoch(self) -> list[float]:
        """Steps through an epoch; each member's mean training loss over its rows."""
        sums: list[Tensor] = []
        for block in self._batches.epoch():
            logits = [self._step(*step) for step in block.steps()]
            # the value of the loss is for the history alone, so it is computed for a whole block at once
            values = self._loss.value(torch.stack(logits), block.targets) * block.weights.squeeze(-1)
            rows = block.valid.sum((2, 3))
            sums.append(torch.stack([values.sum(-1) * rows, rows]).cpu().double())
        # exact sums do not depend on how the epoch was cut into blocks
        losses, rows = torch.cat(sums, dim=1).permute(0, 2, 1).tolist()
        return [math.fsum(loss) / math.fsum(row) for loss, row in zip(losses, rows, strict=True)]

    def _step(self, inputs: Tensor, targets: Tensor, weights: Tensor, valid: Tensor, masks: Sequence[Tensor]) -> Tensor:
        """One step of every member; returns the logits that it started from, `[K, B, O]`."""

        def compute_gradients() -> Tensor:
            logits = self._network.forward(inputs, masks, valid)
            self._network.backward(self._loss.gradient(logits, targets).mul_(weights))
            return logits

        def objective(logits: Tensor) -> Tensor:
            return (self._loss.value(logits, targets) * weights.squeeze(-1)).sum()

        return self._stepper.step(compute_gradients, objective)

    @flushed_denormals()
    def _validate(self) -> list[tuple[float | None, float | None]]:
        """Each member's loss and metric on its validation part."""
        if self._val_rows is None:
            return [(None, None)] * len(self.active)
        sums: list[Tensor] = []
        for rows, valid in zip(self._val_rows.unbind(1), self._val_valid.unbind(1), strict=True):
            inputs, targets, weights = self._data.gather(rows)
            logits = self._network.predict(inputs)
            weights = weights * valid
            loss = (self._loss.value(logits, targets) * weights).sum(-1)
            score = (self._task.row_scores(logits, targets, *self._target_scaling) * valid).sum(-1)
            sums.append(torch.stack([loss, weights.sum(-1), score, valid.sum(-1)]).cpu().double())
        columns = torch.stack(sums, dim=-1).tolist()
        losses, weights_, scores, counts = ([math.fsum(row) for row in column] for column in columns)
        return [
            (
                losses[row] / weights_[row],
                self._task.history_value(scores[row] / counts[row], self.members[index].target),
            )
            for row, index in enumerate(self.active)
        ]

    def _keep_the_best(self, records: Sequence[EpochRecord]) -> list[EpochRecord]:
        """Judges each member's epoch and remembers the weights of those that improved; an interrupt undoes it."""
        members = [self.members[index] for index in self.active]
        before = [(dict(vars(member.early_stopping)), member.latest) for member in members]
        try:
            judged, improved = [], []
            for row, record in enumerate(records):
                better, status, error = self._judge(record)
                judged.append(replace(record, status=status, error=error))
                improved += [row] * better
            self._network.remember(torch.tensor(improved, dtype=torch.long, device=self._device))
            for member, record in zip(members, judged, strict=True):
                member.latest = record
        except BaseException:
            for member, (state, latest) in zip(members, before, strict=True):
                vars(member.early_stopping).update(state)
                member.latest = latest
            raise
        return judged

    def _judge(self, record: EpochRecord) -> tuple[bool, Status | None, Exception | None]:
        """Whether the epoch is the member's best so far, and how the member ends with it, if it does, and why."""
        member = self.members[record.member]
        val_loss = record.train_loss if record.val_loss is None else record.val_loss
        if has_diverged(record.train_loss, record.val_loss):
            return False, "diverged", None
        watched = {"train_loss": record.train_loss, "val_loss": val_loss}
        if record.val_metric is not None:
            watched[self._task.history_column] = record.val_metric
        improved = False
        try:
            improved = member.early_stopping.update(watched[member.early_stopping.monitor])
            member.learning_rate.advance(val_loss)
            stops = member.early_stopping.stops
        except Exception as error:  # the user's own code may raise anything; the others go on
            return improved, "failed", error
        if record.epoch == member.epochs:
            return improved, "finished", None
        return improved, "stopped_early" if stops else None, None

    def write_best(self, rows: Sequence[int]) -> None:
        """Puts the best weights of these rows into their members' modules."""
        for row in rows:
            self._network.write_best(row, self.members[self.active[row]].module)

    def _leave(self, rows: Sequence[int]) -> None:
        """Takes the members of these rows out of the stack."""
        if not rows:
            return
        self.write_best(rows)
        stay = [row for row in range(len(self.active)) if row not in set(rows)]
        self.active = [self.active[row] for row in stay]
        if not stay:
            return
        index = torch.tensor(stay, device=self._device)
        self._network.keep(index)
        self._average.keep(index)
        self._stepper.keep(index)
        self._data.keep(index)
        self._batches.keep(stay)
        shift, scale, log = self._target_scaling
        self._target_scaling = shift[index], scale[index], log
        if self._val_rows is not None:
            self._val_rows, self._val_valid = self._val_rows[index], self._val_valid[index]


def _kept(state: MemberState) -> Callable[[], MemberState]:
    return lambda: state


def _network(members: Sequence[Member], device: torch.device) -> Network:
    modules = [m.module for m in members]
    if all(stacks(module) for module in modules):
        return StackedMLP(modules, device)
    if len(modules) > 1:
        raise TrainingError(f"model: {type(modules[0]).__name__} trains alone, and {len(modules)} were given together")
    torch.manual_seed(members[0].streams.module)
    return SingleModule(modules[0], device)


def _evaluation_rows(parts: Sequence[NDArray[np.int64]], device: torch.device) -> tuple[Tensor | None, Tensor]:
    """Row numbers `[K, chunks, n]` of the members' parts, and which are valid; None where there are no rows."""
    if not len(parts[0]):
        return None, torch.zeros(0)
    batches = [evaluation_rows(part) for part in parts]
    rows = torch.from_numpy(np.stack([rows for rows, _ in batches])).to(device)
    return rows, torch.from_numpy(np.stack([valid for _, valid in batches])).to(device)

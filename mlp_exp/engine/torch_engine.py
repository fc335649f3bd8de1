"""The engine on torch: our own networks in closed form, K at once; any other module through autograd, one at a time."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mlp_exp.engine.autograd import AutogradNetwork
from mlp_exp.engine.averaging import WeightAverage
from mlp_exp.engine.batches import BatchSource, StackedData, evaluation_rows
from mlp_exp.engine.denormals import flushed_denormals
from mlp_exp.engine.engine import Engine, Evaluation, Member
from mlp_exp.engine.network import Network
from mlp_exp.engine.objective import Objective
from mlp_exp.engine.optimizers import build_stepper
from mlp_exp.engine.stacked import StackedMLP, stacks
from mlp_exp.engine.state import MemberState
from mlp_exp.errors import TrainingError


class TorchEngine(Engine):
    """K members on a device of torch.

    The members must agree in network shape, data shape (`step_shape`, `evaluation_shape`), loss, optimizer class and
    its options but for learning rate and weight decay, and in whether the target is a logarithm.

    Args:
        batch_size: rows a step; None for all training rows.

    Raises:
        TrainingError: the optimizer refuses its options, or the members cannot train together.
    """

    def __init__(self, members: Sequence[Member], batch_size: int | None, device: torch.device) -> None:
        self._device = device
        rows = max(len(member.data.train) for member in members)
        self._batch_size = min(batch_size or rows, rows)
        self._epoch = 0
        self._members = list(members)
        self._loss = members[0].loss
        self._network = _network([member.module for member in members], members[0].streams.module, self._device)
        self._stepper = build_stepper(
            self._network,
            members[0].optimizer,
            [member.optimizer_options for member in members],
            [member.clip_grad_norm or math.inf for member in members],
        )
        self._objective = Objective(self._network, self._loss)
        self._average = WeightAverage(self._network, [member.average for member in members])
        self._data = StackedData([member.data for member in members], self._device)
        self._batches = BatchSource(
            self._data,
            [member.data.train for member in members],
            self._batch_size,
            [member.streams.shuffle for member in members],
            [member.streams.dropout for member in members],
            self._network.dropout_widths,
            self._network.dropout_rates([member.module for member in members]),
        )
        self._val_rows, self._val_valid = _evaluation_rows([member.data.val for member in members], self._device)
        self._task = members[0].task
        self._log_target = members[0].target.log
        self._target_shift = self._column([member.target.shift for member in members])
        self._target_scale = self._column([member.target.scale for member in members])

    def _column(self, values: Sequence[float]) -> Tensor:
        """A number for each member, `[K, 1, 1]`, in float64: squared errors of a logarithm may leave float32."""
        dtype = torch.float32 if self._device.type == "mps" else torch.float64  # Apple's has no float64
        return torch.tensor(values, dtype=dtype, device=self._device)[:, None, None]

    @torch.no_grad()
    @flushed_denormals()
    def train_epoch(self, lr: Sequence[float]) -> list[float]:
        self._epoch += 1
        self._stepper.set_lr(lr)
        sums: list[Tensor] = []
        with self._network.own_stream():
            for block in self._batches.epoch():
                logits = [self._stepper.step(self._objective, batch) for batch in block.batches()]
                # the value of the loss is for the history alone, so it is computed for a whole block at once
                values = self._loss.value(torch.stack(logits), block.targets) * block.weights.squeeze(-1)
                rows = block.valid.sum((2, 3))
                sums.append(torch.stack([values.sum(-1) * rows, rows]).cpu().double())
        self._average.update(self._epoch)
        # exact sums do not depend on how the epoch was cut into blocks
        losses, rows = torch.cat(sums, dim=1).permute(0, 2, 1).tolist()
        return [math.fsum(loss) / math.fsum(row) for loss, row in zip(losses, rows, strict=True)]

    @torch.no_grad()
    @flushed_denormals()
    def evaluate(self) -> list[Evaluation]:
        if self._val_rows is None:
            return [Evaluation(None, None)] * len(self._members)
        sums: list[Tensor] = []
        log = (self._target_shift, self._target_scale) if self._log_target else None
        with self._network.own_stream(), self._average.applied():
            for rows, valid in zip(self._val_rows.unbind(1), self._val_valid.unbind(1), strict=True):
                inputs, targets, weights = self._data.gather(rows)
                logits = self._network.predict(inputs)
                weights = weights * valid
                loss = (self._loss.value(logits, targets) * weights).sum(-1)
                score = (self._task.row_scores(logits, targets, log) * valid).sum(-1)
                sums.append(torch.stack([loss, weights.sum(-1), score, valid.sum(-1)]).cpu().double())
        columns = torch.stack(sums, dim=-1).tolist()
        losses, weights_, scores, counts = ([math.fsum(row) for row in column] for column in columns)
        return [
            Evaluation(losses[row] / weights_[row], self._task.history_value(scores[row] / counts[row], member.target))
            for row, member in enumerate(self._members)
        ]

    @torch.no_grad()
    def remember(self, rows: Sequence[int]) -> None:
        if rows:
            with self._average.applied():
                self._network.remember(torch.tensor(rows, dtype=torch.long, device=self._device))

    def write_best(self, row: int) -> None:
        self._network.write_best(row, self._members[row].module)

    @torch.no_grad()
    def select(self, rows: Sequence[int]) -> None:
        self._members = [self._members[row] for row in rows]
        if not rows:
            return
        index = torch.tensor(rows, device=self._device)
        for part in (self._network, self._average, self._stepper, self._data):
            part.select(index)
        self._batches.select(rows)
        self._target_shift, self._target_scale = self._target_shift[index], self._target_scale[index]
        if self._val_rows is not None:
            self._val_rows, self._val_valid = self._val_rows[index], self._val_valid[index]

    def admit(self, members: Sequence[Member], states: Sequence[MemberState]) -> None:
        own = [self.state(row) for row in range(len(self._members))]
        larger = TorchEngine([*self._members, *members], self._batch_size, self._device)
        larger.restore([*own, *states])
        self.__dict__ = larger.__dict__  # only now, so that a refusal changes nothing

    @torch.no_grad()
    def state(self, row: int) -> MemberState:
        streams = self._members[row].streams
        return MemberState(
            epoch=self._epoch,
            seconds=0.0,
            network=self._network.state(row),
            mean=self._average.state(row),
            optimizer=self._stepper.state(row),
            shuffle=streams.shuffle.bit_generator.state,
            dropout=streams.dropout.bit_generator.state,
        )

    @torch.no_grad()
    def restore(self, states: Sequence[MemberState]) -> None:
        if len(states) != len(self._members):
            raise ValueError(f"expected a state for each of {len(self._members)} members, got {len(states)}")
        if len({state.epoch for state in states}) > 1:
            raise TrainingError("members of one stack continue from the same epoch")
        self._epoch = states[0].epoch
        self._network.restore([state.network for state in states])
        self._average.restore([state.mean for state in states])
        self._stepper.restore([state.optimizer for state in states])
        for member, state in zip(self._members, states, strict=True):
            member.streams.restore(state.shuffle, state.dropout)


def _network(modules: Sequence[nn.Module], seed: int, device: torch.device) -> Network:
    """The modules as one network; `seed` is for what a user's own module draws."""
    if all(stacks(module) for module in modules):
        return StackedMLP(modules, device)
    if len(modules) > 1:
        raise TrainingError(f"model: {type(modules[0]).__name__} trains alone, and {len(modules)} were given together")
    return AutogradNetwork(modules[0], device, seed)


def _evaluation_rows(parts: Sequence[NDArray[np.int64]], device: torch.device) -> tuple[Tensor | None, Tensor]:
    """Row numbers `[K, chunks, n]` of the members' parts, and which are valid; None where there are no rows."""
    if not len(parts[0]):
        return None, torch.zeros(0)
    batches = [evaluation_rows(part) for part in parts]
    rows = torch.from_numpy(np.stack([rows for rows, _ in batches])).to(device)
    return rows, torch.from_numpy(np.stack([valid for _, valid in batches])).to(device)

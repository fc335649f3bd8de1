"""The engine: our own networks in closed form on arrays, K at once; any other through autograd, one at a time."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from mlp_exp.engine import optimizers
from mlp_exp.engine.arrays import NUMPY, Array, arrays_of
from mlp_exp.engine.autograd import AutogradNetwork
from mlp_exp.engine.averaging import WeightAverage
from mlp_exp.engine.batches import BatchSource, StackedData, evaluation_rows, evaluation_shape, step_shape
from mlp_exp.engine.captured import CapturedEpochs, DeviceBatches
from mlp_exp.engine.denormals import flushed_denormals
from mlp_exp.engine.engine import Engine, Evaluation, Member
from mlp_exp.engine.epochs import BlockEpochs, Epochs
from mlp_exp.engine.functional import FunctionalNetwork
from mlp_exp.engine.losses import IN_CLOSED_FORM, ArrayLoss, array_loss
from mlp_exp.engine.network import Network
from mlp_exp.engine.objective import Objective
from mlp_exp.engine.optimizers import build_stepper
from mlp_exp.engine.stacked import StackedMLP, stacks
from mlp_exp.engine.state import MemberState
from mlp_exp.engine.threads import torch_on_one_thread
from mlp_exp.errors import TrainingError
from mlp_exp.model.embedding import EmbeddedNetwork
from mlp_exp.model.mlp import MLP
from mlp_exp.tasks.rowwise import is_rowwise


class StackEngine(Engine):
    """K members on a device of torch.

    The members must agree in network shape, data shape (`step_shape`, `evaluation_shape`), loss, optimizer class and
    and its options but for learning rate and weight decay.

    Args:
        batch_size: rows a step; None for all training rows.

    Raises:
        TrainingError: the optimizer refuses its options, or the members cannot train together.
    """

    def __init__(self, members: Sequence[Member], batch_size: int | None, device: torch.device) -> None:
        self._device = device
        self._xp = arrays_of(device)
        self._asked_batch_size = batch_size
        rows = max(len(member.data.train) for member in members)
        self._batch_size = min(batch_size or rows, rows)
        _require_alike(members, batch_size)
        self._epoch = 0
        self._members = list(members)
        self._loss = array_loss(self._xp, members[0].loss)
        self._network = build_network(members, self._device)
        if any(member.keeps_gradients for member in members):
            self._network.kept_gradients = torch.zeros_like(self._network.gradients)
        self._stepper = build_stepper(
            self._network,
            members[0].optimizer,
            [member.optimizer_options for member in members],
            [member.clip_grad_norm or math.inf for member in members],
            [member.factors for member in members],
        )
        self._objective = Objective(self._xp, self._network, self._loss)
        self._average = WeightAverage(self._network, [member.average for member in members])
        self._data = StackedData([member.data for member in members], self._device, ones=self._network.takes_ones)
        self.steps, _ = step_shape(rows, self._batch_size)
        self._epochs = self._build_epochs()
        self._val_chunks = self._evaluation_chunks()
        counted = [counted.cpu() for _, counted in self._val_chunks] or [torch.empty(len(members), 0)]
        self._val_counted = torch.cat(counted, dim=1).numpy() > 0

    def _build_epochs(self) -> Epochs:
        members, network = self._members, self._network
        train, widths = [member.data.train for member in members], network.dropout_widths
        rates = network.dropout_rates([member.module for member in members])
        if captures(network, self._loss, self._device):
            keys = torch.tensor([member.streams.device for member in members], device=self._device)
            drawn = DeviceBatches(self._data, train, self._batch_size, keys, widths, rates)
            return CapturedEpochs(drawn, self._loss, self._objective, self._stepper)
        batches = BatchSource(
            self._data,
            train,
            self._batch_size,
            [member.streams.shuffle for member in members],
            [member.streams.dropout for member in members],
            widths,
            rates,
            self._device,
        )
        return BlockEpochs(self._xp, batches, self._loss, self._objective, self._stepper)

    def _evaluation_chunks(self) -> list[tuple[Array, Tensor]]:
        """Of the validation parts: row numbers `[K, n]` that are evaluated at once, and which are valid."""
        parts = [evaluation_rows(member.data.val, member.data.val_size) for member in self._members]
        rows, valid = (torch.from_numpy(np.stack(part, axis=1)).to(self._device) for part in zip(*parts, strict=True))
        real = [len(each[0]) if self._loss.rowwise else int(each.sum()) for each in valid]
        return [(self._xp.view(r[:, :n]), v[:, :n]) for r, v, n in zip(rows, valid, real, strict=True)]

    def train_epoch(self, lr: ArrayLike, decay: ArrayLike = 1.0, dropout: ArrayLike = 1.0) -> list[float]:
        self._epoch += 1
        self._network.settle()
        with self._computing():
            plan = self._stepper.plan(self.steps, self._by_step(lr), self._by_step(decay))
            losses = self._epochs.run(self._epoch, plan, self._by_step(dropout))
            self._average.update(self._epoch)
        return losses

    @contextmanager
    def _computing(self) -> Iterator[None]:
        own_threads = self._xp is NUMPY and isinstance(self._network, StackedMLP)
        with (
            torch.no_grad(),
            torch_on_one_thread() if own_threads else nullcontext(),
            flushed_denormals(),
            np.errstate(all="ignore"),
            self._network.own_stream(),
        ):
            yield

    def _by_step(self, values: ArrayLike) -> NDArray[np.float64]:
        """`[steps, K]`, or `[1, K]` where all steps have the same."""
        array = np.atleast_2d(np.asarray(values, np.float64))
        rows = 1 if len(array) == 1 else self.steps
        return np.array(np.broadcast_to(array, (rows, len(self._members))))

    def evaluate(self) -> Evaluation | None:
        if not self._val_chunks:
            return None
        sums, chunks = [], []
        with self._computing(), self._average.applied():
            for chunk, counted in self._val_chunks:
                inputs, targets, weights = self._data.gather(chunk)
                logits = self._network.predict(inputs)
                losses, weights, logits = (
                    self._xp.tensor(each) for each in (self._loss.values(logits, targets), weights, logits)
                )
                weights = weights[:, 0] * counted
                sums.append(torch.stack([(losses * weights).sum(-1), weights.sum(-1)]).cpu().double())
                chunks.append(logits.to("cpu", copy=True))  # the network's buffer is used for the next chunk
        columns = torch.stack(sums, dim=-1).tolist()
        losses_and_weights = ([math.fsum(row) for row in column] for column in columns)
        return Evaluation(
            [loss / weight if weight else math.nan for loss, weight in zip(*losses_and_weights, strict=True)],
            torch.cat(chunks, dim=2).mT.contiguous().numpy(),
            self._val_counted,
        )

    @torch.no_grad()
    def remember(self, rows: Sequence[int]) -> None:
        if rows:
            with self._average.applied():
                self._network.remember(torch.tensor(rows, dtype=torch.long, device=self._device))

    @torch.no_grad()
    def forget(self) -> None:
        self._network.forget()

    def write_best(self, row: int) -> None:
        self._network.write_best(row, self._members[row].module)

    def weights(self, row: int) -> dict[str, Tensor]:
        return self._network.named(self._average.parameters, row)

    def gradients(self, row: int) -> dict[str, Tensor]:
        kept = self._network.kept_gradients
        assert kept is not None, "no member keeps its gradients"
        return self._network.named(kept, row)

    @torch.no_grad()
    def select(self, rows: Sequence[int]) -> None:
        self._members = [self._members[row] for row in rows]
        if not rows:
            return
        index = torch.tensor(rows, device=self._device)
        for part in (self._network, self._average, self._stepper):
            part.select(index)
        self._data.select(rows)
        self._epochs.select(rows)
        self._val_chunks = [(chunk[list(rows)], counted[index]) for chunk, counted in self._val_chunks]
        self._val_counted = self._val_counted[list(rows)]

    def admit(self, members: Sequence[Member], states: Sequence[MemberState]) -> None:
        own = [self.state(row) for row in range(len(self._members))]
        larger = StackEngine([*self._members, *members], self._asked_batch_size, self._device)
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


def _require_alike(members: Sequence[Member], batch_size: int | None) -> None:
    """Raises TrainingError for members that cannot train in one stack."""
    expected = _kind(members[0], batch_size)
    for member in members[1:]:
        found = _kind(member, batch_size)
        differing = [name for name in expected if found[name] != expected[name]]
        if differing:
            raise TrainingError(f"members of one stack must be alike, and one has another {', '.join(differing)}")


def _kind(member: Member, batch_size: int | None) -> dict[str, Any]:
    """What the members of a stack must agree in."""
    data, loss, module = member.data, member.loss, member.module
    body = module.network if isinstance(module, EmbeddedNetwork) else module
    design = (body.activation, body.norm, [block.skip for block in body.blocks]) if isinstance(body, MLP) else None
    settings = {k: _in_words(v) for k, v in vars(loss).items() if k not in ("label_smoothing", "class_weight")}
    return {
        "network": (type(body).__name__, design, [list(p.shape) for p in module.parameters()]),
        "loss": (type(loss).__name__, settings),
        "optimizer": (
            getattr(member.optimizer, "__name__", None),
            {k: v for k, v in member.optimizer_options.items() if k not in ("lr", "weight_decay")},
        ),
        "factors of parameters, or none": bool(member.factors),
        "number of columns": (data.inputs.shape[1], data.targets.shape[1]),
        "number of rows a step": step_shape(len(data.train), min(batch_size or len(data.train), len(data.train))),
        "number of training rows": len(data.train) if member.functional and not stacks(module) else None,
        "number of validation rows": evaluation_shape(data.val_size),
    }


def _in_words(setting: object) -> str:
    """A setting of a loss, to be compared; the type alone of what does not say what it is."""
    return type(setting).__name__ if type(setting).__repr__ is object.__repr__ else repr(setting)


def captures(network: Network, loss: ArrayLoss, device: torch.device) -> bool:
    """Whether a step is captured as a CUDA graph: where all of it is ours, and nothing in it waits for the device."""
    return device.type == "cuda" and isinstance(network, StackedMLP) and type(loss) in IN_CLOSED_FORM.values()


def build_network(members: Sequence[Member], device: torch.device) -> Network:
    """The modules as one network."""
    first, modules = members[0], [member.module for member in members]
    if optimizers.stacks(first.optimizer) and is_rowwise(first.loss):
        if all(stacks(module) for module in modules):
            return StackedMLP(modules, device)
        if all(member.functional for member in members):
            return FunctionalNetwork(modules, device, first.data.inputs)
    if len(modules) > 1:
        what = f"optimizer: {getattr(first.optimizer, '__name__', first.optimizer)}"
        if not all(stacks(member.module) or member.functional for member in members):
            what = f"model: {type(first.module).__name__}"
        elif optimizers.stacks(first.optimizer):
            what = f"loss: {type(first.loss).__name__}"
        raise TrainingError(f"{what} trains alone, and {len(modules)} were given together")
    return AutogradNetwork(first.module, device, first.streams.module)

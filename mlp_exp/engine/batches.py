"""Batches for K members at once: rows, weights and dropout noise, a block of steps at a time.

A table that several members share is stored once. A block gathers what its steps need by one index operation, so
that a step costs no look-up; it is bounded, so that an epoch of a large table is never held a second time.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlp_exp.data.statistics import Floats
from mlp_exp.engine.arrays import Array, arrays_of
from mlp_exp.engine.noise import Noise
from mlp_exp.engine.rows import padded

BLOCK_BYTES = 16 * 2**20


@dataclass(frozen=True)
class MemberData:
    """What a member trains on, ready for the network.

    Attributes:
        inputs: `[N, F]` float32; members may share it.
        targets: `[N, O]` float32, as the loss encodes them.
        weights: `[N]` float32, the loss's weight of each row.
        train, val: row numbers; those of `train` may repeat.
        evaluated_as: for how many validation rows their chunks are made; those of an ensemble are made alike.
    """

    inputs: Tensor
    targets: Tensor
    weights: Tensor
    train: NDArray[np.int64]
    val: NDArray[np.int64]
    evaluated_as: int = 0

    @property
    def val_size(self) -> int:
        """Validation rows, and padding."""
        return max(self.evaluated_as, len(self.val))


class Mask(NamedTuple):
    """Of a dropout layer.

    Attributes:
        kept: `[..., K, width, B]`, whether a unit is kept.
        scale: `[K, 1, 1]`, 1 / (1 - rate).
    """

    kept: Array
    scale: Array


class Batch(NamedTuple):
    """One step of K members.

    Attributes:
        inputs: `[K, B, F]`; a last column of ones where the network takes them.
        targets: `[K, O, B]`.
        weights: `[K, 1, B]`, the weight of each row in its batch's mean loss; 0 for padding.
        valid: `[K, 1, B]`, 1 for rows and 0 for padding.
        masks: of each dropout layer; empty where nothing is dropped.
        dropout: the step's factor of the dropout rates, of a network of one that draws its masks itself.
    """

    inputs: Array
    targets: Array
    weights: Array
    valid: Array
    masks: Sequence[Mask]
    dropout: float = 1.0


def real_rows(batch: Batch) -> Batch:
    """The batch of one member without padding, and without masks."""
    rows = int(batch.valid.sum())
    targets, weights, valid = (each[..., :rows] for each in (batch.targets, batch.weights, batch.valid))
    return Batch(batch.inputs[:, :rows], targets, weights, valid, (), batch.dropout)


@dataclass(frozen=True)
class Block:
    """The batches of S steps, each field `[S, ...]`, also of its masks, whose scales may be one for all steps."""

    inputs: Array
    targets: Array
    weights: Array
    valid: Array
    masks: list[Mask]
    dropout: Sequence[float]

    def batches(self) -> Iterator[Batch]:
        """The batch of each step."""
        layers = [map(Mask, kept, _each_step(scales)) for kept, scales in self.masks]
        masks = zip(*layers, strict=True) if layers else itertools.repeat(())
        dropout = _each_step(self.dropout)
        return map(Batch, self.inputs, self.targets, self.weights, self.valid, masks, dropout)


def _each_step(values: Any) -> Iterable[Any]:
    """The value of each step, of which there may be one for all."""
    return itertools.repeat(values[0]) if len(values) == 1 else values


class StackedData:
    """The rows of K members in common tables.

    Args:
        ones: whether inputs get a last column of ones.
    """

    def __init__(self, members: Sequence[MemberData], device: torch.device, *, ones: bool) -> None:
        self._device = device
        self._xp = arrays_of(device)
        self._ones = ones
        self._inputs, self._input_start = self._pool([m.inputs for m in members])
        self._targets, self._target_start = self._pool([m.targets for m in members])
        self._weights, self._weight_start = self._pool([m.weights[:, None] for m in members])

    def _pool(self, tables: Sequence[Tensor]) -> tuple[Array, Array]:
        """Distinct tables one below the other, and for each member the row where its own starts, `[K, 1]`."""
        keys = [(table.data_ptr(), table.shape) for table in tables]
        distinct = dict(zip(keys, tables, strict=True))
        starts, row = {}, 0
        for key, table in distinct.items():
            starts[key] = row
            row += len(table)
        pooled = next(iter(distinct.values())) if len(distinct) == 1 else torch.cat(list(distinct.values()))
        start = torch.tensor([[starts[key]] for key in keys], device=self._device)
        return self._xp.view(pooled.to(self._device)), self._xp.view(start)

    @property
    def widths(self) -> tuple[int, int]:
        """Of a row's inputs, without ones, and of its targets."""
        return self._inputs.shape[1], self._targets.shape[1]

    def gather(self, rows: Array) -> tuple[Array, Array, Array]:
        """Inputs `[..., K, B, F]`, targets `[..., K, O, B]` and weights `[..., K, 1, B]` of rows `[..., K, B]`."""
        inputs = self._take(self._inputs, rows + self._input_start)
        if self._ones:
            wide = self._xp.empty_like(inputs, *inputs.shape[:-1], inputs.shape[-1] + 1)
            wide[..., :-1] = inputs
            wide[..., -1] = 1.0
            inputs = wide
        targets, weights = (
            self._units_first(self._take(table, rows + start))
            for table, start in ((self._targets, self._target_start), (self._weights, self._weight_start))
        )
        return inputs, targets, weights

    def _take(self, table: Array, rows: Array) -> Array:
        return self._xp.take(table, rows.reshape(-1)).reshape(*rows.shape, table.shape[1])

    def _units_first(self, values: Array) -> Array:
        """`[..., B, O]` as `[..., O, B]`, one after the other in memory."""
        turned = self._xp.empty_like(values, *values.shape[:-2], values.shape[-1], values.shape[-2])
        turned[...] = values.swapaxes(-1, -2)
        return turned

    def select(self, rows: Sequence[int]) -> None:
        """Forgets all members but these; tables stay."""
        rows = list(rows)
        self._input_start = self._input_start[rows]
        self._target_start = self._target_start[rows]
        self._weight_start = self._weight_start[rows]


EVALUATION_ROWS = 1024
"""Rows of a part that go through the network at once; a multiple of the alignment."""


def step_shape(rows: int, batch_size: int) -> tuple[int, int]:
    """Steps an epoch, and rows a step; of a single step, rows after padding, since members may then differ in them."""
    steps = -(-rows // batch_size)
    return steps, batch_size if steps > 1 else padded(batch_size)


def evaluation_shape(rows: int) -> tuple[int, int]:
    """Chunks in which a part is evaluated, and padded rows of each."""
    chunks = -(-rows // EVALUATION_ROWS)
    return chunks, padded(-(-rows // chunks)) if chunks else 0


def evaluation_rows(rows: NDArray[np.int64], size: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Row numbers in the chunks of `evaluation_shape(size)`, and which are valid; size is their number or more."""
    chunks, width = evaluation_shape(size)
    if not chunks:
        return np.empty((0, 0), np.int64), np.empty((0, 0), np.float32)
    filled = np.full(size, rows[0])
    filled[: len(rows)] = rows
    index, valid = pad_rows(filled, -(-size // chunks), width)
    padding = np.cumsum(valid, axis=None).reshape(valid.shape) > len(rows)
    valid[padding] = 0.0
    return index, valid


def pad_rows(rows: NDArray[np.int64], batch_size: int, width: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Row numbers `[n]` in batches `[steps, width]`, and which are valid; padding repeats the first row.

    The number of rows of a product decides over its last bits, so that it is the same for all batches and members.
    """
    steps = -(-len(rows) // batch_size)
    spare = steps * batch_size - len(rows)
    filled = np.full(steps * batch_size, rows[0])
    filled[: len(rows)] = rows
    index = np.full((steps, width), rows[0])
    index[:, :batch_size] = filled.reshape(steps, batch_size)
    valid = np.zeros(index.shape, dtype=np.float32)
    valid[:, :batch_size] = 1.0
    valid[-1, batch_size - spare : batch_size] = 0.0
    return index, valid


def side_by_side(
    members: Iterable[tuple[NDArray[np.int64], NDArray[np.float32]]],
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """What `pad_rows` gives of K members `[steps, width]`, as `[steps, K, width]`."""
    index, valid = zip(*members, strict=True)
    return np.stack(index, axis=1), np.stack(valid, axis=1)


class BatchSource:
    """Shuffled batches of the training rows of K members.

    Each member draws its order and its dropout noise from its own streams, in an order that depends neither on the
    other members nor on the size of a block.
    """

    def __init__(
        self,
        data: StackedData,
        train: Sequence[NDArray[np.int64]],
        batch_size: int,
        shuffles: Sequence[np.random.Generator],
        noises: Sequence[np.random.Generator],
        widths: Sequence[int],
        rates: Tensor,
        device: torch.device,
    ) -> None:
        """`widths` and `rates` `[L, K]` are those of the L dropout layers."""
        self._data = data
        self._xp = arrays_of(device)
        self._train = list(train)
        self._batch_size = batch_size
        self._shuffles = list(shuffles)
        self._noise = Noise(noises, widths, rates)
        self._device = device
        self._step_bytes = batch_size * (4 * (2 * sum(data.widths) + 3) + sum(widths))

    def epoch(self, dropout: Floats) -> Iterator[Block]:
        """The blocks of one epoch.

        Args:
            dropout: factors of the dropout rates, `[steps, K]`, or `[1, K]` for all steps.
        """
        self._noise.begin(dropout)
        order = [shuffle.permutation(train) for shuffle, train in zip(self._shuffles, self._train, strict=True)]
        _, width = step_shape(len(order[0]), self._batch_size)
        index, valid = side_by_side(pad_rows(rows, self._batch_size, width) for rows in order)
        size = min(max(1, BLOCK_BYTES // (self._step_bytes * len(order))), len(index))
        for start in range(0, len(index), size):
            yield self._block(index[start : start + size], valid[start : start + size], start)

    def _block(self, index: NDArray[np.int64], valid: NDArray[np.float32], start: int) -> Block:
        mask = self._on_device(valid[:, :, None])
        count = self._on_device(valid.sum(-1)[..., None, None])
        inputs, targets, weights = self._data.gather(self._on_device(index))
        noise = self._noise
        masks = [Mask(*map(self._on_device, layer)) for layer in noise.steps(start, index.shape)]
        factors = noise.factors[noise.own(start, len(index)), 0].tolist()
        return Block(inputs, targets, weights * mask / count, mask, masks, factors)

    def _on_device(self, array: NDArray[Any]) -> Array:
        return self._xp.view(torch.from_numpy(array).to(self._device))

    def select(self, rows: Sequence[int]) -> None:
        """Forgets all members but these."""
        self._train = [self._train[row] for row in rows]
        self._shuffles = [self._shuffles[row] for row in rows]
        self._noise.select(rows)

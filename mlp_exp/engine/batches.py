"""Batches for K members at once: rows, weights and dropout noise, a block of steps at a time.

A table that several members share is stored once. A block gathers what its steps need by one index operation, so
that a step costs no look-up; it is bounded, so that an epoch of a large table is never held a second time.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlp_exp.engine.rows import padded

BLOCK_BYTES = 16 * 2**20
NOISE_LEVELS = 2**16


@dataclass(frozen=True)
class MemberData:
    """What a member trains on, ready for the network.

    Attributes:
        inputs: `[N, F]` float32; members may share it.
        targets: `[N, O]` float32, as the loss encodes them.
        weights: `[N]` float32, the loss's weight of each row.
        train, val: row numbers.
    """

    inputs: Tensor
    targets: Tensor
    weights: Tensor
    train: NDArray[np.int64]
    val: NDArray[np.int64]


class Batch(NamedTuple):
    """One step of K members: a row of a `Block`'s tensors. `masks` is empty where nothing is dropped."""

    inputs: Tensor
    targets: Tensor
    weights: Tensor
    valid: Tensor
    masks: Sequence[Tensor]


@dataclass(frozen=True)
class Block:
    """S steps of K members; B is the padded batch. It is good until the next block is taken.

    Attributes:
        inputs, targets: `[S, K, B, F]` and `[S, K, B, O]`.
        weights: `[S, K, B, 1]`, the weight of each row in its batch's mean loss; 0 for padding.
        valid: `[S, K, B, 1]`, 1 for rows and 0 for padding.
        masks: for each dropout layer `[S, K, B, width]`: 0, or 1 / (1 - rate).
    """

    inputs: Tensor
    targets: Tensor
    weights: Tensor
    valid: Tensor
    masks: list[Tensor]

    def batches(self) -> Iterator[Batch]:
        """The batch of each step."""
        masks = zip(*(mask.unbind() for mask in self.masks), strict=True) if self.masks else itertools.repeat(())
        columns = (self.inputs, self.targets, self.weights, self.valid)
        return map(Batch, *(column.unbind() for column in columns), masks)


class StackedData:
    """The rows of K members in common tables."""

    def __init__(self, members: Sequence[MemberData], device: torch.device) -> None:
        self._device = device
        self.inputs, self._input_start = self._pool([m.inputs for m in members])
        self.targets, self._target_start = self._pool([m.targets for m in members])
        self.weights, self._weight_start = self._pool([m.weights for m in members])

    def _pool(self, tables: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Distinct tables one below the other, and for each member the row where its own starts, `[K, 1]`."""
        distinct = {id(table): table for table in tables}
        starts, row = {}, 0
        for key, table in distinct.items():
            starts[key] = row
            row += len(table)
        pooled = next(iter(distinct.values())) if len(distinct) == 1 else torch.cat(list(distinct.values()))
        start = torch.tensor([[starts[id(table)]] for table in tables], device=self._device)
        return pooled.to(self._device), start

    def gather(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Inputs `[..., K, B, F]`, targets `[..., K, B, O]` and weights `[..., K, B]` of rows `[..., K, B]`."""
        return (
            _take(self.inputs, rows + self._input_start),
            _take(self.targets, rows + self._target_start),
            _take(self.weights, rows + self._weight_start),
        )

    def select(self, rows: Tensor) -> None:
        """Forgets all members but these; tables stay."""
        self._input_start = self._input_start[rows]
        self._target_start = self._target_start[rows]
        self._weight_start = self._weight_start[rows]


def _take(table: Tensor, rows: Tensor) -> Tensor:
    return table.index_select(0, rows.flatten()).view(*rows.shape, *table.shape[1:])


EVALUATION_ROWS = 4096
"""Rows of a part that go through the network at once; a multiple of the alignment."""


def step_shape(rows: int, batch_size: int) -> tuple[int, int]:
    """Steps an epoch, and rows a step; of a single step, rows after padding, since members may then differ in them."""
    steps = -(-rows // batch_size)
    return steps, batch_size if steps > 1 else padded(batch_size)


def evaluation_shape(rows: int) -> tuple[int, int]:
    """Chunks in which a part is evaluated, and padded rows of each."""
    chunks = -(-rows // EVALUATION_ROWS)
    return chunks, padded(-(-rows // chunks)) if chunks else 0


def evaluation_rows(rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Row numbers in the chunks of `evaluation_shape`, and which are valid."""
    chunks, _ = evaluation_shape(len(rows))
    return pad_rows(rows, -(-len(rows) // chunks))


def pad_rows(rows: NDArray[np.int64], batch_size: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Row numbers `[n]` in batches `[steps, B]`, and which are valid; padding repeats the first row."""
    steps = -(-len(rows) // batch_size)
    spare = steps * batch_size - len(rows)
    filled = np.full(steps * batch_size, rows[0])
    filled[: len(rows)] = rows
    index = np.full((steps, padded(batch_size)), rows[0])
    index[:, :batch_size] = filled.reshape(steps, batch_size)
    valid = np.zeros(index.shape, dtype=np.float32)
    valid[:, :batch_size] = 1.0
    valid[-1, batch_size - spare :] = 0.0
    return index, valid


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
    ) -> None:
        """`widths` and `rates` `[L, K]` are those of the L dropout layers."""
        self._data = data
        self._train = list(train)
        self._batch_size = batch_size
        self._shuffles = list(shuffles)
        self._noises = list(noises)
        self._widths = widths
        self._device = data.inputs.device
        self._buffers: list[Tensor] = []
        self._set_rates(rates)
        features = data.inputs.shape[1] + data.targets.shape[1] + 3
        self._step_bytes = padded(batch_size) * (4 * features + 6 * sum(widths))

    def _set_rates(self, rates: Tensor) -> None:
        """A unit is dropped where its noise, a signed 16-bit number, lies below a threshold."""
        dropped = (rates * NOISE_LEVELS).round().clamp(max=NOISE_LEVELS - 1)
        self._rates = rates
        self._thresholds = (dropped - NOISE_LEVELS // 2).numpy().astype(np.int16).T  # of each member at each layer
        # by the rate that is really used, so that the expectation is exact
        self._scales = (1 / (1 - dropped / NOISE_LEVELS)).float()[..., None, None].to(self._device)

    def epoch(self) -> Iterator[Block]:
        """The blocks of one epoch."""
        order = [shuffle.permutation(train) for shuffle, train in zip(self._shuffles, self._train, strict=True)]
        batches = [pad_rows(rows, self._batch_size) for rows in order]
        index = np.stack([rows for rows, _ in batches], axis=1)
        valid = np.stack([mask for _, mask in batches], axis=1)
        size = min(max(1, BLOCK_BYTES // (self._step_bytes * len(order))), len(index))
        self._reserve(size * index[0].size)
        for start in range(0, len(index), size):
            yield self._block(index[start : start + size], valid[start : start + size])

    def _block(self, index: NDArray[np.int64], valid: NDArray[np.float32]) -> Block:
        rows = torch.from_numpy(index).to(self._device)
        mask = torch.from_numpy(valid).to(self._device)
        inputs, targets, weights = self._data.gather(rows)
        shares = weights * mask / mask.sum(-1, keepdim=True)
        return Block(inputs, targets, shares.unsqueeze(-1), mask.unsqueeze(-1), self._masks(*index.shape))

    def _reserve(self, rows: int) -> None:
        """Memory for the masks of a block, used again by the next: fresh pages cost more than what is written there."""
        if not self._buffers or self._buffers[0].numel() != rows * self._widths[0]:
            self._buffers = [torch.empty(rows * width, device=self._device) for width in self._widths]

    def _masks(self, steps: int, members: int, batch: int) -> list[Tensor]:
        masks = []
        for kept, width, scale, buffer in zip(
            self._kept_units(steps, members, batch), self._widths, self._scales, self._buffers, strict=True
        ):
            mask = buffer[: kept.size].view(steps, members, batch, width)
            masks.append(mask.copy_(torch.from_numpy(kept).view(mask.shape)).mul_(scale))
        return masks

    def _kept_units(self, steps: int, members: int, batch: int) -> list[NDArray[np.uint8]]:
        """For each dropout layer `[S, K, B · width]`: 1 for a unit that is kept, 0 for one that is dropped."""
        if not self._widths:
            return []
        kept = [np.empty((steps, members, batch * width), dtype=np.uint8) for width in self._widths]
        units = batch * sum(self._widths)  # batches are padded, so this is a multiple of the four in a draw
        ends = np.cumsum([batch * width for width in self._widths])[:-1].tolist()
        for member, (generator, thresholds) in enumerate(zip(self._noises, self._thresholds, strict=True)):
            noise = generator.bit_generator.random_raw(steps * units // 4).view(np.int16).reshape(steps, units)
            for layer, out, threshold in zip(np.split(noise, ends, axis=1), kept, thresholds, strict=True):
                np.greater_equal(layer, threshold, out=out[:, member].view(np.bool_))
        return kept

    def select(self, rows: Sequence[int]) -> None:
        """Forgets all members but these."""
        self._train = [self._train[row] for row in rows]
        self._shuffles = [self._shuffles[row] for row in rows]
        self._noises = [self._noises[row] for row in rows]
        self._set_rates(self._rates[:, list(rows)])

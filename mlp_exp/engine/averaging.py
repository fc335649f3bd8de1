"""The moving average of the weights, which is better than they are while the learning rate is high."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from mlp_exp.engine.network import Network
from mlp_exp.engine.rows import copy_row, set_row


class WeightAverage:
    """The exponential moving average (EMA) of K members' weights over their epochs.

    After epoch t the average moves by `max(1 - decay, 1 / t)` of the way to the weights: at first it is the plain mean
    of all epochs (Polyak & Juditsky, 1992; Izmailov et al., 2018), later an EMA. With decay 0 it is the weights.

    Args:
        decays: EMA decay per epoch of each member, in [0, 1).
    """

    def __init__(self, network: Network, decays: Sequence[float]) -> None:
        self._network = network
        self._decays = torch.tensor(decays, dtype=torch.float32, device=network.parameters.device).unsqueeze(1)
        self._means = [network.parameters.clone(), network.buffers.clone()]
        self._averages = any(decays)

    def update(self, epoch: int) -> None:
        """Moves the average towards the weights at the end of an epoch, from 1."""
        if self._averages:
            step = (1 - self._decays).clamp(min=1 / epoch)
            for mean, matrix in zip(self._means, self._weights, strict=True):
                mean.lerp_(matrix, step)
                mean.copy_(torch.where(self._decays > 0, mean, matrix))  # all bits of those that are not averaged

    @property
    def parameters(self) -> Tensor:
        """`[K, P]`: the averaged ones, or those of the network where none is averaged."""
        return self._means[0] if self._averages else self._network.parameters

    @property
    def _weights(self) -> list[Tensor]:
        return [self._network.parameters, self._network.buffers]

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Inside, the network has the averaged weights."""
        if not self._averages:
            yield
            return
        own = [matrix.clone() for matrix in self._weights]
        for mean, matrix in zip(self._means, self._weights, strict=True):
            matrix.copy_(mean)
        yield
        for matrix, kept in zip(self._weights, own, strict=True):
            matrix.copy_(kept)

    def state(self, row: int) -> list[Tensor]:
        """A member's averages; none where its weights are not averaged."""
        return [copy_row(mean, row) for mean in self._means] if self._decays[row] else []

    def restore(self, states: Sequence[Sequence[Tensor]]) -> None:
        """Puts back what `state` gave of each member."""
        for row, state in enumerate(states):
            if self._decays[row]:
                for mean, saved in zip(self._means, state, strict=True):
                    set_row(mean, row, saved)

    def select(self, rows: Tensor) -> None:
        """Forgets all members but these (indices)."""
        self._decays = self._decays[rows]
        self._means = [mean[rows] for mean in self._means]

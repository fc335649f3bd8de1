"""A running mean of the weights, which is better than they are while the learning rate is high."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from mlp_exp.engine.network import Network
from mlp_exp.engine.rows import copy_row, set_row


class WeightAverage:
    """The mean weights of K members over their epochs (Polyak & Juditsky, 1992; Izmailov et al., 2018).

    After epoch t the mean moves by `max(1 - share, 1 / t)` of the way to the weights: at first it is the plain mean of
    all epochs, later an exponential one. With share 0 it is the weights themselves.

    Args:
        shares: for each member, how much of its mean an epoch keeps, in [0, 1).
    """

    def __init__(self, network: Network, shares: Sequence[float]) -> None:
        self._network = network
        self._shares = torch.tensor(shares, dtype=torch.float32, device=network.parameters.device).unsqueeze(1)
        self._means = [network.parameters.clone(), network.buffers.clone()]
        self._averages = any(shares)

    @contextmanager
    def applied(self, epoch: int) -> Iterator[None]:
        """Takes the weights of an epoch into the mean; inside, the network has the mean, and afterwards its own."""
        if not self._averages:
            yield
            return
        weights = [self._network.parameters, self._network.buffers]
        own = [matrix.clone() for matrix in weights]
        step = (1 - self._shares).clamp(min=1 / epoch)
        for mean, matrix in zip(self._means, weights, strict=True):
            mean.lerp_(matrix, step)
            matrix.copy_(mean)
        yield
        for matrix, kept in zip(weights, own, strict=True):
            matrix.copy_(kept)

    def state(self, row: int) -> list[Tensor]:
        """A member's means; none where its weights are not averaged."""
        return [copy_row(mean, row) for mean in self._means] if self._shares[row] else []

    def restore(self, states: Sequence[Sequence[Tensor]]) -> None:
        """Takes up the means of the members."""
        for row, state in enumerate(states):
            if self._shares[row]:
                for mean, saved in zip(self._means, state, strict=True):
                    set_row(mean, row, saved)

    def keep(self, rows: Tensor) -> None:
        """Forgets all members but these (indices)."""
        self._shares = self._shares[rows]
        self._means = [mean[rows] for mean in self._means]

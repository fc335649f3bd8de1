"""The state of a member at the end of an epoch, from which it continues as if it had never stopped."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class MemberState:
    """Tensors, numbers and texts alone.

    Scheduler and early stopping are not here: they follow from the history, which is replayed to them.

    Attributes:
        epoch: of which this is the end.
        seconds: that the training has taken so far.
        network: weights and running statistics now and at the best epoch, as `Network.state` gives them.
        mean: weights and running statistics of `WeightAverage`, `[P]` and `[Q]`; none where nothing is averaged.
        optimizer: moments and the count of steps.
        shuffle, dropout: states of the NumPy generators.
        callbacks: what the run's callbacks keep, by name.
        stopped: whether one of them has ended the run.
    """

    epoch: int
    seconds: float
    network: dict[str, Any]
    mean: list[Tensor]
    optimizer: dict[str, Any]
    shuffle: Mapping[str, Any]
    dropout: Mapping[str, Any]
    callbacks: Mapping[str, Any] = field(default_factory=dict)
    stopped: bool = False

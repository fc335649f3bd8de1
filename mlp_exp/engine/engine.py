"""What the training loop needs of K members that train together: the seam behind which an engine computes.

An engine steps, evaluates, and keeps the best weights. It decides nothing: it is told which epoch is best and which
members leave.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from mlp_exp.engine.batches import MemberData
from mlp_exp.engine.state import MemberState
from mlp_exp.engine.streams import Streams
from mlp_exp.tasks.losses import Loss

OptimizerClass = Callable[..., Optimizer]


class Factors(NamedTuple):
    """By which a parameter's learning rate and weight decay differ from the run's."""

    rate: float = 1.0
    decay: float = 1.0


@dataclass
class Member:
    """What one run brings to a stack.

    Attributes:
        module: the network; after training it holds the best weights.
        optimizer, optimizer_options: the class, and its options with `lr` and `weight_decay`.
        clip_grad_norm: bound on the norm of the whole gradient; None for none.
        average: EMA decay per epoch of the weights that are evaluated and kept (`WeightAverage`); 0 for none.
        factors: of learning rate and weight decay, by the names of the module's parameters.
        functional: whether a module of the user's own trains through `torch.func` (`FunctionalNetwork`), also alone.
        keeps_gradients: whether `Engine.gradients` will be asked for; keeping them costs a copy each step.
    """

    data: MemberData
    module: nn.Module
    loss: Loss
    optimizer: OptimizerClass
    optimizer_options: dict[str, Any]
    streams: Streams
    clip_grad_norm: float | None = field(default=None, kw_only=True)
    average: float = field(default=0.0, kw_only=True)
    factors: Mapping[str, Factors] = field(default_factory=dict, kw_only=True)
    functional: bool = field(default=False, kw_only=True)
    keeps_gradients: bool = field(default=False, kw_only=True)


class Evaluation(NamedTuple):
    """The validation parts of K members after an epoch.

    Attributes:
        losses: the mean loss of each.
        logits: `[K, V, O]` float32, of the members' validation rows in their order, and of padding.
        counted: `[K, V]`, which of the logits are those of rows.
    """

    losses: list[float]
    logits: NDArray[np.float32]
    counted: NDArray[np.bool_]


class Engine(ABC):
    """K members that train together. A row is a member's place in the stack, from 0.

    Members are independent: alone or in company, each gets the same numbers, bit for bit, on the CPU.
    """

    steps: int
    """In an epoch."""

    @abstractmethod
    def train_epoch(self, lr: ArrayLike, decay: ArrayLike = 1.0, dropout: ArrayLike = 1.0) -> list[float]:
        """Trains an epoch.

        Args:
            lr: K learning rates, or `[steps, K]`.
            decay: factors of the members' weight decay, one for all, K or `[steps, K]`.
            dropout: likewise of their dropout rates, at most 1.

        Returns:
            Each member's mean training loss over its rows.
        """

    @abstractmethod
    def evaluate(self) -> Evaluation | None:
        """Evaluates the members on their validation parts, once after each epoch; None if they have none."""

    @abstractmethod
    def remember(self, rows: Sequence[int]) -> None:
        """Keeps the weights that were just evaluated as the best of these members."""

    @abstractmethod
    def forget(self) -> None:
        """Undoes `remember` of the epoch that was just evaluated, if it was called, as far as it came."""

    @abstractmethod
    def write_best(self, row: int) -> None:
        """Loads a member's best weights into its module, on the CPU."""

    @abstractmethod
    def weights(self, row: int) -> dict[str, Tensor]:
        """Copies of a member's trained parameters as they are evaluated, on the CPU, by their names in the module."""

    @abstractmethod
    def gradients(self, row: int) -> dict[str, Tensor]:
        """Likewise the gradients of the latest step, after clipping, of a member that keeps them."""

    @abstractmethod
    def select(self, rows: Sequence[int]) -> None:
        """Shrinks the stack to these members, in this order."""

    @abstractmethod
    def admit(self, members: Sequence[Member], states: Sequence[MemberState]) -> None:
        """Adds members behind the others; they continue from states of the same epoch.

        Raises:
            TrainingError: they do not fit into the stack, which then stays as it was.
            ValueError: there are not as many states as members.
        """

    @abstractmethod
    def state(self, row: int) -> MemberState:
        """A member at the end of an epoch, without the seconds that only the loop knows."""

    @abstractmethod
    def restore(self, states: Sequence[MemberState]) -> None:
        """Puts back what `state` gave of each member.

        Raises:
            TrainingError: a state is not that of such a member, or they are of different epochs.
        """

"""The record of an epoch, and who may decide on records."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from mlp_exp.engine.state import MemberState

Status = Literal["finished", "stopped_early", "diverged", "failed"]


def _not_kept() -> MemberState:
    raise ValueError("the state of an earlier training's epoch is not kept")


@dataclass(frozen=True)
class EpochRecord:
    """An epoch of one member: a row of its history.

    Attributes:
        member: index in the sequence given to `train`.
        epoch: from 1.
        lr: the learning rate during the epoch, or in its first step.
        train_loss: mean over the epoch's rows, as the weights changed, with dropout.
        val_loss: after the epoch, without dropout; None without a validation part.
        seconds: since training began.
        metrics: further columns of the history by name: metrics of the validation part, and those of callbacks.
        status: how the member ended, in its last record.
        state: gives what an exact resume after this epoch needs; good until the next epoch begins, and not in a replay.
        error: why it failed: its own scheduler, early stopping or callback raised this.
    """

    member: int
    epoch: int
    lr: float
    train_loss: float
    val_loss: float | None
    seconds: float
    metrics: Mapping[str, float] = field(default_factory=dict)
    status: Status | None = None
    state: Callable[[], MemberState] = field(default=_not_kept, repr=False, compare=False)
    error: Exception | None = None

    @property
    def watched_loss(self) -> float:
        """The validation loss; the training loss where there is no validation part."""
        return self.train_loss if self.val_loss is None else self.val_loss

    @property
    def diverged(self) -> bool:
        """Whether a loss has left the finite numbers."""
        return not (math.isfinite(self.train_loss) and math.isfinite(self.watched_loss))

    @property
    def columns(self) -> dict[str, float]:
        """The row of the history by its columns."""
        own = {"epoch": self.epoch, "lr": self.lr, "train_loss": self.train_loss}
        validation = {} if self.val_loss is None else {"val_loss": self.val_loss}
        return {**own, **validation, **self.metrics, "seconds": self.seconds}

    def value(self, column: str) -> float:
        """A column of the history that can be watched; `val_loss` is the training loss without a validation part.

        Raises:
            KeyError: there is no such column.
        """
        return {**self.metrics, "train_loss": self.train_loss, "val_loss": self.watched_loss}[column]


class Decider(ABC):
    """Sees the record of each epoch of one run, and may end the run: early stopping, pruning.

    A decision depends on records alone, never on timing or on other runs of the stack, so that it is the same wherever
    the run trains. A run that continues shows the records of its earlier epochs again, in order. The attributes are
    copied before each epoch (`copy.deepcopy`), so that an interrupted one can be undone.

    Attributes:
        status: how a run ended that this has stopped.
    """

    status: Status = "stopped_early"

    @abstractmethod
    def judge(self, record: EpochRecord) -> bool:
        """Takes the record of the next epoch; returns whether the run ends with it."""

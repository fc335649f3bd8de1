"""What happens to the runs of a stack while they train, as plain data that can be sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from mlp_exp.errors import describe

if TYPE_CHECKING:
    from mlp_exp.experiment.checkpoint import Checkpoint

Cause = Literal["stack", "worker", "disk", "moved", "refused"]
"""Why runs of a task are left.

- stack: it failed as a whole, as when memory runs out; they are tried again in two halves.
- worker: its worker was lost (killed, its machine gone); they are sent again, and go on from their checkpoints.
- disk: the disk of its worker is full, and the worker ends; likewise.
- moved: its worker was asked to end, and has saved them; they are sent again.
- refused: its worker cannot train them; they have failed.
"""


ENDS_WORKER = ("worker", "disk", "moved")
"""Causes after which a worker takes no other task."""


@dataclass(frozen=True)
class Progress:
    """The stack has trained an epoch.

    Attributes:
        epochs: of all its runs together.
        column, value, run: the best value so far of what early stopping watches, and the number of its run.
    """

    epochs: int
    epoch: int
    column: str
    value: float
    run: int


@dataclass(frozen=True)
class Ended:
    """A run has ended.

    Attributes:
        run: its number.
        value: the best of what it watches; None after a failure.
        trained, spared: epochs that it took, and that it did not need.
        interrupted: whether its worker was asked to end; unless the command ends too, the run goes on elsewhere.
    """

    run: int
    value: float | None
    failure: str | None
    trained: int = 0
    spared: int = 0
    interrupted: bool = False

    @classmethod
    def of(cls, run: int, result: Mapping[str, Any]) -> "Ended":
        """The event of a run that has left its result, the content of `result.json`."""
        return cls(run, result.get("best_value"), result.get("reason"), result.get("epochs", 0))


@dataclass(frozen=True)
class Paused:
    """A run is not over at its task's end epoch; the checkpoint is what another task continues it from."""

    run: int
    checkpoint: "Checkpoint"


@dataclass(frozen=True)
class Done:
    """The task has ended, and nothing more will happen to its runs.

    Attributes:
        reason: why runs may be left that have neither ended nor paused; None if there are none.
        cause: says what becomes of these.
    """

    reason: str | None = None
    cause: Cause = "stack"

    @classmethod
    def disk_full(cls, error: BaseException) -> "Done":
        """That of a task that cannot be saved where it trains."""
        return cls(f"the disk of its worker is full: {describe(error)}", "disk")


Event = Progress | Ended | Paused | Done

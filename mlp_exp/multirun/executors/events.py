"""What happens to the runs of a stack while they train, as plain data that can be sent."""

from dataclasses import dataclass

from mlp_exp.experiment.checkpoint import Checkpoint


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
    """

    run: int
    value: float | None
    failure: str | None
    trained: int = 0
    spared: int = 0


@dataclass(frozen=True)
class Paused:
    """A run is not over at its task's end epoch; the checkpoint is what another task continues it from."""

    run: int
    checkpoint: Checkpoint


@dataclass(frozen=True)
class Done:
    """The task has ended, and nothing more will happen to its runs.

    Attributes:
        reason: why it failed as a whole, or its worker ended without a word; None if all its runs ended or paused.
    """

    reason: str | None = None


Event = Progress | Ended | Paused | Done

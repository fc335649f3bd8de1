"""The contract of where a sweep trains, as `hydra.launcher` says: this machine, a cluster."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from mlp_exp.experiment.plan import Plan
from mlp_exp.experiment.session import Session
from mlp_exp.multirun.executors.executor import Executor, Report
from mlp_exp.multirun.executors.stacks import Kind, Room


class Backend(Room, ABC):
    """A place to train, from the begin of a sweep to its end; each round of stacks gets an executor.

    Attributes:
        here: whether stacks train on this machine. Otherwise its devices and memory say nothing about the workers.
    """

    max_stack: int | None
    here: ClassVar[bool] = True

    @abstractmethod
    def begin(self, folder: Path) -> None:
        """Connects, before anything trains.

        Args:
            folder: of the sweep, absolute.

        Raises:
            LauncherError: the place cannot be reached, or does not have what was asked for.
        """

    @abstractmethod
    def parallel(self, plan: Plan) -> int:
        """How many tasks of such runs may train at the same time."""

    @abstractmethod
    def size(self, plan: Plan) -> int:
        """Most runs like this one in a task."""

    @abstractmethod
    def executor(self, kinds: Sequence[Kind], session: Session, report: Report) -> Executor:
        """What trains these kinds of stacks."""

    @abstractmethod
    def end(self) -> None:
        """Ends its processes, and leaves nothing running; also after an error in `begin`."""

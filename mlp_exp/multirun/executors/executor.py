"""The contract of what trains the stacks of a sweep."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from mlp_exp.experiment.session import Session
from mlp_exp.experiment.spec import StackTask
from mlp_exp.multirun.executors.events import Event

Report = Callable[[StackTask, Event], None]


class Executor(ABC):
    """Trains tasks somewhere and reports what happens to them.

    Of each task it reports events, and at last, exactly once, `Done`: also where a worker has crashed, was killed or
    cancelled. Other events may come late, in another order, after `Done`, twice, or not at all: what counts is in the
    run folders. It decides nothing: what failed is submitted again as a new task.

    Args:
        session: of this process, with the plans of all runs.
        report: called for each event, from within `wait` alone.
    """

    def __init__(self, session: Session, report: Report) -> None:
        self.session = session
        self.report = report

    @abstractmethod
    def submit(self, task: StackTask) -> None:
        """Takes a task, to be trained at once or when there is room."""

    def room(self) -> int:
        """How many tasks may be open by now, where that can grow; 0 where it cannot."""
        return 0

    @abstractmethod
    def wait(self) -> None:
        """Reports events, after waiting for one at least; to be called while tasks are open."""

    @abstractmethod
    def cancel(self, task: StackTask) -> None:
        """Has an open task save its runs and end; `Done` follows."""

    @abstractmethod
    def close(self) -> None:
        """Ends all that is left, without waiting for it to be saved."""

"""Stacks in processes of their own, one for each place, such as a GPU."""

from collections.abc import Mapping, Sequence
from multiprocessing.connection import wait

from mlp_exp.experiment.session import Session
from mlp_exp.experiment.spec import StackTask
from mlp_exp.multirun.executors.child import Child
from mlp_exp.multirun.executors.events import ENDS_WORKER, Done
from mlp_exp.multirun.executors.executor import Executor, Report
from mlp_exp.multirun.executors.wire import event_from_text, task_to_text


class Children(Executor):
    """Gives each task to the child of a free place.

    Args:
        places: the environment of each child; as many tasks are open at most.
    """

    def __init__(self, session: Session, report: Report, places: Sequence[Mapping[str, str]]) -> None:
        super().__init__(session, report)
        self._free = list(places)
        self._idle: list[Child] = []
        self._open: dict[Child, StackTask] = {}
        self._places: dict[Child, Mapping[str, str]] = {}

    def submit(self, task: StackTask) -> None:
        if self._idle:
            child = self._idle.pop()
        else:
            place = self._free.pop(0)
            child = Child(place)
            self._places[child] = place
        self._open[child] = task
        child.send(task_to_text(task))

    def wait(self) -> None:
        ready = wait([child.events for child in self._open])
        for child in [child for child in self._open if child.events in ready]:
            task = self._open[child]
            event = event_from_text(child.receive(), task)
            if isinstance(event, Done):
                del self._open[child]
                if event.cause in ENDS_WORKER:
                    child.kill()
                    self._free.append(self._places.pop(child))
                else:
                    self._idle.append(child)
            self.report(task, event)

    def cancel(self, task: StackTask) -> None:
        for child, own in self._open.items():
            if own is task:
                child.stop()

    def close(self) -> None:
        for child in (*self._open, *self._idle):
            child.kill()
        self._open.clear()
        self._idle.clear()

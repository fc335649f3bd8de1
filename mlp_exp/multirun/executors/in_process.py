"""Stacks in this process, one after another: on a GPU, whose state a fork cannot share, and where nothing can fork."""

from collections import deque

from mlp_exp.experiment.session import Session
from mlp_exp.experiment.spec import StackTask
from mlp_exp.multirun.executors.events import Done
from mlp_exp.multirun.executors.executor import Executor, Report
from mlp_exp.multirun.executors.work import work


class InProcess(Executor):
    """Trains a task within `wait`; after an interrupt there its runs are saved, and `cancel` closes it."""

    def __init__(self, session: Session, report: Report) -> None:
        super().__init__(session, report)
        self._waiting: deque[StackTask] = deque()

    def submit(self, task: StackTask) -> None:
        self._waiting.append(task)

    def wait(self) -> None:
        task = self._waiting[0]
        done = work(task, self.session, lambda event: self.report(task, event))
        self._waiting.popleft()
        self.report(task, done)

    def cancel(self, task: StackTask) -> None:
        if task in self._waiting:
            self._waiting.remove(task)
            self.report(task, Done())

    def close(self) -> None:
        self._waiting.clear()

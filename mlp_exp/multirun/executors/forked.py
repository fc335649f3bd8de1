"""Stacks in forks of this process, so that each core trains one.

A fork shares what has been read and planned so far; it sends back events alone. One that runs out of memory, or whose
runs end its process, takes no other with it.
"""

import multiprocessing
import os
import pickle
import signal
from multiprocessing.connection import Connection, wait
from types import FrameType
from typing import NoReturn

from mlp_exp.experiment.session import Session
from mlp_exp.experiment.spec import StackTask
from mlp_exp.multirun.executors.events import Done, Event
from mlp_exp.multirun.executors.executor import Executor, Report
from mlp_exp.multirun.executors.work import work
from mlp_exp.processes.forks import start_process, take_signals
from mlp_exp.signals import Terminated


class Forked(Executor):
    """Starts a process for each task at once."""

    def __init__(self, session: Session, report: Report) -> None:
        super().__init__(session, report)
        self._workers: dict[Connection, _Worker] = {}

    def submit(self, task: StackTask) -> None:
        worker = _Worker(task, self.session)
        self._workers[worker.events] = worker

    def wait(self) -> None:
        for connection in wait(list(self._workers)):
            assert isinstance(connection, Connection)
            worker = self._workers[connection]
            event = worker.receive()
            if isinstance(event, Done):
                del self._workers[connection]
            self.report(worker.task, event)

    def cancel(self, task: StackTask) -> None:
        for worker in self._workers.values():
            if worker.task is task:
                worker.process.terminate()

    def close(self) -> None:
        for worker in self._workers.values():
            worker.process.kill()
            worker.process.join()
            worker.events.close()
        self._workers.clear()


class _Worker:
    """A process that trains one task."""

    def __init__(self, task: StackTask, session: Session) -> None:
        context = multiprocessing.get_context("fork")
        self.task = task
        self.events, sender = context.Pipe(duplex=False)
        self.process = context.Process(target=_work, args=(task, session, sender, os.getpid()))
        start_process(self.process)
        sender.close()

    def receive(self) -> Event:
        """The next event; `Done` when there will be no more."""
        try:
            event: Event = pickle.loads(self.events.recv_bytes())
        except EOFError:
            self.process.join()
            code = self.process.exitcode
            how = f"was ended by signal {-code}, as when memory runs out" if code and code < 0 else f"ended with {code}"
            event = Done(f"its process {how}")
        if isinstance(event, Done):
            self.events.close()
            self.process.join()
        return event


def _work(task: StackTask, session: Session, events: Connection, parent: int) -> None:
    """Trains a task in the process; ends after an interrupt, and with its parent."""
    take_signals(_terminate)  # the parent passes Ctrl-C on, once

    def send(event: Event) -> None:
        if os.getppid() != parent:  # killed; the runs may be trained again already
            os._exit(1)
        events.send_bytes(pickle.dumps(event))  # torch would send tensors as open files

    session.logs.mute()
    try:
        send(Done(work(task, session, send)))
    except KeyboardInterrupt:
        send(Done())
    finally:
        events.close()


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Terminated

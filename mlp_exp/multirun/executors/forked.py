"""Stacks in forks of this process, so that each core trains one.

A fork shares what has been read and planned so far; it sends back events alone. One that runs out of memory, or whose
runs end its process, takes no other with it. A worker trains one task after another: in a new fork all that is touched
first is copied page by page, which takes as long as hundreds of steps.
"""

import copyreg
import io
import multiprocessing
import os
import pickle
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Any

import torch

from mlp_exp.experiment.session import Session
from mlp_exp.experiment.spec import StackTask
from mlp_exp.multirun.executors.events import Done, Event
from mlp_exp.multirun.executors.executor import Executor, Report
from mlp_exp.multirun.executors.work import work
from mlp_exp.processes.forks import start_process, take_signals
from mlp_exp.signals import terminate_once

IDLE_SECONDS = 1.0
"""How often a worker without a task looks whether its parent is still there."""


class Forked(Executor):
    """Gives each task to a worker at once.

    Args:
        idle: workers that have ended their tasks; a later executor of the same session uses them again, and who owns
            the list ends them. None for those of this executor alone.
    """

    def __init__(self, session: Session, report: Report, idle: "list[Worker] | None" = None) -> None:
        super().__init__(session, report)
        self._idle = [] if idle is None else idle
        self._own = self._idle if idle is None else []
        self._workers: dict[Connection, Worker] = {}

    def submit(self, task: StackTask) -> None:
        worker = next((worker for worker in self._idle if worker.takes(task)), None)
        if worker:
            self._idle.remove(worker)
        else:
            worker = Worker(task, self.session)
        self._workers[worker.events] = worker

    def wait(self) -> None:
        for connection in wait(list(self._workers)):
            assert isinstance(connection, Connection)
            worker = self._workers[connection]
            event = worker.receive()
            if isinstance(event, Done):
                del self._workers[connection]
                if worker.is_free:
                    self._idle.append(worker)
            self.report(worker.task, event)

    def cancel(self, task: StackTask) -> None:
        for worker in self._workers.values():
            if worker.task is task:
                worker.cancel()

    def close(self) -> None:
        for worker in (*self._workers.values(), *self._own):
            worker.kill()
        self._workers.clear()
        self._own.clear()


class Worker:
    """A process that trains one task after another.

    Attributes:
        task: the latest one.
        events: those of its tasks.
        is_free: whether it can take another task, once this one has ended.
    """

    def __init__(self, task: StackTask, session: Session) -> None:
        context = multiprocessing.get_context("fork")
        self.task = task
        self.is_free = True
        self.events, sender = context.Pipe(duplex=False)
        receiver, self._tasks = context.Pipe(duplex=False)
        self._process = context.Process(target=_serve, args=(task, session, sender, receiver, os.getpid()))
        start_process(self._process)
        sender.close()
        receiver.close()

    def takes(self, task: StackTask) -> bool:
        """Sends it a task; False if it has died."""
        try:
            self._tasks.send_bytes(to_bytes(task))
        except OSError:
            return False
        self.task = task
        return True

    def receive(self) -> Event:
        """The next event; `Done` when there will be no more of this task."""
        try:
            event: Event = pickle.loads(self.events.recv_bytes())
        except EOFError:
            self._process.join()
            code = self._process.exitcode
            how = f"was ended by signal {-code}, as when memory runs out" if code and code < 0 else f"ended with {code}"
            event = Done(f"its process {how}")
            self.is_free = False
        if isinstance(event, Done):
            self.is_free = self.is_free and event.cause != "disk"
            if not self.is_free:
                self._close()
        return event

    def cancel(self) -> None:
        """Has it save its runs and end."""
        self.is_free = False
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()
        self._close()

    def _close(self) -> None:
        self._process.join()
        self.events.close()
        self._tasks.close()


def _as_array(tensor: torch.Tensor) -> Any:
    """How pickle makes a tensor again: of an array, since torch takes as long for each tensor as for several steps."""
    try:
        return torch.from_numpy, (tensor.numpy(),)
    except (TypeError, RuntimeError):  # a type or a layout that NumPy does not have, in what a user's callback keeps
        return tensor.__reduce_ex__(pickle.HIGHEST_PROTOCOL)  # type: ignore[no-untyped-call]


class _Pickler(pickle.Pickler):
    dispatch_table = copyreg.dispatch_table | {torch.Tensor: _as_array}


def to_bytes(message: StackTask | Event) -> bytes:
    """What pickle reads; `Connection.send` would send tensors as open files."""
    buffer = io.BytesIO()
    _Pickler(buffer, pickle.HIGHEST_PROTOCOL).dump(message)
    return buffer.getvalue()


def _serve(first: StackTask, session: Session, events: Connection, tasks: Connection, parent: int) -> None:
    """Trains tasks in the process; ends after an interrupt, and with its parent."""
    take_signals(terminate_once)  # the parent passes Ctrl-C on, once

    def send(event: Event) -> None:
        if os.getppid() != parent:  # killed; the runs may be trained again already
            os._exit(1)
        events.send_bytes(to_bytes(event))

    session.logs.mute()
    task = first
    with suppress(KeyboardInterrupt, EOFError):
        while True:
            done = work(task, session, send)
            send(done)
            if done.cause == "disk":
                return
            while not tasks.poll(IDLE_SECONDS):
                if os.getppid() != parent:
                    os._exit(1)
            task = pickle.loads(tasks.recv_bytes())
    send(Done("its process was asked to end", "moved"))
    events.close()

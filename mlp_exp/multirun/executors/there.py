"""A worker on any machine: trains tasks that come as text, each as this machine does it best, and sends events as text.

Cores, cache, memory and device are those of this machine; the numbers of a run do not depend on them.
"""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from mlp_exp.engine.threads import set_threads
from mlp_exp.errors import DiskFullError, MlpExpError, TrainingError, describe, disk_is_full
from mlp_exp.experiment.driver import write_failure
from mlp_exp.experiment.plan import Plan
from mlp_exp.experiment.planning import plan_of
from mlp_exp.experiment.session import Session
from mlp_exp.experiment.spec import RunSpec, StackTask
from mlp_exp.experiment.start import find_start
from mlp_exp.multirun.executors.coordinator import Coordinator, Listener
from mlp_exp.multirun.executors.events import Done, Ended, Event, Paused, Progress
from mlp_exp.multirun.executors.local import Local
from mlp_exp.multirun.executors.stacks import kinds, tasks_of
from mlp_exp.multirun.executors.wire import event_to_text, is_wanted, task_at_root
from mlp_exp.multirun.executors.work import log_failure
from mlp_exp.regularly import Regularly
from mlp_exp.signals import terminate_once

PROGRESS_SECONDS = 0.5
"""Least time between two events that a stack has trained."""
WANTED_SECONDS = 10.0
"""How often a worker looks whether the command still works on the sweep."""
KILL_WITH_PARENT = 1
"""`PR_SET_PDEATHSIG` of prctl(2)."""


def train_there(text: str, send: Callable[[str], None], session: Session, cores: int | None) -> None:
    """Trains a task; at last, whatever happens, it sends `Done`. If another command has taken over the sweep, this
    process ends at once.

    Args:
        text: made by `task_to_text`.
        send: takes events, made by `event_to_text`.
        session: of this process; tables that it has read are not read again.
        cores: that may train; None for all that this process may use.
    """
    teller = _Teller(send, Regularly(WANTED_SECONDS, partial(_require_wanted, text)))
    try:
        task = task_at_root(text, session)
    except MlpExpError as error:
        return teller.tell(Done(str(error), "refused"))
    _require_wanted(text)
    try:
        for directory in {spec.directory for spec in task.specs} if session.root else ():
            Path(directory).mkdir(parents=True, exist_ok=True)
        _train(task, teller, session, cores)
        done = Done()
    except KeyboardInterrupt:
        done = Done("its worker was asked to end", "moved")
    except DiskFullError as error:
        done = Done(str(error), "disk")
    except Exception as error:
        done = Done.disk_full(error) if disk_is_full(error) else Done(describe(error))
    return teller.tell(done)


def _require_wanted(text: str) -> None:
    if not is_wanted(text):
        os._exit(1)  # the runs may be trained again already


def _train(task: StackTask, teller: "_Teller", session: Session, cores: int | None) -> None:
    set_threads(1)  # a fork of a process that has computed with several threads may hang
    session.logs.mute()
    planned = []
    for spec in task.specs:
        session.logs.begin(spec)
        try:
            plan = _plan(spec, task.end_epoch, teller, session)
        except Exception as error:
            if disk_is_full(error):
                raise
            teller.failed(spec, error, session)
            continue
        if plan:
            planned.append((spec, plan))
    if not planned:
        return
    local = Local(cores=cores)
    found, _ = kinds([plan for _, plan in planned], local)
    ends = {} if task.end_epoch is None else {spec.job_number: task.end_epoch for spec, _ in planned}
    tasks = tasks_of(found, planned, ends)
    parallel = min(kind.parallel for kind in found)
    coordinator = Coordinator(session, partial(local.executor, found), teller, parallel)
    try:
        coordinator.train(tasks)
    finally:
        local.end()
    for number, checkpoint in coordinator.paused.items():
        teller.tell(Paused(number, checkpoint))


def _plan(spec: RunSpec, end_epoch: int | None, teller: "_Teller", session: Session) -> Plan | None:
    """What is left to train of a run, by what is in its folder; None if that is nothing."""
    start = find_start(spec, resumes=True)
    if start.result is not None:
        teller.tell(Ended.of(spec.job_number, start.result))
        return None
    if start.checkpoint and start.checkpoint.epoch == end_epoch:
        teller.tell(Paused(spec.job_number, start.checkpoint))
        return None
    return plan_of(spec, session, start.checkpoint)


class _Teller(Listener):
    """Sends what happens to the runs of a task; progress seldom, with the epochs since the last time."""

    def __init__(self, send: Callable[[str], None], check: Callable[[], None]) -> None:
        self._send = send
        self._check = check
        self._epochs = 0
        self._told = 0.0

    def tell(self, event: Event) -> None:
        self._send(event_to_text(event))

    def progress(self, event: Progress) -> None:
        self._check()
        self._epochs += event.epochs
        if time.monotonic() - self._told > PROGRESS_SECONDS:
            self.tell(replace(event, epochs=self._epochs))
            self._epochs, self._told = 0, time.monotonic()

    def undone(self, epochs: int) -> None:
        self._epochs -= epochs

    def ended(self, event: Ended) -> None:
        self.tell(event)

    def gave_up(self, spec: RunSpec, reason: str) -> None:
        write_failure(spec, TrainingError(reason))
        self.tell(Ended(spec.job_number, None, reason))

    def failed(self, spec: RunSpec, error: Exception, session: Session) -> None:
        """Tells that a run cannot begin."""
        log_failure(spec, error, session)
        write_failure(spec, error)
        self.tell(Ended(spec.job_number, None, describe(error)))


def serve(tasks: Connection, events: Connection, cores: int | None, root: Path | None) -> None:
    """Trains one task after another until the other end is closed, or this process is asked to end.

    Args:
        root: see `Session`.
    """
    parent = os.getppid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command passes Ctrl-C on, once
    signal.signal(signal.SIGTERM, terminate_once)
    with suppress(OSError, AttributeError):  # Linux alone
        ctypes.CDLL(None).prctl(KILL_WITH_PARENT, signal.SIGKILL)
    session = Session(is_worker=True, root=root)

    def send(text: str) -> None:
        if os.getppid() != parent:  # killed; the runs may be trained again already
            os._exit(1)
        events.send_bytes(text.encode())

    with suppress(KeyboardInterrupt, EOFError, OSError):
        while True:
            text = tasks.recv_bytes().decode()
            train_there(text, send, session, cores)


if __name__ == "__main__":
    tasks_end, events_end, use_cores = (int(argument) for argument in sys.argv[1:4])
    serve(
        Connection(tasks_end, writable=False),
        Connection(events_end, readable=False),
        use_cores or None,
        Path(sys.argv[4]) if len(sys.argv) > 4 else None,
    )

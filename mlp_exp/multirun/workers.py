"""Stacks in processes of their own, so that each core trains one.

A process is a fork, which shares what has been read and planned so far; it sends back events alone.
"""

import multiprocessing
import os
import signal
import warnings
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import NoReturn

from mlp_exp.multirun.stack_life import Attempt, Broken, Event, Members, train_stack
from mlp_exp.signals import Terminated


class Worker:
    """A process that trains one stack.

    Attributes:
        attempt: what its events have said so far.
    """

    def __init__(self, members: Members) -> None:
        context = multiprocessing.get_context("fork")
        self.attempt = Attempt(members)
        self.events, sender = context.Pipe(duplex=False)
        self.process = context.Process(target=_work, args=(members, sender, os.getpid()))
        _start(self.process)
        sender.close()

    def receive(self) -> Event | None:
        """The next event; None when there will be no more."""
        try:
            event: Event = self.events.recv()
        except EOFError:
            self.process.join()
            return self._crash()
        self.attempt.note(event)
        return event

    def _crash(self) -> Broken | None:
        """What has happened, if the process has gone without a word on all its runs."""
        if self.attempt.left and not self.attempt.broken:
            code = self.process.exitcode
            how = f"was ended by signal {-code}, as when memory runs out" if code and code < 0 else f"ended with {code}"
            self.attempt.note(Broken(f"its process {how}"))
        return None


def in_forks(works: Sequence[Callable[[], None]]) -> None:
    """Does some work for its side effects, all pieces at the same time where that can be."""
    if not can_fork():
        for work in works:
            work()
        return
    processes = [multiprocessing.get_context("fork").Process(target=_uninterrupted, args=(work,)) for work in works]
    for process in processes:
        _start(process)
    for process in processes:
        process.join()


def _uninterrupted(work: Callable[[], None]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    work()


def _start(process: BaseProcess) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that other threads are not there in a fork
        process.start()


def can_fork() -> bool:
    return "fork" in multiprocessing.get_all_start_methods()


def _work(members: Members, events: Connection, parent: int) -> None:
    """What the process does. It outlives neither an interrupt nor its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets it, and passes it on once
    signal.signal(signal.SIGTERM, _terminate)

    def report(event: Event) -> None:
        if os.getppid() != parent:  # killed; the runs may be trained again already
            os._exit(1)
        events.send(event)

    for job, _ in members:
        job.mute()
    try:
        train_stack(members, report)
    except KeyboardInterrupt:
        pass
    finally:
        events.close()


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Terminated


def events_of(workers: Sequence[Worker]) -> Iterator[tuple[Worker, Event | None]]:
    """What has come in from the workers, after waiting for one at least."""
    by_connection = {worker.events: worker for worker in workers}
    for connection in wait(list(by_connection)):
        worker = by_connection[connection]  # type: ignore[index]
        yield worker, worker.receive()

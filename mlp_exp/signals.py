"""SIGTERM as an exception, so that it ends a command as Ctrl-C does."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

ASKS_TO_END = [getattr(signal, name) for name in ("SIGTERM", "SIGUSR1", "SIGUSR2") if hasattr(signal, name)]
"""Sent to what is cancelled, preempted or near to its time limit."""
GRACE_SECONDS = 10.0
"""How long training may take to come to the end of an epoch."""


class Terminated(KeyboardInterrupt):
    """SIGTERM; ends a command as Ctrl-C does."""


def terminate(number: int, frame: FrameType | None) -> NoReturn:
    """The handler of SIGTERM: always raises `Terminated`."""
    raise Terminated


def terminate_once(number: int, frame: FrameType | None) -> NoReturn:
    """The handler of a worker, which saves its runs then: raises `Terminated`, and ignores what else asks it to end."""
    for each in ASKS_TO_END:
        if signal.getsignal(each) is terminate_once:
            signal.signal(each, signal.SIG_IGN)
    raise Terminated


def listen() -> None:
    """Raises `Terminated` on SIGTERM from now on."""
    signal.signal(signal.SIGTERM, terminate)


@contextmanager
def postponed(seconds: float = GRACE_SECONDS) -> Iterator[Callable[[], bool]]:
    """Inside, SIGTERM, and what else its handler takes, waits for the end of the block, or for so many seconds.

    Yields:
        Whether a signal has come, and the block is to end.
    """
    handler = signal.getsignal(signal.SIGTERM)
    in_main = threading.current_thread() is threading.main_thread()
    if not (callable(handler) and in_main and hasattr(signal, "setitimer")):
        yield lambda: False
        return
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)
        signal.setitimer(signal.ITIMER_REAL, seconds)

    def restore() -> None:
        for number in numbers:
            if signal.getsignal(number) is note:
                signal.signal(number, handler)

    def late(number: int, frame: FrameType | None) -> None:
        restore()
        handler(came[0], frame)

    numbers = [each for each in ASKS_TO_END if signal.getsignal(each) is handler]
    alarm = signal.signal(signal.SIGALRM, late)
    for number in numbers:
        signal.signal(number, note)
    try:
        yield lambda: bool(came)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, alarm)
        restore()
    if came:
        handler(came[0], None)

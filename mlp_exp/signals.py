"""SIGTERM as an exception, so that it ends a command as Ctrl-C does."""

import signal
from types import FrameType
from typing import NoReturn


class Terminated(KeyboardInterrupt):
    """SIGTERM; ends a command as Ctrl-C does."""


def terminate(number: int, frame: FrameType | None) -> NoReturn:
    """The handler of SIGTERM: always raises `Terminated`."""
    raise Terminated


def listen() -> None:
    """Raises `Terminated` on SIGTERM from now on."""
    signal.signal(signal.SIGTERM, terminate)

"""What is done again and again beside something longer: while a run trains, while runs of a sweep end."""

import time
from collections.abc import Callable
from typing import Any

REST = 49
"""How many times as long as it took the work then rests, so that it takes no more than 2 % of the time."""


class Regularly:
    """Does some work when it is called, but not more often than every `seconds`, nor for more than 2 % of the time.

    Example:
        save = Regularly(30, write_checkpoints)
        for epoch in range(100):
            save(train())
    """

    def __init__(self, seconds: float, work: Callable[..., None]) -> None:
        self._seconds = seconds
        self._work = work
        self._done = time.perf_counter()
        self._rest = 0.0

    def __call__(self, *arguments: Any) -> None:
        if time.perf_counter() >= self._done + max(self._seconds, self._rest):
            self.now(*arguments)

    def soon(self, *arguments: Any) -> None:
        """Does the work where it may again take some time, however long ago the last time was."""
        if time.perf_counter() >= self._done + self._rest:
            self.now(*arguments)

    def now(self, *arguments: Any) -> None:
        """Does the work at once."""
        start = time.perf_counter()
        self._work(*arguments)
        self._done = time.perf_counter()
        self._rest = REST * (self._done - start)

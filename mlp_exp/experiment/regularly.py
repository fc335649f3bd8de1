"""What is done again and again while a run trains."""

import time
from collections.abc import Callable
from typing import Any

REST = 49
"""How many times as long as it took the work then rests, so that it takes no more than 2 % of the time."""


class Regularly:
    """Does some work when it is called, but not more often than every `seconds`, nor for more than 2 % of the time."""

    def __init__(self, seconds: float, work: Callable[..., None]) -> None:
        self._seconds = seconds
        self._work = work
        self._next = time.perf_counter() + seconds

    def __call__(self, *arguments: Any) -> None:
        start = time.perf_counter()
        if start < self._next:
            return
        self._work(*arguments)
        end = time.perf_counter()
        self._next = end + max(self._seconds, REST * (end - start))

"""Forks of this process."""

import multiprocessing
import os
import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def can_fork() -> bool:
    """Whether the platform has forks, and lets this process have some: a daemon may have none."""
    return "fork" in multiprocessing.get_all_start_methods() and not multiprocessing.current_process().daemon


def start_process(process: BaseProcess) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that other threads are not there in a fork
        process.start()


def in_forks(works: Sequence[Callable[[], None]]) -> None:
    """Does some work for its side effects, divided among as many forks as there are cores, or here where none can be.

    The share of a fork that failed is done again here, as a whole, so that its error is raised.
    """
    shares = [works[start :: cores()] for start in range(min(cores(), len(works)))]
    left = _failed_in_forks(shares) if can_fork() and len(shares) > 1 else works
    for work in left:
        work()


def _failed_in_forks(shares: Sequence[Sequence[Callable[[], None]]]) -> list[Callable[[], None]]:
    """The works of all forks that had an error."""
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_do, args=(share,)) for share in shares]
    for process in processes:
        start_process(process)
    for process in processes:
        process.join()
    return [work for share, process in zip(shares, processes, strict=True) if process.exitcode for work in share]


def _do(works: Sequence[Callable[[], None]]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command gets it, and waits
    try:
        for work in works:
            work()
    except Exception:
        sys.exit(1)  # without a traceback

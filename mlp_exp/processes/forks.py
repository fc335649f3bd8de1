"""Forks of this process."""

import multiprocessing
import os
import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.process import BaseProcess
from typing import Any

from mlp_exp.signals import terminate

STOPS = {signal.SIGINT, signal.SIGTERM}


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def can_fork() -> bool:
    """Whether the platform has forks, and lets this process have some: a daemon may have none."""
    return "fork" in multiprocessing.get_all_start_methods() and not multiprocessing.current_process().daemon


def start_process(process: BaseProcess) -> None:
    """Starts a fork, in which Ctrl-C and SIGTERM wait until it has called `take_signals`."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # that other threads are not there in a fork
            process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def take_signals(on_sigterm: Any) -> None:
    """To be called first in a fork: ignores Ctrl-C, which its command gets too, and sets a handler of SIGTERM."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, on_sigterm)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)


def in_forks(works: Sequence[Callable[[], None]]) -> None:
    """Does some work for its side effects, divided among as many forks as there are cores, or here where none can be.

    The share of a fork that failed is done again here, as a whole, so that its error is raised.
    """
    shares = [works[start :: cores()] for start in range(min(cores(), len(works)))]
    left = _failed_in_forks(shares) if can_fork() and len(shares) > 1 else works
    for work in left:
        work()


def _failed_in_forks(shares: Sequence[Sequence[Callable[[], None]]]) -> list[Callable[[], None]]:
    """The works of all forks that had an error; an interrupt ends them all."""
    context = multiprocessing.get_context("fork")
    processes: list[BaseProcess] = []
    try:
        for share in shares:
            processes.append(context.Process(target=_do, args=(share,)))
            start_process(processes[-1])
        for process in processes:
            process.join()
    except BaseException:
        for process in processes:
            if process.is_alive():
                process.terminate()
                process.join()
        raise
    return [work for share, process in zip(shares, processes, strict=True) if process.exitcode for work in share]


def _do(works: Sequence[Callable[[], None]]) -> None:
    failed = True
    with suppress(BaseException):  # without a traceback
        take_signals(terminate)
        for work in works:
            work()
        failed = False
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it ends at once
    sys.exit(failed)

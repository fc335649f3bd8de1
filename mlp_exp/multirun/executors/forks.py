"""Forks of this process."""

import multiprocessing
import signal
import warnings
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess


def can_fork() -> bool:
    return "fork" in multiprocessing.get_all_start_methods()


def start_process(process: BaseProcess) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that other threads are not there in a fork
        process.start()


def in_forks(works: Sequence[Callable[[], None]]) -> None:
    """Does some work for its side effects, all pieces at the same time where that can be."""
    if not can_fork():
        for work in works:
            work()
        return
    processes = [multiprocessing.get_context("fork").Process(target=_uninterrupted, args=(work,)) for work in works]
    for process in processes:
        start_process(process)
    for process in processes:
        process.join()


def _uninterrupted(work: Callable[[], None]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    work()

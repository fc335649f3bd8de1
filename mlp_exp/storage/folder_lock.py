"""Locks on folders, so that two processes do not work in one at the same time."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


@contextmanager
def folder_lock(folder: Path, *, wait: bool) -> Iterator[bool]:
    """Locks a folder against other processes until the end of the `with` statement or of this process.

    With `wait`, waits for another process that holds the lock; otherwise yields False then, and True in all other
    cases, also where the system or the drive cannot lock folders.
    """
    if fcntl is None:
        yield True
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        free = True
        with suppress(OSError):  # some network drives cannot lock folders
            try:
                fcntl.flock(opened, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                free = False
        yield free
    finally:
        os.close(opened)  # which releases the lock

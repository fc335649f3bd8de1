"""Forks of this process as it was before the first test: none has trained in it, and no thread works in it."""

import multiprocessing
import subprocess
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from support.commands import Fork, Result, ended, import_late
from support.compositions import compose_run


class CleanForks:
    """A process that forks for each work that it is given.

    It is started before the first test, so that a fork has what the suite has imported, and no more: threads that
    other tests have begun, as those that work for all, do not outlive a fork.
    """

    def __init__(self) -> None:
        import_late()
        compose_run()  # what Hydra reads for the first composition is kept, for the others
        self._connection, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("fork")
        self._process = context.Process(target=_serve, args=(theirs, self._connection))
        self._process.start()
        theirs.close()

    def run(self, work: Callable[[], object], folder: Path) -> Result:
        """Does some work in a fork, in this folder; what is sent there can be pickled."""
        self._connection.send((work, folder))
        return subprocess.CompletedProcess([], *self._connection.recv())

    def close(self) -> None:
        self._connection.close()
        self._process.join()


def _serve(connection: Connection, theirs: Connection) -> None:
    theirs.close()
    while True:
        try:
            work, folder = connection.recv()
        except EOFError:
            return
        done = ended(Fork(work, folder), timeout=300)
        connection.send((done.returncode, done.stdout, done.stderr))

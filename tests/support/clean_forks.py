"""Forks of a process in which nothing has been done but imports: none has trained in it, and no thread works in it."""

import multiprocessing
import subprocess
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from support.commands import Fork, Result, clean_environment, ended, import_late
from support.compositions import compose_run
from support.project import ROOT

CODE = "import conftest, sys; from support.clean_forks import serve; serve(int(sys.argv[1]))"


class CleanForks:
    """A process from scratch that forks for each work that it is given.

    So a fork has what is imported, and no more: threads that other tests have begun, as those that work for all, do
    not outlive a fork.
    """

    def __init__(self) -> None:
        self._connection, theirs = multiprocessing.Pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-c", CODE, str(theirs.fileno())],
            env=clean_environment({"PYTHONPATH": str(ROOT / "tests")}),
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
        theirs.close()

    def run(self, work: Callable[[], object], folder: Path) -> Result:
        """Does some work in a fork, in this folder; what is sent there can be pickled."""
        self._connection.send((work, folder))
        return subprocess.CompletedProcess([], *self._connection.recv())

    def close(self) -> None:
        self._connection.close()
        self._process.wait()


def serve(number: int) -> None:
    """Works until the other end of the connection, which is open as file `number`, is closed."""
    connection = Connection(number)
    import_late()
    compose_run()  # what Hydra reads for the first composition is kept, for the others
    while True:
        try:
            work, folder = connection.recv()
        except EOFError:
            return
        done = ended(Fork(work, folder), timeout=300)
        connection.send((done.returncode, done.stdout, done.stderr))

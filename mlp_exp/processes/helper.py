"""A process that works for a command: it imports slow packages while the command imports torch."""

import gc
import multiprocessing
import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from importlib import import_module
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Literal, TypeVar

from mlp_exp.processes.forks import can_fork, start_process, take_signals

FIGURES, FOREST = "mlp_exp.display.plots", "sklearn.ensemble"
"""Names of modules that take long to import: what draws figures, and what fits the forests of a page."""
Outcome = Literal["done", "failed", "unknown"]
UNKNOWN: tuple[Outcome, Any] = ("unknown", None)
T = TypeVar("T")


class Helper:
    """Calls functions in a process of its own, one after another; without `prepare` it calls them in this one.

    A context manager: leaving it ends the process.

    Example:
        with Helper() as helper:
            helper.prepare(FOREST)
            found = helper.ask(importance, values, metric)  # begins at once
            ...
            found()  # waits for the result
    """

    def __init__(self) -> None:
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None
        self._asked = 0
        self._answers: list[tuple[Outcome, Any]] = []

    def prepare(self, *modules: str) -> None:
        """Starts the process, which imports these modules; to be called once, before torch is imported.

        Without effect where they are imported already, or are none, and where no process can be forked.
        """
        if self._process or not can_fork() or all(module in sys.modules for module in modules):
            return
        self._connection, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("fork")
        self._process = context.Process(target=_serve, args=(theirs, self._connection, modules))
        start_process(self._process)
        theirs.close()
        _make_group(self._process.pid)

    def ask(self, function: Callable[..., T], *arguments: Any) -> Callable[[], T]:
        """Has a function called there. What is returned gives its result, or raises its error; it is to be called once.

        What cannot be sent, and what a killed process has not done, is done here: the function can be called again.
        """
        here = partial(function, *arguments)
        if self._connection is None:
            return here
        try:
            message = pickle.dumps((function, arguments))
        except Exception:  # a class of the user's within a function, say
            return here
        with suppress(BrokenPipeError):
            self._connection.send_bytes(message)
        self._asked += 1
        return partial(self._answer, self._asked, here)

    def _answer(self, number: int, here: Callable[[], T]) -> T:
        assert self._connection
        with suppress(EOFError, ConnectionResetError):
            while len(self._answers) < number:
                self._answers.append(self._connection.recv())
        how, found = self._answers[number - 1] if number <= len(self._answers) else UNKNOWN
        if how == "unknown":
            return here()
        if how == "failed":
            raise found
        result: T = found
        return result

    def __enter__(self) -> "Helper":
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if self._process is None or self._connection is None:
            return
        self._connection.close()  # the process then ends
        if error:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid or 0, signal.SIGTERM)  # those that draw for it, too
        self._process.join()

    def __reduce__(self) -> tuple[type["Helper"], tuple[()]]:
        return Helper, ()  # a launcher sends a command's function to other processes


IN_PLACE = Helper()
"""Calls functions in this process."""


def _make_group(process: int | None) -> None:
    """Makes a process the first of a group of its own; done by both sides, so that it is so for either at once."""
    with suppress(OSError):
        os.setpgid(process or 0, process or 0)


def _serve(connection: Connection, other_end: Connection, modules: Sequence[str]) -> None:
    """Answers until the command has closed its end, or was killed."""
    _make_group(None)
    take_signals(signal.SIG_DFL)
    gc.disable()
    other_end.close()
    for module in modules:
        with suppress(Exception):  # raised where it is used
            import_module(module)
    gc.freeze()  # so that a collection looks at what was made here alone
    with suppress(EOFError, OSError):
        while True:
            connection.send(_outcome(connection.recv_bytes()))
            gc.collect()


def _outcome(message: bytes) -> tuple[Outcome, Any]:
    """Whether a call succeeded, and its result, or its error as one that can be sent."""
    try:
        function, arguments = pickle.loads(message)
    except Exception:  # what only the command's process has imported
        return UNKNOWN
    try:
        return "done", function(*arguments)
    except Exception as error:
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:
            return "failed", RuntimeError("".join(traceback.format_exception(error)))
        return "failed", error

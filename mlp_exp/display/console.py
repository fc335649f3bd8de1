"""Log records and single lines on the console."""

import copy
import io
import logging
import os
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TextIO

from rich import get_console
from rich.console import Console, RenderableType
from rich.table import Table

from mlp_exp.display.texts import flowing
from mlp_exp.errors import MlpExpError

PLAIN_WIDTH = 80


class ConsoleHandler(logging.Handler):
    """Prints log records above a progress bar: errors to standard error, all else to standard output.

    On a terminal their lines are wrapped at words; elsewhere each stays one line, for programs that search them.
    The traceback of an error that is reported as one message is for the log file alone.
    """

    def emit(self, record: logging.LogRecord) -> None:
        console = Console(stderr=True, quiet=get_console().quiet) if record.levelno >= logging.ERROR else get_console()
        if record.exc_info and isinstance(record.exc_info[1], MlpExpError):
            record = copy.copy(record)
            record.exc_info = record.exc_text = None
        text = self.format(record)
        if console.is_terminal and not record.exc_info:
            text = "\n".join(part for line in text.split("\n") for part in flowing(line, console.width))
        console.print(text, markup=False, emoji=False, highlight=False, soft_wrap=True)


def show(what: RenderableType, **options: Any) -> None:
    """Prints; a console that is quiet would first render what it then drops, as a table in milliseconds."""
    console = get_console()
    if not console.quiet:
        console.print(what, **options)


def width() -> int:
    """Characters of a line: those of the terminal; elsewhere 80, if COLUMNS says nothing else."""
    console = get_console()
    return console.width if console.is_terminal or console.is_jupyter or "COLUMNS" in os.environ else PLAIN_WIDTH


def show_table(table: Table) -> None:
    """Prints a table that was made to fit `width()`."""
    show(table, width=max(width(), get_console().measure(table).minimum), crop=False, no_wrap=True)


def show_lines(lines: Iterable[str]) -> None:
    """Prints lines as they are."""
    for line in lines:
        show(line, markup=False, emoji=False, highlight=False, soft_wrap=True)


def print_path(path: Path) -> None:
    """Prints a path on one line, however long, so that it can be copied."""
    show_lines([str(path)])


def shows_bars(console: Console) -> bool:
    """Whether progress bars can be shown: on a terminal, and in a notebook that has widgets."""
    return not console.quiet and (console.is_terminal or (console.is_jupyter and find_spec("ipywidgets") is not None))


@contextmanager
def silent() -> Iterator[None]:
    """Inside, nothing is printed by this thread."""
    console = get_console()
    before = console.quiet
    console.quiet = True  # in a notebook it does not print to standard output
    try:
        with redirect_stdout(_OfOthers(sys.stdout)), redirect_stderr(_OfOthers(sys.stderr)):
            yield
    finally:
        console.quiet = before


_LATEST: "deque[_OfOthers]" = deque(maxlen=8)
"""Keeps them alive a while: `print` of another thread holds no reference to the stream that it writes to."""


class _OfOthers(io.TextIOBase):
    """Passes on what other threads write."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._silent = threading.get_ident()
        _LATEST.append(self)

    def write(self, text: str) -> int:
        return len(text) if threading.get_ident() == self._silent else self._stream.write(text)

    def flush(self) -> None:
        self._stream.flush()

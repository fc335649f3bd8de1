"""Log records and single lines on the console."""

import copy
import logging
from pathlib import Path

from rich import get_console
from rich.console import Console

from mlp_exp.errors import MlpExpError


class ConsoleHandler(logging.Handler):
    """Prints log records above a progress bar: errors to standard error, all else to standard output.

    The traceback of an error that is reported as one message is for the log file alone.
    """

    def emit(self, record: logging.LogRecord) -> None:
        console = Console(stderr=True) if record.levelno >= logging.ERROR else get_console()
        if record.exc_info and isinstance(record.exc_info[1], MlpExpError):
            record = copy.copy(record)
            record.exc_info = record.exc_text = None
        console.print(self.format(record), markup=False, emoji=False, highlight=False, soft_wrap=True)


def print_path(path: Path) -> None:
    """Prints a path on one line, however long, so that it can be copied."""
    get_console().print(str(path), markup=False, highlight=False, soft_wrap=True)

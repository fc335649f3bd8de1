"""Log records and single lines on the console."""

import logging
from pathlib import Path

from rich import get_console
from rich.console import Console


class ConsoleHandler(logging.Handler):
    """Prints log records above a progress bar: errors to standard error, all else to standard output."""

    def __init__(self) -> None:
        super().__init__()
        self._errors = Console(stderr=True)

    def emit(self, record: logging.LogRecord) -> None:
        console = self._errors if record.levelno >= logging.ERROR else get_console()
        console.print(self.format(record), markup=False, emoji=False, highlight=False, soft_wrap=True)


def print_path(path: Path) -> None:
    """Prints a path on one line, however long, so that it can be copied."""
    get_console().print(str(path), markup=False, highlight=False, soft_wrap=True)

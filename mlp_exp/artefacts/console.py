"""What a person sees while a run trains: log lines, a progress bar, the table of results."""

import logging
from collections.abc import Mapping

from rich import get_console
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table


class ConsoleHandler(logging.Handler):
    """Prints log records above a progress bar: errors to standard error, all else to standard output."""

    def __init__(self) -> None:
        super().__init__()
        self._errors = Console(stderr=True)

    def emit(self, record: logging.LogRecord) -> None:
        console = self._errors if record.levelno >= logging.ERROR else get_console()
        console.print(self.format(record), markup=False, emoji=False, highlight=False, soft_wrap=True)


def epoch_bar() -> Progress:
    """A bar over epochs with the losses beside it; shown on a terminal only."""
    console = get_console()
    return Progress(
        TextColumn("epoch"),
        MofNCompleteColumn(),
        BarColumn(),
        TextColumn("{task.description}"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )


def print_results(metrics: Mapping[str, Mapping[str, float | None]]) -> None:
    """A table with a row for each metric and a column for each part."""
    table = Table("metric", title="Results of the best epoch", title_justify="left")
    for part in metrics:
        table.add_column(part, justify="right")
    for name in next(iter(metrics.values()), {}):
        values = [scores.get(name) for scores in metrics.values()]
        table.add_row(name, *("–" if value is None else f"{value:.4f}" for value in values))
    get_console().print(table)

"""What a person sees while a run trains: log lines, a progress bar, the table of results."""

import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

import rich.progress
from rich import get_console
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from mlp_exp.data.dataset import Dataset


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


def open_with_progress(path: Path) -> AbstractContextManager[BinaryIO]:
    """Opens a file to read; a bar shows how far the reading is, on a terminal only."""
    console = get_console()
    return rich.progress.open(
        path, "rb", description=f"reading {path.name}", console=console, transient=True, disable=not console.is_terminal
    )


MOST_COLUMNS = 40
MOST_CLASSES = 20


def print_columns(dataset: Dataset) -> None:
    """What was decided about a table: a line for each column, those that are left out first, and the task."""
    table = Table("column", "is", "values", title="Columns", title_justify="left")
    table.add_column("missing", justify="right")
    order = sorted(dataset.columns, key=lambda column: column.kind != "left out")
    for column in order[:MOST_COLUMNS]:
        missing = str(column.missing) if column.missing else ""
        table.add_row(*(escape(text) for text in (column.name, column.kind, column.note, missing)))
    if len(order) > MOST_COLUMNS:
        table.add_row(f"… {len(order) - MOST_COLUMNS} more", "", "", "")
    table.add_section()
    more = " …" if len(dataset.class_names) > MOST_CLASSES else ""
    classes = f"{len(dataset.class_names)} classes: {', '.join(dataset.class_names[:MOST_CLASSES])}{more}"
    low, high = dataset.target.min(), dataset.target.max()
    values = classes if dataset.class_names else f"{low:g} … {high:g}"
    missing = "" if dataset.kept is None else str((~dataset.kept).sum())
    table.add_row(escape(dataset.target_name), f"target: {dataset.task}", escape(values), missing)
    get_console().print(table)


def print_results(metrics: Mapping[str, Mapping[str, float | None]]) -> None:
    """A table with a row for each metric and a column for each part."""
    table = Table("metric", title="Results of the best epoch", title_justify="left")
    for part in metrics:
        table.add_column(part, justify="right")
    for name in next(iter(metrics.values()), {}):
        values = [scores.get(name) for scores in metrics.values()]
        table.add_row(name, *("–" if value is None else f"{value:.4f}" for value in values))
    get_console().print(table)

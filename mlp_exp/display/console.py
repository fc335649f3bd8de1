"""What a person sees while a run trains: log lines, a progress bar, the table of results."""

import logging
import time
from collections.abc import Mapping, Sequence
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

log = logging.getLogger(__name__)

REFRESH_SECONDS = 0.1
LINE_SECONDS = 30.0
"""Between two lines on the progress of a sweep, where there is no terminal for a bar."""


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


class SweepBar:
    """One bar for a sweep: runs done, epoch, best value so far; where there is no terminal, a line now and then.

    Args:
        runs, epochs: in all.
    """

    def __init__(self, runs: int, epochs: int) -> None:
        console = get_console()
        self._bar = Progress(
            TextColumn("{task.fields[ended]}/{task.fields[runs]} runs"),
            BarColumn(),
            TextColumn("{task.description}"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
            auto_refresh=False,  # by a thread, which processes for the stacks would do without
        )
        self._task = self._bar.add_task("", total=epochs, runs=runs, ended=0)
        self._ended = 0
        self._said = time.monotonic()

    def __enter__(self) -> "SweepBar":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def advance(self, epochs: int, ended: int = 0) -> None:
        """Takes epochs of one run as done, and whether the run has ended with them."""
        self._ended += ended
        self._bar.update(self._task, advance=epochs, ended=self._ended)

    def describe(self, epoch: int, column: str, value: float, job: int) -> None:
        """Shows where a stack is, and the best value of a column so far."""
        text = f"epoch {epoch}, best {column} {value:.4f} (job {job})"
        self._bar.update(self._task, description=text)
        pause = LINE_SECONDS if self._bar.disable else REFRESH_SECONDS
        if time.monotonic() - self._said < pause:
            return
        self._said = time.monotonic()
        if not self._bar.disable:
            self._bar.refresh()
        else:
            log.info("%d of %d runs done, %s", self._ended, self._bar.tasks[0].fields["runs"], text)


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


def print_scores(title: str, metrics: Mapping[str, Mapping[str, float | None]]) -> None:
    """A table with a row for each metric and a column for each of the mappings, as train, val and test."""
    table = Table("metric", title=escape(title), title_justify="left")
    for part in metrics:
        table.add_column(part, justify="right")
    for name in next(iter(metrics.values()), {}):
        values = [scores.get(name) for scores in metrics.values()]
        table.add_row(name, *("–" if value is None else f"{value:.4f}" for value in values))
    get_console().print(table)


MOST_RUNS = 20
MOST_JOBS = 200


def print_leaderboard(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], file: Path) -> None:
    """The best runs of a sweep, and where all of them are."""
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(escape(column.replace(".", "\n").replace("_", "\n", 1)), overflow="fold")
    for row in rows[:MOST_RUNS]:
        table.add_row(*map(escape, row))
    if len(rows) > MOST_RUNS:
        table.add_row(f"… {len(rows) - MOST_RUNS} more", *[""] * (len(columns) - 1))
    get_console().print(table)
    print_path(file)


def print_path(path: Path) -> None:
    """On one line, however long, so that it can be copied."""
    get_console().print(str(path), markup=False, highlight=False, soft_wrap=True)


def print_dry_run(jobs: Sequence[Sequence[str]], stacks: str, rows: Sequence[Sequence[str]], seconds: float) -> None:
    """What a sweep would do.

    Args:
        jobs: number, overrides and what is wrong with it of each.
        stacks: in words.
        rows: jobs, how many, memory and time of each stack.
        seconds: in all.
    """
    console = get_console()
    wrong = any(failure for *_, failure in jobs)
    table = Table("job", "overrides", *(["failure"] if wrong else []))
    for row in jobs[:MOST_JOBS]:
        table.add_row(*map(escape, row[: 2 + wrong]))
    if len(jobs) > MOST_JOBS:
        table.add_row("…", f"{len(jobs) - MOST_JOBS} more")
    console.print(table)
    table = Table("jobs", "runs", "memory", "time", title=escape(stacks), title_justify="left")
    for row in rows:
        table.add_row(*row)
    console.print(table)
    console.print(
        f"About {seconds:.1f} s of training in all, without early stopping. Nothing was trained.", highlight=False
    )

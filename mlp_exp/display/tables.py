"""Tables on the console: columns of the data, metrics, leaderboard, dry run."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich import get_console
from rich.markup import escape
from rich.table import Table

from mlp_exp.data.dataset import Dataset
from mlp_exp.display.console import print_path

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

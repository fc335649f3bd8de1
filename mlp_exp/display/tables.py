"""Tables on the console: columns of the data, metrics, leaderboard, dry run."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich import get_console
from rich.markup import escape
from rich.table import Table

from mlp_exp.data.dataset import Dataset
from mlp_exp.display.console import print_path

MAX_COLUMNS = 40
MAX_CLASSES = 20
MAX_RUNS = 20
MAX_JOBS = 200


def print_columns(dataset: Dataset) -> None:
    """Prints what was inferred about a table: a line for each column, first those left out, and the task."""
    table = Table("column", "is", "values", title="Columns", title_justify="left")
    table.add_column("missing", justify="right")
    order = sorted(dataset.columns, key=lambda column: column.kind != "left out")
    for column in order[:MAX_COLUMNS]:
        table.add_row(*map(escape, (column.name, column.kind, column.note, str(column.missing or ""))))
    if len(order) > MAX_COLUMNS:
        table.add_row(f"… {len(order) - MAX_COLUMNS} more", "", "", "")
    table.add_section()
    more = " …" if len(dataset.class_names) > MAX_CLASSES else ""
    classes = f"{len(dataset.class_names)} classes: {', '.join(dataset.class_names[:MAX_CLASSES])}{more}"
    low, high = dataset.target.min(), dataset.target.max()
    values = classes if dataset.class_names else f"{low:g} … {high:g}"
    table.add_row(*map(escape, (dataset.target_name, f"target: {dataset.task}", values, str(dataset.unlabelled or ""))))
    get_console().print(table)


def print_scores(title: str, metrics: Mapping[str, Mapping[str, float | None]]) -> None:
    """Prints a table with a row for each metric and a column for each part, such as train, val and test."""
    table = Table("metric", title=escape(title), title_justify="left")
    for part in metrics:
        table.add_column(part, justify="right")
    for name in next(iter(metrics.values()), {}):
        values = [scores.get(name) for scores in metrics.values()]
        table.add_row(name, *("–" if value is None else f"{value:.4f}" for value in values))
    get_console().print(table)


def print_leaderboard(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], file: Path) -> None:
    """Prints the best runs of a sweep, and the path of the file with all of them."""
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(escape(column.replace(".", "\n").replace("_", "\n", 1)), overflow="fold")
    for row in rows[:MAX_RUNS]:
        table.add_row(*map(escape, row))
    if len(rows) > MAX_RUNS:
        table.add_row(f"… {len(rows) - MAX_RUNS} more", *[""] * (len(columns) - 1))
    get_console().print(table)
    print_path(file)


def print_dry_run(jobs: Sequence[Sequence[str]], stacks: str, rows: Sequence[Sequence[str]], seconds: float) -> None:
    """Prints what a sweep would do.

    Each of `jobs` is its number, overrides and error; `stacks` is the title of the table of stacks, and `rows` are
    their jobs, number of runs, memory and time.
    """
    console = get_console()
    wrong = any(failure for *_, failure in jobs)
    table = Table("job", "overrides", *(["failure"] if wrong else []))
    for row in jobs[:MAX_JOBS]:
        table.add_row(*map(escape, row[: 2 + wrong]))
    if len(jobs) > MAX_JOBS:
        table.add_row("…", f"{len(jobs) - MAX_JOBS} more")
    console.print(table)
    table = Table("jobs", "runs", "memory", "time", title=escape(stacks), title_justify="left")
    for row in rows:
        table.add_row(*row)
    console.print(table)
    console.print(
        f"About {seconds:.1f} s of training in all, without early stopping. Nothing was trained.", highlight=False
    )

"""Tables on the console: columns of the data, metrics, leaderboard, dry run."""

import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from rich import get_console
from rich.markup import escape
from rich.table import Table

from mlp_exp.data.dataset import Column, Dataset
from mlp_exp.display.console import print_path, show

MAX_COLUMNS = 40
"""With more columns, only those with something to be said have a line of their own …"""
MAX_NOTABLE = 15
"""… up to so many; others share a line with all of their kind."""
MAX_CLASSES = 20
MAX_RUNS = 20
MAX_JOBS = 200
REASON_WIDTH = 9
SMALL = 0.001
"""Four decimals of a value below this say too little."""


def print_columns(dataset: Dataset) -> None:
    """Prints what was decided about a table: its columns, first those left out, the targets and the task."""
    table = Table("column", "is", "values", title="Columns", title_justify="left")
    table.add_column("missing", justify="right")
    for row in _column_rows(sorted(dataset.columns, key=lambda column: column.kind != "left out")):
        table.add_row(*map(escape, row))
    table.add_section()
    for row in _target_rows(dataset):
        table.add_row(*map(escape, row))
    show(table)


def _target_rows(dataset: Dataset) -> list[tuple[str, str, str, str]]:
    """Name, task and classes or range of each target; how many rows lack it, if it is the only one."""
    values = dataset.target.reshape(len(dataset.target), -1)
    rows = []
    for target, column in zip(dataset.targets[:MAX_COLUMNS], values.T, strict=False):
        names, more = target.class_names[:MAX_CLASSES], " …" if len(target.class_names) > MAX_CLASSES else ""
        note = f"{column.min():g} … {column.max():g}"
        if names:
            note = f"{len(target.class_names)} classes: {(' < ' if dataset.ordered else ', ').join(names)}{more}"
        missing = str(dataset.unlabelled or "") if len(dataset.targets) == 1 else ""
        rows.append((target.name, f"target: {dataset.task}", note, missing))
    if rest := dataset.targets[MAX_COLUMNS:]:
        rows.append((f"{len(rest):,} columns", f"target: {dataset.task}", f"{rest[0].name} … {rest[-1].name}", ""))
    return rows


def _column_rows(columns: Sequence[Column]) -> list[tuple[str, str, str, str]]:
    """Name, kind, note and number of missing values of each column; many of one kind are one row."""
    whole = len(columns) <= MAX_COLUMNS
    notable = [column for column in columns if whole or column.remarks]
    own = notable if whole else notable[:MAX_NOTABLE]
    rows: list[tuple[str, str, str, str]] = [
        (column.name, column.kind, "; ".join([column.note, *column.remarks]), str(column.missing or ""))
        for column in own
    ]
    groups: dict[tuple[str, str], list[Column]] = {}
    shown = {column.name for column in own}
    for column in columns:
        if column.name not in shown:
            reason = column.note if column.kind == "left out" else ""
            groups.setdefault((column.kind, reason), []).append(column)
    for (kind, reason), members in groups.items():
        names = [column.name for column in members]
        listed = ", ".join(names) if len(names) <= 4 else f"{names[0]}, {names[1]} … {names[-1]}"
        gaps = sum(column.missing > 0 for column in members)
        note = f"{reason}: {listed}" if reason else listed
        rows.append((f"{len(names):,} columns", kind, note, f"in {gaps}" if gaps else ""))
    return rows


def print_scores(
    title: str,
    metrics: Mapping[str, Mapping[str, float | None]],
    reasons: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
    intervals: Mapping[str, Mapping[str, tuple[float, float] | None]] = MappingProxyType({}),
) -> None:
    """Prints a table with a row for each metric and a column for each part, such as train, val and test.

    Args:
        title: above the table.
        metrics: values by part and name.
        reasons: likewise why there is none, which is printed instead.
        intervals: likewise the lowest and highest value, which are printed beside it.
    """
    table = Table(title=escape(title), title_justify="left")
    table.add_column("metric", overflow="fold")
    columns = [list(next(iter(metrics.values()), {}))]
    for part, scores in metrics.items():
        cells = []
        for name in columns[0]:
            value, interval = scores.get(name), intervals.get(part, {}).get(name)
            reason = reasons.get(part, {}).get(name, "–")
            cells.append((shown_score(value, interval), True) if value is not None else (reason, False))
        # only a reason may take several lines
        width = max((len(text) if whole else min(len(text), REASON_WIDTH) for text, whole in cells), default=1)
        table.add_column(part, justify="right", min_width=width, max_width=width)
        columns.append([text for text, _ in cells])
    for row in zip(*columns, strict=True):
        table.add_row(*map(escape, row))
    show(table)


def shown_score(value: float, interval: tuple[float, float] | None) -> str:
    """A value such as `0.9512`, or `0.9512 (0.931–0.967)`; a small one has four significant digits.

    The ends of an interval have so many digits that two of its width are seen.
    """
    text = f"{value:.4g}" if 0 < abs(value) < SMALL else f"{value:.4f}"
    if interval is None:
        return text
    width = interval[1] - interval[0]
    digits = min(4, max(0, 1 - math.floor(math.log10(width)))) if width > 0 else 4
    low, high = (format(end, ".3g" if 0 < width < SMALL else f".{digits}f") for end in interval)
    return f"{text} ({low}{' to ' if interval[0] < 0 else '–'}{high})"


def print_comparison(
    compared: Mapping[str, Mapping[str, Mapping[str, float | None]]], headlines: Sequence[str], notes: Sequence[str]
) -> None:
    """Prints a row for each of several models, the first of which is the run, and the notes below.

    Args:
        compared: metrics by part and name of each; the headlines of the parts that the others have are shown.
    """
    if compared:
        _, *others = compared.values()
        shown = [(part, name) for part in others[0] for name in headlines]
        table = Table("", title="Beside baselines", title_justify="left")
        for part, name in shown:
            table.add_column(f"{part}\n{escape(name)}", justify="right")
        for place, (label, metrics) in enumerate(compared.items()):
            values = [metrics.get(part, {}).get(name) for part, name in shown]
            table.add_row(
                label,
                *("–" if value is None else shown_score(value, None) for value in values),
                style=None if place else "bold",
            )
        show(table)
    for note in notes:
        print_advice(f"Note: {note}.")


def print_advice(line: str) -> None:
    """Prints a line in plain words below a result."""
    show(line, markup=False, highlight=False, soft_wrap=True)


def print_leaderboard(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], file: Path, baselines: Collection[str] = ()
) -> None:
    """Prints the best runs of a sweep, and the path of the file with all of them.

    Rows that begin with the name of one of the baselines are printed however many there are.
    """
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(escape(column.replace(".", "\n").replace("_", "\n", 1)), overflow="fold")
    rest = rows[MAX_RUNS:]
    kept = [row for row in rest if row[0] in baselines]
    for row in rows[:MAX_RUNS]:
        table.add_row(*map(escape, row))
    if len(rest) > len(kept):
        table.add_row(f"… {len(rest) - len(kept)} more", *[""] * (len(columns) - 1))
    for row in kept:
        table.add_row(*map(escape, row))
    show(table)
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


def print_dry_run_of_one(run: str, training: str, seconds: float) -> None:
    """Prints what a run would do, beside the table of its columns."""
    for line in (run, training, f"About {seconds:.1f} s of training, without early stopping. Nothing was trained."):
        show(escape(line), highlight=False, soft_wrap=True)

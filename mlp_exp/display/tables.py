"""Tables on the console: columns of the data, metrics, leaderboard, dry run."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from mlp_exp.data import dataset as data
from mlp_exp.data.dataset import Dataset
from mlp_exp.display.columns import DENSE, ROOMY, Column, fit, squeezed
from mlp_exp.display.console import print_path, show_lines, show_table, width
from mlp_exp.display.grid import Grid, in_common
from mlp_exp.display.numbers import MARK, NOTHING, as_typed, in_column, score
from mlp_exp.display.texts import flowing, shortened, wrapped

MAX_COLUMNS = 40
"""With more columns, only those with something to be said have a line of their own …"""
MAX_NOTABLE = 15
"""… up to so many; others share a line with all of their kind."""
MAX_CLASSES = 20
MAX_RUNS = 20
MAX_JOBS = 200


def print_columns(dataset: Dataset) -> None:
    """Prints what was decided about a table: its columns, first those left out, the targets and the task."""
    inputs = _column_rows(sorted(dataset.columns, key=lambda column: column.kind != "left out"))
    rows = [*inputs, *_target_rows(dataset)]
    cells = dict(zip(("column", "is", "values", "missing"), zip(*rows, strict=True), strict=True))
    columns = [Column(name, of, right=name == "missing") for name, of in cells.items()]
    section = len(inputs) - 1
    show_lines(["Columns"])
    show_table(fit(columns, width(), ROOMY, section=section) or squeezed(columns, section=section))


def _target_rows(dataset: Dataset) -> list[tuple[str, str, str, str]]:
    """Name, task and classes or range of each target; how many rows lack it, if it is the only one."""
    values = dataset.target.reshape(len(dataset.target), -1)
    rows = []
    for target, column in zip(dataset.targets[:MAX_COLUMNS], values.T, strict=False):
        names, more = target.class_names[:MAX_CLASSES], " …" if len(target.class_names) > MAX_CLASSES else ""
        note = f"{column.min():g} … {column.max():g}"
        if names:
            note = f"{len(target.class_names)} classes: {(' < ' if dataset.ordered else ', ').join(names)}{more}"
        if len(target.class_names) == 2:
            note += " (positive)"  # `f1`, ROC and calibration are about it
        missing = str(dataset.unlabelled or "") if len(dataset.targets) == 1 else ""
        rows.append((target.name, f"target: {dataset.task}", note, missing))
    if rest := dataset.targets[MAX_COLUMNS:]:
        rows.append((f"{len(rest):,} columns", f"target: {dataset.task}", f"{rest[0].name} … {rest[-1].name}", ""))
    return rows


def _column_rows(columns: Sequence[data.Column]) -> list[tuple[str, str, str, str]]:
    """Name, kind, note and number of missing values of each column; many of one kind are one row."""
    whole = len(columns) <= MAX_COLUMNS
    notable = [column for column in columns if whole or column.remarks]
    own = notable if whole else notable[:MAX_NOTABLE]
    rows: list[tuple[str, str, str, str]] = [
        (column.name, column.kind, "; ".join([column.note, *column.remarks]), str(column.missing or ""))
        for column in own
    ]
    groups: dict[tuple[str, str], list[data.Column]] = {}
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
    names = list(next(iter(metrics.values()), {}))

    def cell(part: str, name: str) -> str:
        value = metrics[part].get(name)
        if value is None:
            return reasons.get(part, {}).get(name, NOTHING)
        return score(value, intervals.get(part, {}).get(name))

    rows = [[name, *(cell(part, name) for part in metrics)] for name in names]
    show_lines(flowing(title, width()))
    _show_grid(Grid("metric", [], list(metrics), [], rows, ranked_by=list(metrics)[-1] if metrics else ""))


def print_comparison(
    compared: Mapping[str, Mapping[str, Mapping[str, float | None]]], headlines: Sequence[str], notes: Sequence[str]
) -> None:
    """Prints a row for each of several models, the first of which is the run, and the notes below.

    Args:
        compared: metrics by part and name of each; the headlines of the parts that the others have are shown.
    """
    if compared:
        _, *others = compared.values()
        shown = {f"{part}_{name}": (part, name) for part in others[0] for name in headlines}
        columns = [
            in_column([_alone(of.get(part, {}).get(name)) for of in compared.values()]) for part, name in shown.values()
        ]
        rows = [[label, *cells] for label, *cells in zip(compared, *columns, strict=True)]
        show_lines(["Beside baselines"])
        _show_grid(Grid("", [], list(shown), [], rows, ranked_by=next(iter(shown))))
    for note in notes:
        print_advice(f"Note: {note}.")


def _alone(value: float | None) -> tuple[float, None] | None:
    return None if value is None else (value, None)


def print_advice(line: str) -> None:
    """Prints a sentence in plain words below a result."""
    show_lines(flowing(line, width()))


def print_leaderboard(title: str, same: Sequence[str], grid: Grid, file: Path, baselines: Collection[str] = ()) -> None:
    """Prints the best runs of a sweep, and the path of the file with all of them.

    Args:
        same: what all of them have in common, as `key=value`.
        grid: all of them, best first; rows that begin with the name of one of the baselines are printed however many
            there are.
    """
    rest = grid.rows[MAX_RUNS:]
    kept = [row for row in rest if row[0] in baselines]
    more = [_more(len(rest) - len(kept), grid)] if len(rest) > len(kept) else []
    show_lines(flowing(title, width()))
    _print_same(same)
    _show_grid(replace(grid, rows=[*grid.rows[:MAX_RUNS], *more, *kept]))
    if grid.best:
        show_lines([f"{MARK} the best run"])  # above it are baselines
    print_path(file)


def _more(count: int, grid: Grid) -> list[str]:
    """A row that says how many are not printed."""
    return [f"… {count} more", *[""] * (len(grid.header) - 1)]


def _print_same(same: Sequence[str]) -> None:
    if same:
        short = shortened(same, width())
        show_lines(wrapped(["Same in all:", *(short[each] for each in same)], width()))


def _show_grid(grid: Grid) -> None:
    """Prints it, and which scores there was no room for."""
    table, left_out = grid.table(width())
    show_table(table)
    if left_out:
        show_lines(wrapped(["No room for:", *left_out], width()))


def print_dry_run(
    jobs: Sequence[tuple[int, Sequence[str], bool]], stacks: str, rows: Sequence[Sequence[str]], seconds: float
) -> None:
    """Prints what a sweep would do.

    Each of `jobs` is its number, its overrides and whether it fails; `stacks` is the title of the table of stacks, and
    `rows` are their jobs, number of runs, memory and time.
    """
    same = in_common([typed for _, typed, _ in jobs])
    _print_same(same)
    own = [dict(_pair(each) for each in typed if each not in same) for _, typed, _ in jobs]
    keys = list(dict.fromkeys(key for each in own for key in each))
    columns = [as_typed([each.get(key, "") for each in own]) for key in keys]
    wrong = any(fails for *_, fails in jobs)
    ends = [["fails" if fails else "" for *_, fails in jobs]] if wrong else []
    cells = zip((str(number) for number, *_ in jobs), *columns, *ends, strict=True)
    listed = [list(row) for row in cells]
    grid = Grid("job", keys, [], ["status"] if wrong else [], listed[:MAX_JOBS])
    more = [_more(len(jobs) - MAX_JOBS, grid)] if len(jobs) > MAX_JOBS else []
    _show_grid(replace(grid, rows=[*grid.rows, *more]))
    if rows:
        show_lines(flowing(stacks, width()))
        of = zip(("jobs", "runs", "memory", "time"), zip(*rows, strict=True), strict=True)
        table = [Column(name, each, right=name != "jobs") for name, each in of]
        show_table(fit(table, width(), DENSE) or squeezed(table))
    print_advice(f"About {seconds:.1f} s of training in all, without early stopping. Nothing was trained.")


def _pair(override: str) -> tuple[str, str]:
    key, sign, value = override.partition("=")
    return key, value if sign else "yes"


def print_dry_run_of_one(run: str, training: str, seconds: float) -> None:
    """Prints what a run would do, beside the table of its columns."""
    for line in (run, training, f"About {seconds:.1f} s of training, without early stopping. Nothing was trained."):
        print_advice(line)

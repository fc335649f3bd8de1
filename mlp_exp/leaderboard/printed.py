"""The leaderboard as it is printed."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mlp_exp.display.grid import Grid, in_common
from mlp_exp.display.numbers import as_typed, in_column
from mlp_exp.display.tables import print_leaderboard
from mlp_exp.errors import counted
from mlp_exp.leaderboard.baselines import by_rank, over_splits
from mlp_exp.leaderboard.entry import PARAMETERS, Entry
from mlp_exp.leaderboard.leaderboard import Leaderboard
from mlp_exp.leaderboard.ranking import REPETITIONS, Experiment, group_repetitions, in_words, shown_metrics
from mlp_exp.leaderboard.searches import searches_of
from mlp_exp.storage.sweep_folder import LEADERBOARD


def as_table(
    entries: Sequence[Entry], baselines: Mapping[str, Experiment] | None = None
) -> tuple[str, list[str], list[list[str]]]:
    """Title, columns and rows to show; runs that differ by seed or fold alone are one row with mean ± deviation.

    Baselines are rows between them, with their names in the place of the job. Pruned runs, of which a search has many,
    are counted in the title alone, unless there is no other run to show; what they varied is a column all the same.
    """
    title, grid = _as_grid(entries, baselines or {})
    return title, grid.header, [list(row) for row in grid.rows]


def _as_grid(entries: Sequence[Entry], baselines: Mapping[str, Experiment]) -> tuple[str, Grid]:
    """The title, and the rows of `as_table`."""
    pruned = sum(entry.pruned for entry in entries) if entries[0].metrics else 0
    title = _title(entries, pruned)
    varied = _varied(entries)
    entries = [entry for entry in entries if not (pruned and entry.pruned)]
    groups = group_repetitions(entries)
    one_each = all(len(group.entries) == 1 for group in groups)
    if one_each:  # then a seed is a column like any other
        groups = [Experiment(dict(entry.overrides), [entry]) for entry in entries]
    else:
        repeated = [key for key in REPETITIONS if len({entry.settings.get(key) for entry in entries}) > 1]
        title = f"{title}; mean ± standard deviation over {', '.join(repeated)}"
    named = [(_label(group, one_each=one_each), group) for group in groups]
    shown = sorted([*named, *baselines.items()], key=lambda pair: by_rank(pair[1]))  # equal ones stay in their order
    return title, _grid("job" if one_each else "runs", shown, groups, varied)


def _grid(label: str, shown: Sequence[tuple[str, Experiment]], groups: Sequence[Experiment], varied: set[str]) -> Grid:
    """The columns of groups of runs and of baselines, in their order; the first group with metrics is marked."""
    entries = [entry for group in groups for entry in group.entries]
    keys = list(dict.fromkeys(key for group in groups for key in group.overrides))
    keys = [key for key in keys if key in varied or len({group.overrides.get(key) for group in groups}) > 1]
    names = shown_metrics(entries)
    experiments = [group for _, group in shown]
    columns = [as_typed([group.overrides.get(key, "") for group in experiments]) for key in keys]
    columns += [
        in_column([of.mean_and_deviation(name) for of in experiments], whole=name == PARAMETERS) for name in names
    ]
    ends = {}
    if any(entry.front for entry in entries):
        ends["front"] = ["yes" if group.entries[0].front else "" for group in experiments]
    if not all(entry.ended_well for entry in entries):
        ends["status"] = [", ".join(dict.fromkeys(str(e.result["status"]) for e in of.entries)) for of in experiments]
    rows = [[label, *cells] for (label, _), *cells in zip(shown, *columns, *ends.values(), strict=True)]
    ranked = [place for place, of in enumerate(experiments) if of in groups and of.entries[0].metrics]
    best = ranked[0] if ranked and len(rows) > 1 else None
    return Grid(label, keys, names, list(ends), rows, entries[0].ranked_by, best)


def _varied(entries: Sequence[Entry]) -> set[str]:
    """The keys in which runs differ, and those that a search varies."""
    keys = {key for each in entries for key in each.overrides if each.overrides[key] != entries[0].overrides.get(key)}
    return keys | {key for search in searches_of(entries).values() for key in search.study.space}


def _label(group: Experiment, *, one_each: bool) -> str:
    first = group.entries[0]
    if not one_each:
        scored = sum(entry.metrics.get(entry.ranked_by) is not None for entry in group.entries)
        count = len(group.entries)
        return f"{scored} of {count}" if 0 < scored < count else str(count)
    return first.folder.name if first.job is None else str(first.job)


def _title(entries: Sequence[Entry], pruned: int) -> str:
    count = counted(len(entries), "run")
    count += f", {pruned} of them pruned" if pruned else ""
    return f"{count}, {in_words(entries) if entries[0].metrics else 'without metrics'}"


def write_and_print(folder: Path, sources: Sequence[Path] = ()) -> list[Entry]:
    """Writes and prints the leaderboard of the runs in a folder, or in the sources; returns them, best first."""
    leaderboard = Leaderboard.read(folder, sources, configs=True)
    entries = leaderboard.entries
    if entries:
        leaderboard.write()
        baselines = over_splits(leaderboard.baselines)
        title, grid = _as_grid(entries, baselines)
        grid, equal = grid.without_equal()
        same = in_common([[f"{key}={value}" for key, value in entry.overrides.items()] for entry in entries])
        print_leaderboard(title, [*same, *equal], grid, folder / LEADERBOARD, baselines)
    return entries

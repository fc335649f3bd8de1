"""The leaderboard as it is printed."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mlp_exp.display.tables import print_leaderboard
from mlp_exp.leaderboard.baselines import by_rank, over_splits
from mlp_exp.leaderboard.entry import Entry
from mlp_exp.leaderboard.leaderboard import Leaderboard
from mlp_exp.leaderboard.ranking import REPETITIONS, Experiment, group_repetitions, in_words, shown_metrics
from mlp_exp.leaderboard.searches import searches_of
from mlp_exp.storage.sweep_folder import LEADERBOARD

LONGEST_NUMBER = 8
"""Characters of a number that are printed as they are."""


def as_table(
    entries: Sequence[Entry], baselines: Mapping[str, Experiment] | None = None
) -> tuple[str, list[str], list[list[str]]]:
    """Title, columns and rows to print; runs that differ by seed or fold alone are one row with mean ± deviation.

    Baselines are rows between them, with their names in the place of the job. Pruned runs, of which a search has many,
    are counted in the title alone, unless there is no other run to show; what they varied is a column all the same.
    """
    pruned = sum(entry.pruned for entry in entries) if entries[0].metrics else 0
    searches = searches_of(entries)
    title = _title(entries, pruned)
    varied = {key for each in entries for key in each.overrides if each.overrides[key] != entries[0].overrides.get(key)}
    varied |= {key for search in searches.values() for key in search.study.space}
    entries = [entry for entry in entries if not (pruned and entry.pruned)]
    groups = group_repetitions(entries)
    one_each = all(len(group.entries) == 1 for group in groups)
    if one_each:  # then a seed is a column like any other
        groups = [Experiment(dict(entry.overrides), [entry]) for entry in entries]
    keys = list(dict.fromkeys(key for group in groups for key in group.overrides))
    keys = [key for key in keys if key in varied or len({group.overrides.get(key) for group in groups}) > 1]
    names = shown_metrics(entries)
    has_front = any(entry.front for entry in entries)
    all_well = all(entry.ended_well for entry in entries)
    rows = []
    named = [(_label(group, one_each=one_each), group) for group in groups] + list((baselines or {}).items())
    for label, group in sorted(named, key=lambda pair: by_rank(pair[1])):  # equal ones stay in their order
        overrides = [_readable(group.overrides.get(key, ""), cut=bool(searches)) for key in keys]
        scores = [group.mean_and_deviation(name) for name in names]
        status = [] if all_well else [", ".join(dict.fromkeys(str(e.result["status"]) for e in group.entries))]
        front = ["yes" if group.entries[0].front else ""] if has_front else []
        rows.append([label, *overrides, *scores, *front, *status])
    if not one_each:
        repeated = [key for key in REPETITIONS if len({entry.settings.get(key) for entry in entries}) > 1]
        title = f"{title}; mean ± standard deviation over {', '.join(repeated)}"
    ends = [*(["front"] if has_front else []), *([] if all_well else ["status"])]
    return title, ["job" if one_each else "runs", *keys, *names, *ends], rows


def _readable(value: str, *, cut: bool) -> str:
    """A value as typed; of a number that a search has drawn four digits if `cut`."""
    try:
        return f"{float(value):.4g}" if cut and len(value) > LONGEST_NUMBER else value
    except ValueError:
        return value


def _label(group: Experiment, *, one_each: bool) -> str:
    first = group.entries[0]
    if not one_each:
        return str(len(group.entries))
    return first.folder.name if first.job is None else str(first.job)


def _title(entries: Sequence[Entry], pruned: int) -> str:
    count = f"{len(entries)} run{'s' * (len(entries) != 1)}"
    count += f", {pruned} of them pruned" if pruned else ""
    return f"{count}, {in_words(entries) if entries[0].metrics else 'without metrics'}"


def write_and_print(folder: Path, sources: Sequence[Path] = ()) -> list[Entry]:
    """Writes and prints the leaderboard of the runs in a folder, or in the sources; returns them, best first."""
    leaderboard = Leaderboard.read(folder, sources, configs=True)
    entries = leaderboard.entries
    if entries:
        leaderboard.write()
        baselines = over_splits(leaderboard.baselines)
        print_leaderboard(*as_table(entries, baselines), folder / LEADERBOARD, baselines)
    return entries

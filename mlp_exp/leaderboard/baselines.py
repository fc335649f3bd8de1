"""Baselines on a leaderboard: rows between the runs, which are never taken for runs."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from mlp_exp.leaderboard.entry import Entry
from mlp_exp.leaderboard.ranking import Experiment
from mlp_exp.storage.baselines_file import BaselinesFile, OfSplit

BASELINE = "baseline"
"""Their status."""


def read_baselines(folders: Iterable[Path], runs: Sequence[Entry] = ()) -> list[Entry]:
    """The baselines that are saved in these folders of runs and sweeps, an entry for each split.

    Where the runs have several tables, the name of a baseline says of which it is.

    Raises:
        RunFolderError: a file of baselines is damaged.
    """
    splits: dict[str, OfSplit] = {}
    for folder in dict.fromkeys(folders):
        splits |= BaselinesFile(folder).read()
    targets, rankings, sizes = (
        {getattr(split, name) for split in splits.values()} for name in ("target", "ranking", "rows")
    )
    table_of = _tables(runs)
    found = []
    for split in splits.values():
        table = table_of.get(split.data, "")
        which = f", {split.target}" if len(targets) > 1 else ""
        which += f" of {table}" if table else f", {split.rows:,} rows" if len(sizes) > 1 and not which else ""
        which += f", {split.ranking}" if len(rankings) > 1 else ""
        for name, baseline in split.baselines.items():
            result = {
                **split.model_dump(include={"task", "ranking", "headlines", "larger_is_better"}),
                "status": BASELINE,
                "baseline": f"{name}{which}",
                "metrics": baseline.metrics,
                "seconds": baseline.seconds,
            }
            found.append(Entry(None, {}, result, Path()))
    return found


def _tables(runs: Sequence[Entry]) -> dict[str, str]:
    """The tables of runs that have several, by the fingerprint of the data: the file's name, or its path."""
    paths = {
        run.result["provenance"]["data_fingerprint"]: run.settings["data.path"]
        for run in runs
        if "data.path" in run.settings and "data_fingerprint" in run.result.get("provenance", {})
    }
    different = set(paths.values())
    if len(different) < 2:
        return {}
    names_differ = len({Path(path).name for path in different}) == len(different)
    return {data: Path(path).name if names_differ else path for data, path in paths.items()}


def ranked_like(baselines: Sequence[Entry], runs: Sequence[Entry]) -> list[Entry]:
    """The baselines, ranked by what ranks the runs of their kind."""
    by_kind = {run.has_classes: run.ranking for run in reversed(runs) if run.metrics}
    objectives = runs[0].objectives if runs else ()
    return [replace(entry, ranking=by_kind.get(entry.has_classes, ""), objectives=objectives) for entry in baselines]


def over_splits(baselines: Sequence[Entry]) -> dict[str, Experiment]:
    """The splits of each baseline, by its name."""
    found: dict[str, Experiment] = {}
    for entry in baselines:
        found.setdefault(str(entry.result["baseline"]), Experiment({}, [])).entries.append(entry)
    return found


def by_rank(experiment: Experiment) -> tuple[int, bool, int, float]:
    """Sort key of experiments and baselines, as of `group_repetitions`."""
    return (*experiment.kind, experiment.score)

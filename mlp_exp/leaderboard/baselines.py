"""Baselines on a leaderboard: rows between the runs, which are never taken for runs."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from mlp_exp.leaderboard.entry import Entry
from mlp_exp.leaderboard.ranking import Experiment
from mlp_exp.storage.baselines_file import BaselinesFile, OfSplit

BASELINE = "baseline"
"""Their status."""


def read_baselines(folders: Iterable[Path]) -> list[Entry]:
    """The baselines that are saved in these folders of runs and sweeps, an entry for each split.

    Raises:
        RunFolderError: a file of baselines is damaged.
    """
    splits: dict[str, OfSplit] = {}
    for folder in dict.fromkeys(folders):
        splits |= BaselinesFile(folder).read()
    targets, rankings, sizes = (
        {getattr(split, name) for split in splits.values()} for name in ("target", "ranking", "rows")
    )
    found = []
    for split in splits.values():
        which = f", {split.target}" if len(targets) > 1 else f", {split.rows:,} rows" if len(sizes) > 1 else ""
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

"""What the page says of a sweep that has more runs than it shows: it stays small enough to open."""

from collections import Counter
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Any, TypeVar

from mlp_exp.leaderboard.entry import Entry
from mlp_exp.leaderboard.ranking import Experiment
from mlp_exp.leaderboard.searches import SavedSearch, SavedTrial

MOST_SHOWN = 1_000
"""Runs on the page, the best; and as many drawn evenly from all show the effects of keys."""
MOST_TEXTS = 3
"""Values that are written out of several runs."""
MEASURED = ("best_epoch", "epochs", "seconds", "best_value")
"""In a result, beside its metrics."""
T = TypeVar("T")


def evenly(items: Sequence[T]) -> list[T]:
    """At most `MOST_SHOWN` of them, at equal distances, the first among them."""
    step = -(-len(items) // MOST_SHOWN)
    return list(items[:: max(1, step)])


def in_all(entries: Sequence[Entry]) -> dict[str, Any]:
    """How many runs there are, how they ended, and how many epochs they have trained."""
    return {
        "runs": len(entries),
        "statuses": dict(Counter(str(entry.result["status"]) for entry in entries)),
        "epochs": sum(entry.result.get("epochs") or 0 for entry in entries),
    }


def of_group(group: Experiment, keys: Sequence[str]) -> dict[str, Any]:
    """Runs of which only some are shown: how many there are, means with deviations, and the values of keys."""
    measured = {}
    columns: dict[str, list[float]] = {}
    for entry in group.entries:
        found = {**entry.metrics, **{name: entry.result.get(name) for name in MEASURED}}
        for name, value in found.items():
            if value is not None:
                columns.setdefault(name, []).append(value)
    for name, values in columns.items():
        measured[name] = [fmean(values), stdev(values) if len(values) > 1 else None]
    texts = {key: [entry.overrides[key] for entry in group.entries if key in entry.overrides] for key in keys}
    texts["status"] = [str(entry.result["status"]) for entry in group.entries]
    return {"runs": len(group.entries), "measured": measured, "texts": {key: _said(of) for key, of in texts.items()}}


def _said(texts: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(texts))
    return f"{len(distinct)} values" if len(distinct) > MOST_TEXTS else ", ".join(distinct)


def as_points(entries: Sequence[Entry], names: Sequence[str], metrics: Sequence[str]) -> list[dict[str, Any]]:
    """Runs with no more than their values and these metrics."""
    found = []
    for entry, name in zip(entries, names, strict=True):
        values = entry.metrics
        of = {metric: values[metric] for metric in metrics if values.get(metric) is not None}
        found.append({"name": name, "overrides": dict(entry.overrides), "metrics": of})
    return found


def records(search: SavedSearch) -> set[int]:
    """The numbers of the trials that were the best when they ended."""
    objective = search.study.objectives[0]
    best, found = None, set()
    for trial in search.trials:
        if trial.state == "complete" and trial.values:
            cost = objective.cost(trial.values[0])
            if best is None or cost < best:
                best = cost
                found.add(trial.number)
    return found


def some_trials(search: SavedSearch, shown: set[int]) -> tuple[list[SavedTrial], set[int]]:
    """The trials that are drawn: of shown runs, at equal distances, and all that were the best in their time.

    Returns:
        These, and the numbers of those at equal distances.
    """
    even = {trial.number for trial in evenly(search.trials)}
    kept = shown | even | records(search)
    return [trial for trial in search.trials if trial.number in kept], even

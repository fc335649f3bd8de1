"""Which runs come first, and which are repetitions of one experiment."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, stdev
from typing import Any

from mlp_exp.leaderboard.entry import Entry
from mlp_exp.storage.sweep_folder import sweep_of

REPETITIONS = ("seed", "split.seed", "split.fold", "data.seed")
"""Keys that make another run of the same experiment."""
FOR_ALL = ("log_loss", "accuracy", "rmse", "mae", "pinball")
"""Metrics that compare runs whose own rankings differ."""


def ranked(entries: Iterable[Entry]) -> list[Entry]:
    """Best first by one metric: for runs with classes and for those with values one each; then by number."""
    entries = list(entries)
    for has_classes in (True, False):
        places = [place for place, entry in enumerate(entries) if entry.has_classes == has_classes]
        ranking = _common_ranking([entries[place] for place in places if entries[place].metrics])
        for place in places:
            entries[place] = replace(entries[place], ranking=ranking)
    return sorted(entries, key=lambda e: (*e.rank, -1 if e.job is None else e.job, e.folder))


def _common_ranking(entries: Sequence[Entry]) -> str:
    """The metric that ranks all of them; of runs with different ones the first that all have of `FOR_ALL`."""
    wanted = {entry.own_ranking for entry in entries}
    if len(wanted) == 1:
        return wanted.pop()
    having = (name for name in FOR_ALL if all(any(name in of for of in _parts(entry)) for entry in entries))
    return next(having, "") if entries else ""


def in_words(entries: Sequence[Entry]) -> str:
    """The order of runs, best first, with metrics."""
    first = entries[0]
    return f"{'those on the front first, then ' if first.objectives else ''}best first by {first.ranked_by}"


def shown_metrics(entries: Sequence[Entry]) -> list[str]:
    """The metrics that are shown of runs, best first, by part and name: those that runs like the first share.

    Several objectives come first, or what ranks where it is no headline.
    """
    first = entries[0]
    alike = [entry for entry in entries if entry.metrics and entry.has_classes == first.has_classes]
    shared = [name for name in first.headlines if all(name in entry.headlines for entry in alike)]
    ranking = first.ranked_by.partition("_")[2]
    names = shared if first.objectives or ranking in shared else [ranking, *shared]
    found = [*first.objectives, *(f"{part}_{name}" for part in (first.part, "test") for name in names)]
    return [name for name in dict.fromkeys(found) if any(name in entry.metrics for entry in entries)]


def _parts(entry: Entry) -> Sequence[Mapping[str, Any]]:
    return list(entry.result.get("metrics", {}).values())


@dataclass(frozen=True)
class Experiment:
    """Runs that differ by seed or fold alone, best first; `overrides` of the best, without the keys of repetitions."""

    overrides: dict[str, str]
    entries: list[Entry]

    def mean_and_deviation(self, metric: str) -> tuple[float, float | None] | None:
        """Over the runs that have the metric; no sample standard deviation of a single run; None without any."""
        values = [value for value in (entry.metrics.get(metric) for entry in self.entries) if value is not None]
        if not values:
            return None
        return fmean(values), stdev(values) if len(values) > 1 else None

    @property
    def kind(self) -> tuple[int, bool, int]:
        """That of its best run: what comes before the score in its rank."""
        return self.entries[0].rank[:3]

    @property
    def score(self) -> float:
        """Mean over the runs of its kind that have one; infinite where none has."""
        scores = [entry.score for entry in self.entries if entry.rank[:3] == self.kind and math.isfinite(entry.score)]
        return fmean(scores) if scores else math.inf


def group_repetitions(entries: Sequence[Entry]) -> list[Experiment]:
    """Groups the runs that differ by seed or fold alone; the best group first.

    A copy of a run, as in two sweeps that were the same, is no repetition: it goes into a group of its own.
    """
    copies: Counter[frozenset[tuple[str, str]]] = Counter()
    copy_of = {}
    for entry in sorted(entries, key=lambda e: (sweep_of(e.folder), -1 if e.job is None else e.job, e.folder)):
        whole = frozenset(entry.settings.items())
        copy_of[entry.folder] = copies[whole]
        copies[whole] += 1
    groups: dict[Any, Experiment] = {}
    for entry in entries:
        experiment = frozenset(_without_repetitions(entry.settings).items())
        group = (experiment, copy_of[entry.folder])
        groups.setdefault(group, Experiment(_without_repetitions(entry.overrides), [])).entries.append(entry)
    return sorted(groups.values(), key=lambda group: (*group.kind, group.score))


def _without_repetitions(settings: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in settings.items() if key not in REPETITIONS}

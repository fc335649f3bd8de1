"""The trials of a search: the runs of each, how it went, its values, and which are on the front."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

from mlp_exp.leaderboard.entry import PARAMETERS, Entry
from mlp_exp.storage.study_file import Objective, StudyFile
from mlp_exp.storage.sweep_folder import sweep_of

State = Literal["complete", "pruned", "failed", "unfinished"]


@dataclass(frozen=True)
class SavedTrial:
    """The runs of a trial, by job; more than one where trials are repeated."""

    number: int
    runs: Sequence[Entry]
    study: StudyFile

    @cached_property
    def state(self) -> State:
        """It has failed if one of its runs has, and complete if all of them have."""
        if any(run.result["status"] in ("failed", "diverged") for run in self.runs):
            return "failed"
        if any(run.pruned for run in self.runs):
            return "pruned"
        return "complete" if self.is_whole and all(run.ended_well for run in self.runs) else "unfinished"

    @property
    def is_whole(self) -> bool:
        return len(self.runs) == self.study.repeats

    @property
    def rung(self) -> int | None:
        """After which it was pruned."""
        rungs = [run.result["rung"] for run in self.runs if run.pruned and run.result.get("rung")]
        return max(rungs, default=None) if self.state == "pruned" else None

    @cached_property
    def values(self) -> list[float] | None:
        """A value for each objective, the mean over its runs; None if one lacks it, and for a failed trial."""
        found = [self._mean(objective) for objective in self.study.objectives]
        whole = [value for value in found if value is not None]
        return whole if len(whole) == len(found) and self.state in ("complete", "pruned") else None

    def _mean(self, objective: Objective) -> float | None:
        alone = len(self.study.objectives) == 1
        values = [value_of(run.result, objective, alone=alone) for run in self.runs]
        known = [value for value in values if value is not None]
        return fmean(known) if self.is_whole and len(known) == len(values) else None


class SavedSearch:
    """A search's settings and its trials, by number.

    Attributes:
        folder: that of the search, which holds those of its runs.
    """

    def __init__(self, folder: Path, study: StudyFile, entries: Iterable[Entry]) -> None:
        self.folder = folder
        self.study = study
        runs: dict[int, list[Entry]] = {}
        for entry in sorted((each for each in entries if each.job is not None), key=lambda each: each.job or 0):
            runs.setdefault(self.number(entry), []).append(entry)
        self.trials = [SavedTrial(number, of, study) for number, of in sorted(runs.items())]

    def number(self, entry: Entry) -> int:
        """Of the trial to which a run belongs."""
        return (entry.job or 0) // self.study.repeats

    @property
    def objectives(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(objective.name for objective in self.study.objectives)

    @cached_property
    def front(self) -> set[int]:
        """The complete trials that no other one surpasses in all objectives; none of a search with one objective."""
        if len(self.study.objectives) == 1:
            return set()
        complete = {trial.number: trial.values for trial in self.trials if trial.state == "complete" and trial.values}
        return front_of(complete, self.study.objectives)


def value_of(result: Mapping[str, Any], objective: Objective, *, alone: bool) -> float | None:
    """The objective of a run, from its result; None where it has none.

    Args:
        alone: whether it is the only one: then the best value of what early stopping watches; several are metrics of
            the validation part after training, or the number of weights.
    """
    if alone:
        return result.get("best_value")
    if objective.name == PARAMETERS:
        return result.get(PARAMETERS)
    metrics: Mapping[str, float | None] = result.get("metrics", {}).get("val", {})
    return metrics.get(objective.name.removeprefix("val_"))


def front_of(values: Mapping[int, Sequence[float]], objectives: Sequence[Objective]) -> set[int]:
    """The trials that no other one surpasses in all objectives.

    Args:
        values: of each trial, by its number, one for each objective.
    """
    costs = [
        ([objective.cost(value) for objective, value in zip(objectives, of, strict=True)], number)
        for number, of in values.items()
    ]
    front: list[tuple[list[float], int]] = []
    for cost, number in sorted(costs):  # only earlier ones can surpass it
        if not any(_surpasses(other, cost) for other, _ in front):
            front.append((cost, number))
    return {number for _, number in front}


def _surpasses(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether it is nowhere worse and somewhere better."""
    return all(a <= b for a, b in zip(one, other, strict=True)) and one != other


def searches_of(entries: Sequence[Entry]) -> dict[Path, SavedSearch]:
    """The searches that runs belong to, by folder; RunFolderError if the settings of one are damaged."""
    by_folder: dict[Path, list[Entry]] = {}
    for entry in entries:
        by_folder.setdefault(sweep_of(entry.folder), []).append(entry)
    found = {folder: (StudyFile.read(folder), runs) for folder, runs in by_folder.items()}
    return {folder: SavedSearch(folder, study, runs) for folder, (study, runs) in found.items() if study}


def with_fronts(entries: Sequence[Entry]) -> list[Entry]:
    """The same runs; those of a search with several objectives know the front and, if all are, what ranks them."""
    searches = {folder: of for folder, of in searches_of(entries).items() if len(of.study.objectives) > 1}
    alone = len({sweep_of(entry.folder) for entry in entries}) == 1

    def placed(entry: Entry, search: SavedSearch | None) -> Entry:
        if search is None:
            return entry
        front = entry.job is not None and search.number(entry) in search.front
        return replace(entry, front=front, objectives=search.objectives if alone else ())

    return [placed(entry, searches.get(sweep_of(entry.folder))) for entry in entries]


def search_columns(searches: Mapping[Path, SavedSearch]) -> dict[str, Callable[[Entry], object]]:
    """The columns of a leaderboard that only searches have, as far as these need them."""

    def trial(entry: Entry) -> object:
        search = searches.get(sweep_of(entry.folder))
        return "" if search is None or entry.job is None else search.number(entry)

    columns: dict[str, Callable[[Entry], object]] = {}
    if searches:
        columns["rung"] = lambda entry: entry.result.get("rung") or ""
    if any(search.study.repeats > 1 for search in searches.values()):
        columns["trial"] = trial
    if any(len(search.study.objectives) > 1 for search in searches.values()):
        columns["front"] = lambda entry: "yes" if entry.front else ""
    return columns

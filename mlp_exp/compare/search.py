"""What the page shows of a search: its trials, their values, and how far each came."""

import math
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from mlp_exp.compare.bounded import some_trials
from mlp_exp.errors import RunFolderError
from mlp_exp.leaderboard.entry import Entry
from mlp_exp.leaderboard.searches import SavedSearch, SavedTrial, searches_of
from mlp_exp.storage.run_folder import RunFolder
from mlp_exp.storage.study_file import StudyFile

LOG = re.compile(r"tag\(\s*(\w+\s*,\s*)*log\s*,")
"""The beginning of a range that is searched by its logarithm, as typed."""
Scored = list[tuple[Mapping[str, str], float]]


def in_order(entries: Sequence[Entry]) -> list[SavedSearch]:
    """The searches that runs belong to, by folder; RunFolderError if the settings of one are damaged."""
    return [search for _, search in sorted(searches_of(entries).items())]


def log_keys(search: SavedSearch) -> set[str]:
    """The keys that are searched by their logarithms."""
    return {key for key, text in search.study.space.items() if LOG.match(text)}


def of_search(search: SavedSearch, place: Mapping[Path, int]) -> dict[str, Any]:
    """The search as plain values; `place` is that of each run's folder among the runs of the page.

    Of trials whose runs are not all there it has some, with what is drawn of them.
    """
    study = search.study
    shown = {trial.number for trial in search.trials if all(run.folder in place for run in trial.runs)}
    is_cut = len(shown) < len(search.trials)
    trials, even = some_trials(search, shown) if is_cut else (search.trials, shown)
    rungs = sorted({trial.rung for trial in search.trials if trial.rung and len(study.objectives) == 1})
    runs = [run for trial in search.trials for run in trial.runs]
    return {
        "name": search.folder.name,
        "epochs": sum(run.result.get("epochs") or 0 for run in runs),
        "objectives": [objective.model_dump() for objective in study.objectives],
        "n_trials": study.n_trials,
        "repeats": study.repeats,
        "repeat": list(study.repeat),
        "settings": _settings(study),
        "rungs": rungs,
        "states": dict(Counter(trial.state for trial in search.trials)),
        "cut": is_cut,
        "trials": [
            {
                "number": trial.number,
                "state": trial.state,
                "values": trial.values,
                "rung": trial.rung,
                "front": trial.number in search.front,
                "at": _at_rungs(trial, rungs),
                "runs": [place[run.folder] for run in trial.runs] if trial.number in shown else [],
                **(_apart(trial) if trial.number not in shown else {}),
                **({"even": True} if is_cut and trial.number in even else {}),
            }
            for trial in trials
        ],
    }


def _apart(trial: SavedTrial) -> dict[str, Any]:
    """Of a trial whose runs the page does not show, what it says of the first."""
    return {"name": str(trial.runs[0].job), "overrides": dict(trial.runs[0].overrides)}


def scored(search: SavedSearch, objective: int) -> Scored:
    """The values of the complete trials that have one, as typed, with their value of an objective."""
    complete = [trial for trial in search.trials if trial.state == "complete" and trial.values]
    return [(trial.runs[0].overrides, trial.values[objective]) for trial in complete if trial.values]


def _settings(study: StudyFile) -> list[tuple[str, str]]:
    """Names and texts."""
    sampler, pruner = (str(of.get("_target_", "")).rpartition(".")[2] for of in (study.sampler, study.pruner))
    facts = [("sampler", sampler.removesuffix("Sampler")), ("pruner", "none" if pruner == "NoPruner" else pruner)]
    facts += [(name, str(getattr(study, name))) for name in ("n_trials", "batch", "seed")]
    return [*((name, text) for name, text in facts if text), *study.space.items()]


def _at_rungs(trial: SavedTrial, rungs: Sequence[int]) -> list[float]:
    """The best value so far at each rung that a trial reached, and of a complete one at its end."""
    if not rungs or trial.values is None:
        return []
    passed = [rung for rung in rungs if trial.state == "complete" or rung < (trial.rung or 0)]
    sign = 1 if trial.study.objectives[0].direction == "minimize" else -1
    found = [_best_at(run, passed, trial.study.monitor, sign) for run in trial.runs] if passed else []
    if any(len(values) < len(passed) for values in found):
        return []
    return [*map(fmean, zip(*found, strict=True)), trial.values[0]]


def _best_at(run: Entry, epochs: Sequence[int], column: str, sign: int) -> list[float]:
    """The best value of a column after each of these epochs, or all of a shorter history; empty if it is not known."""
    result, folder = run.result, RunFolder(run.folder)
    if result.get("best_value") is not None and 0 < result.get("best_epoch", 0) <= epochs[0]:
        return [float(result["best_value"])] * len(epochs)
    try:
        names = folder.history_columns
        values = [row[names.index(column)] for row in folder.read_history(names)] if column in names else []
    except RunFolderError as error:
        print(f"{error}. The run is shown without its rungs", file=sys.stderr)
        return []
    costs = [[sign * value for value in values[:epoch] if math.isfinite(value)] for epoch in epochs]
    return [sign * min(of) for of in costs] if all(costs) else []

"""What a search has found: the file that names it, and the line that is shown meanwhile."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from mlp_exp.display.numbers import in_sentence
from mlp_exp.hpo.space import Space
from mlp_exp.hpo.study import Recorded
from mlp_exp.leaderboard.searches import front_of
from mlp_exp.storage.atomic import write_text
from mlp_exp.storage.study_file import Objective
from mlp_exp.storage.sweep_folder import RESULTS, place_of


def best_of(trials: Sequence[Recorded], objective: Objective) -> Recorded | None:
    """The best complete trial, of equal ones the first; None before there is one."""
    complete = [trial for trial in trials if trial.state == "complete" and trial.values]
    return min(complete, key=lambda trial: (objective.cost(_values(trial)[0]), trial.number), default=None)


def on_front(trials: Sequence[Recorded], objectives: Sequence[Objective]) -> list[Recorded]:
    """The complete trials that no other one surpasses in all objectives, in order."""
    complete = {trial.number: trial for trial in trials if trial.state == "complete" and trial.values}
    front = front_of({number: _values(trial) for number, trial in complete.items()}, objectives)
    return [complete[number] for number in sorted(front)]


def _values(trial: Recorded) -> tuple[float, ...]:
    assert trial.values
    return trial.values


def write_results(folder: Path, trials: Sequence[Recorded], objectives: Sequence[Objective], repeats: int) -> None:
    """Writes the best trial or, of several objectives, the front; nothing before a trial is complete."""
    if len(objectives) == 1:
        best = best_of(trials, objectives[0])
        if best is None:
            return
        found: Mapping[str, Any] = {
            "name": "optuna",
            "best_trial": best.number,
            "best_value": _values(best)[0],
            "best_params": dict(best.params),
            "folder": folders_of(folder, best.number, repeats),
        }
    else:
        front = on_front(trials, objectives)
        if not front:
            return
        solutions = [
            {
                "trial": trial.number,
                "values": {each.name: value for each, value in zip(objectives, _values(trial), strict=True)},
                "params": dict(trial.params),
                "folder": folders_of(folder, trial.number, repeats),
            }
            for trial in front
        ]
        found = {"name": "optuna", "solutions": solutions}
    write_text(folder / RESULTS, yaml.safe_dump(found, sort_keys=False, allow_unicode=True))


def folders_of(search: Path, trial: int, repeats: int) -> str | list[str]:
    """The folders of a trial's runs, in that of the search: one, or a list of the repeats."""
    names = [place_of(search, trial * repeats + repeat) for repeat in range(repeats)]
    return names[0] if repeats == 1 else names


def in_words(folder: Path, trials: Sequence[Recorded], n_trials: int, objectives: Sequence[Objective]) -> str:
    """How far a search is, and the best so far with its folder."""
    counts = {state: sum(trial.state == state for trial in trials) for state in ("pruned", "failed")}
    ended = sum(trial.state != "running" for trial in trials)
    text = f"{ended} of {n_trials} trials" + "".join(f", {count} {state}" for state, count in counts.items() if count)
    if len(objectives) > 1:
        return f"{text}; {len(on_front(trials, objectives))} on the front"
    best = best_of(trials, objectives[0])
    if best is None:
        return text
    return f"{text}; best {objectives[0].name} {in_sentence(_values(best)[0], 5)}: trial {best.number} in {folder}"


def found_in_words(trials: Sequence[Recorded], objective: Objective, space: Space) -> str | None:
    """What a search of one objective has found, as overrides; None before a trial is complete."""
    best = best_of(trials, objective)
    if best is None:
        return None
    given = [each.override(best.params[each.key]) for each in space.dimensions if each.key in best.params]
    return f"Trial {best.number}: {shlex.join(given)}"

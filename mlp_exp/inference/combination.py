"""What a greedy choice among runs leaves: a list of the runs, or a folder that is a run itself."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlp_exp.display.numbers import in_sentence
from mlp_exp.errors import counted
from mlp_exp.inference.greedy import Choice, scores_of_test_part
from mlp_exp.storage.atomic import write_text
from mlp_exp.storage.model_file import COMBINED, MODEL_FORMAT
from mlp_exp.storage.provenance import git_state, versions
from mlp_exp.storage.run_folder import CHOSEN, RunFolder
from mlp_exp.storage.sweep_folder import GREEDY
from mlp_exp.tasks.metrics import evaluate


def described(choice: Choice) -> list[str]:
    """Lines that say among how many runs was chosen, how good the choice is, and what was chosen."""
    pool = choice.pool
    best, greedy = choice.folders[choice.best[0]], f"greedy, {counted(choice.picks, 'pick')}"
    names = {
        "best": f"best run, {_shown(best)}",
        "average": f"average of the {len(choice.best)} best",
        "greedy": greedy,
    }
    count = len(choice.folders)
    all_of = {1: "the run", 2: "both runs"}.get(count, f"all {count} runs")
    lines = [f"{pool.name} of the {len(pool.target)} rows that {all_of} held out:"]
    width = max(map(len, names.values()))
    lines += [
        f"  {names[name]:<{width}}  {in_sentence(value, 5)}"
        for name, value in choice.values.items()
        if value is not None
    ]
    lines += [f"left out, since it predicts what is not finite: {_shown(folder)}" for folder in choice.left_out]
    return [*lines, "chosen, with weights:", *(f"  {share:.4g}  {_shown(run)}" for run, share in choice.chosen.items())]


def write_choice(choice: Choice, folder: Path) -> Path:
    """Writes the choice beside the runs of a sweep; returns the file."""
    path = folder / GREEDY
    write_text(path, json.dumps({CHOSEN: _runs(choice, folder), **_how(choice)}, indent=2, allow_nan=False) + "\n")
    return path


def save_combination(choice: Choice, folder: Path, allow: Sequence[str]) -> None:
    """Makes a folder with the chosen runs as one model, and with the metrics of their average."""
    answers, task = choice.pool.average(choice.shares)
    of = task.predictions(choice.pool.target, answers, choice.pool.weights)
    scores = {"val": evaluate(task.metrics, of), "test": scores_of_test_part(choice, allow)}
    results = [RunFolder(run).result() or {} for run in choice.chosen]
    result: dict[str, Any] = {
        "status": "finished",
        "task": task.name,
        "ranking": choice.pool.name,
        "headlines": list(task.headlines),
        "larger_is_better": [name for name, metric in task.metrics.items() if metric.larger_is_better],
        "metrics": {part: found.values for part, found in scores.items() if found.values},
        "undefined": {part: found.reasons for part, found in scores.items() if found.reasons},
        "seconds": sum(each.get("seconds", 0.0) for each in results),
        "provenance": {"versions": versions(), "git": git_state(), **_fingerprint(results)},
        CHOSEN: _runs(choice, folder),
        "greedy": _how(choice),
    }
    models = [RunFolder(run).read_model() for run in choice.chosen]
    folder.mkdir()
    saved = RunFolder(folder)
    saved.write_model({"format": MODEL_FORMAT, COMBINED: models, "weights": list(choice.chosen.values())})
    saved.write_result(result)


def _runs(choice: Choice, folder: Path) -> list[dict[str, Any]]:
    """The chosen runs as seen from a folder: a path of this machine means nothing elsewhere."""
    return [
        {"run": Path(os.path.relpath(run, folder)).as_posix(), "weight": weight}
        for run, weight in choice.chosen.items()
    ]


def _how(choice: Choice) -> dict[str, Any]:
    return {
        "picks": choice.picks,
        "candidates": len(choice.folders),
        "metric": choice.pool.name,
        "rows": len(choice.pool.target),
        "values": choice.values,
    }


def _fingerprint(results: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Of the data, if all runs have the same."""
    found = {each.get("provenance", {}).get("data_fingerprint") for each in results}
    return {"data_fingerprint": found.pop()} if len(found) == 1 and None not in found else {}


def _shown(folder: Path) -> str:
    return os.path.relpath(folder)

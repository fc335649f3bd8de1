"""The commands that are measured, and what they say of their runs."""

import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from harness import HERE, Process, measured

Numbers = dict[str, float]
"""Of a run: `seconds` of the training, test `accuracy`, and what else is known."""


def contender(
    module: str, work: str, runs: Sequence[tuple[int, float]], *how: str, one_core: bool = False
) -> tuple[Process, list[Numbers]]:
    """Another library's process, and what it says of each run, a seed and a learning rate."""
    command = [sys.executable, str(HERE / "contender.py"), module, work, json.dumps(runs), *how]
    process = measured(command, HERE, one_core=one_core)
    found = [json.loads(line) for line in process.output.splitlines() if line.startswith("{")]
    assert len(found) == len(runs)
    return process, found


def mlp_exp(*words: str, folder: Path, one_core: bool = False) -> Process:
    """`python -m mlp_exp.run …`"""
    return measured([sys.executable, "-m", "mlp_exp.run", *words], folder, one_core=one_core)


def result_of(folder: Path) -> Numbers:
    """What a run folder says; a run's share of the seconds that its stack has trained."""
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return {"seconds": result["seconds"] / result["stacked"], "accuracy": result["metrics"]["test"]["accuracy"]}


def leaderboard_of(sweep: Path) -> Sequence[dict[str, str]]:
    with (sweep / "leaderboard.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))

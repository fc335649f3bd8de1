"""The command of mlp_exp, and what its run folders say."""

import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from harness import Process, measured


def mlp_exp(*words: str, folder: Path, core: int | None = None) -> Process:
    """`python -m mlp_exp.run …`"""
    return measured([sys.executable, "-m", "mlp_exp.run", *words], folder, core)


def result_of(folder: Path) -> dict[str, float]:
    """`seconds` of the training and test `accuracy` of a run."""
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return {"seconds": result["seconds"], "accuracy": result["metrics"]["test"]["accuracy"]}


def leaderboard_of(sweep: Path) -> Sequence[dict[str, str]]:
    with (sweep / "leaderboard.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))

"""Small searches through the command line, and what they leave."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from mlp_exp.hpo.study import Recorded, Study
from mlp_exp.storage.sweep_folder import JOURNAL
from support.commands import Result
from support.folders import result_of
from support.studies import SPACE

SMALL = ("data.n_samples=100", "trainer.epochs=9", "trainer.plots=never", "trainer.device=cpu")
"""70 rows train, in three steps an epoch; rungs are at epochs 1 and 3."""
RANGES = ("optimizer.lr=tag(log,interval(1e-3,1e-1))", "model.dropout=interval(0,0.5)")
OPTUNA = "hydra/sweeper=optuna"
Search = Callable[..., tuple[Result, Path]]


def trials_of(folder: Path) -> list[Recorded]:
    """What the journal of a search says of its trials."""
    directions = yaml.safe_load((folder / "study.yaml").read_text(encoding="utf-8"))["objectives"]
    sampler = {"_target_": "optuna.samplers.RandomSampler"}
    return Study.open(folder / JOURNAL, sampler, [each["direction"] for each in directions], 0, SPACE).trials


def jobs_of(folder: Path) -> dict[int, tuple[Any, ...]]:
    """Of each run status, rung, best value, metrics, and history without the seconds."""
    found = {}
    for path in folder.iterdir():
        if path.name.isdigit():
            result = result_of(path)
            said = [result.get(key) for key in ("status", "rung", "best_value", "best_epoch", "metrics")]
            found[int(path.name)] = (*said, rows_of(path))
    return dict(sorted(found.items()))


def rows_of(folder: Path) -> list[list[str]]:
    """The history without the seconds."""
    with (folder / "history.csv").open(encoding="utf-8", newline="") as file:
        return [row[:-1] for row in csv.reader(file)]


def statuses(folder: Path) -> list[str]:
    return [of[0] for of in jobs_of(folder).values()]

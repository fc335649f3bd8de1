"""Folders of searches, written by hand: trials with their curves, pruned by halving."""

import math
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlp_exp.storage.study_file import Objective, StudyFile
from support.page import write_job
from support.runs import FAILED, classes

RUNGS = (4, 12)
EPOCHS = 36
SPACE = {
    "optimizer.lr": "tag(log,interval(1e-4,1e-1))",
    "model.dropout": "interval(0,0.5)",
    "optimizer": "adam,sgd",
    "optimizer.momentum": "interval(0.5,0.99)",
    "model.hidden_sizes": "[32],[64,32],[128,64,32]",
}


def study_file(**changes: Any) -> StudyFile:
    settings: dict[str, Any] = {
        "space": SPACE,
        "fixed": ["trainer.plots=never"],
        "conditions": {"optimizer.momentum": {"optimizer": "sgd"}},
        "repeat": {},
        "sampler": {"_target_": "optuna.samplers.TPESampler"},
        "pruner": {"_target_": "mlp_exp.hpo.pruning.Halving", "eta": 3},
        "batch": 16,
        "seed": 0,
        "n_trials": 20,
        "objectives": [Objective(name="val_loss", direction="minimize")],
        "enqueue": [{}],
        "warm_start": [],
        "monitor": "val_loss",
        "repeats": 1,
    }
    return StudyFile.model_validate(settings | changes)


def drawn_params(trial: int) -> dict[str, str]:
    """What a sampler might ask for."""
    rng = random.Random(trial)
    params = {"optimizer.lr": repr(10 ** rng.uniform(-4, -1)), "model.dropout": repr(rng.uniform(0, 0.5))}
    params["optimizer"] = rng.choice(["adam", "sgd"])
    if params["optimizer"] == "sgd":
        params["optimizer.momentum"] = repr(rng.uniform(0.5, 0.99))
    return params | {"model.hidden_sizes": rng.choice(["[32]", "[64,32]", "[128,64,32]"])}


def curve(trial: int, params: Mapping[str, str], epochs: int = EPOCHS) -> list[float]:
    """A validation loss that falls to a floor, best for a rate of 0.01 and little dropout."""
    rng = random.Random(-1 - trial)
    off = min(3.0, abs(math.log10(float(params["optimizer.lr"])) + 2))  # decades from the best rate
    floor = (
        0.01 * (1 + 4 * off**2) * (1 + float(params["model.dropout"])) * (1.5 if params["optimizer"] == "sgd" else 1)
    )
    return [floor + 0.7 * (0.8 - 0.1 * off) ** epoch + 0.002 * rng.random() for epoch in range(1, epochs + 1)]


def halved(curves: Mapping[int, Sequence[float]]) -> dict[int, int]:
    """After how many epochs each trial of a batch ends: a third goes on at each rung."""
    ends: dict[int, int] = {}
    active = sorted(curves)
    for rung in RUNGS:
        ranked = sorted(active, key=lambda trial: min(curves[trial][:rung]))
        kept = max(1, round(len(ranked) / 3))
        ends |= dict.fromkeys(ranked[kept:], rung)
        active = ranked[:kept]
    return ends | dict.fromkeys(active, EPOCHS)


def ended(losses: Sequence[float], rung: int | None, **more: Any) -> dict[str, Any]:
    """The result of a run after these losses."""
    best = min(losses)
    known: dict[str, Any] = {
        "best_value": best,
        "best_epoch": losses.index(best) + 1,
        "epochs": len(losses),
        "seconds": 0.01 * len(losses),
    }
    known |= {"larger_is_better": ["accuracy"], "headlines": ["accuracy", "log_loss"], "ranking": "log_loss", **more}
    if rung:
        return classes(None) | {"status": "pruned", "rung": rung, "metrics": {}} | known
    return classes(best, 1 - best) | known


def write_search(
    folder: Path, trials: int = 20, repeats: int = 1, failed: Sequence[int] = (3,), **changes: Any
) -> None:
    """A search by halving, in batches of 16; these trials have failed."""
    seeds = {"seed": list(range(repeats))} if repeats > 1 else {}
    folder.mkdir(parents=True, exist_ok=True)
    study_file(n_trials=trials, repeats=repeats, repeat=seeds, **changes).write(folder)
    params = {trial: drawn_params(trial) for trial in range(trials)}
    curves = {trial: curve(trial, of) for trial, of in params.items()}
    ends: dict[int, int] = {}
    for first in range(0, trials, 16):
        batch = [trial for trial in range(first, min(trials, first + 16)) if trial not in failed]
        ends |= halved({trial: curves[trial] for trial in batch})
    for trial, of in params.items():
        for repeat in range(repeats):
            overrides = [f"{key}={value}" for key, value in of.items()] + ([f"seed={repeat}"] if seeds else [])
            job = trial * repeats + repeat
            if trial in failed:
                write_job(folder, job, FAILED, overrides)
                continue
            losses = [loss * (1 + 0.1 * repeat) for loss in curves[trial][: ends[trial]]]
            rung = ends[trial] if ends[trial] < EPOCHS else None
            result = ended(losses, rung, parameters=1_000 + trial)
            history = {"train_loss": losses, "val_loss": losses}
            write_job(folder, job, result, overrides, None, history)
            (folder / f"{job}/checkpoint.pt").write_bytes(b"")

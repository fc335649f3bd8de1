"""What a run leaves and what is tracked of it."""

import csv
from pathlib import Path
from typing import Any

from support.commands import Result
from support.folders import result_of

QUIET = ("trainer.device=cpu", "trainer.plots=never", "baselines=none", "data.n_samples=100", "model.hidden_sizes=[4]")
SMALL = (*QUIET, "trainer.epochs=3")
METRICS = ("lr", "train_loss", "val_loss", "val_accuracy")
FINAL = ("best/test_accuracy", "best/val_log_loss", "best/epoch", "seconds")
FILES = {".hydra/config.yaml", "history.csv", "result.json", "model.pt"}
PARAMS: dict[str, Any] = {
    "optimizer.lr": 0.01,
    "optimizer.betas": "[0.9, 0.999]",
    "optimizer._target_": "torch.optim.Adam",
    "optimizer.amsgrad": False,
    "model.hidden_sizes": "[4]",
    "model.norm": "null",
    "trainer.epochs": 3,
}
"""Some of a run's, as they are tracked."""


def history(folder: Path) -> dict[str, list[float]]:
    """The columns of a run's history."""
    with (folder / "history.csv").open(encoding="utf-8", newline="") as file:
        names, *rows = csv.reader(file)
    return {name: [float(row[place]) for row in rows] for place, name in enumerate(names)}


def final(folder: Path) -> dict[str, float]:
    """The metrics of a run's best epoch, by the names that trackers give them."""
    result = result_of(folder)
    named = {
        f"best/{part}_{name}": value for part in result["metrics"] for name, value in result["metrics"][part].items()
    }
    return {**named, "best/epoch": result["best_epoch"], "seconds": result["seconds"]}


def words(done: Result) -> list[str]:
    """What is said of the tracking."""
    return [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("tracker:")]


MLFLOW, WANDB = "mlp_exp.components.MLflow", "mlp_exp.components.WandB"

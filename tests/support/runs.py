"""Run folders written by hand: results and what Hydra leaves."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from mlp_exp.storage.baselines_file import Baseline, BaselinesFile, OfSplit


def metrics(val: Mapping[str, float | None], test: Mapping[str, float | None] | None = None) -> dict[str, Any]:
    return {"train": {}, "val": dict(val), "test": dict(test or {})}


def classes(log_loss: float | None, accuracy: float | None = 0.5, **more: Any) -> dict[str, Any]:
    """A result of a run with classes."""
    parts = metrics({"accuracy": accuracy, "log_loss": log_loss}, {"accuracy": 0.75, "log_loss": 0.25})
    return {"status": "finished", "task": "binary", "monitor": "val_loss", "metrics": parts, **more}


def values(rmse: float | None, **more: Any) -> dict[str, Any]:
    """A result of a regression."""
    parts = metrics({"rmse": rmse, "r2": 0.5}, {"rmse": 2.5, "r2": 0.25})
    return {"status": "finished", "task": "regression", "monitor": "val_loss", "metrics": parts, **more}


FAILED = {"status": "failed", "reason": "It went wrong.", "metrics": {}}
DIVERGED = {**FAILED, "status": "diverged", "task": "binary", "monitor": "val_loss", "best_epoch": 0, "epochs": 1}


def write_run(
    folder: Path, result: Mapping[str, Any] | None, overrides: Sequence[str] = (), num: object = "???"
) -> None:
    """A run's folder, as Hydra and this project leave it."""
    (folder / ".hydra").mkdir(parents=True)
    (folder / ".hydra/overrides.yaml").write_text(yaml.safe_dump(list(overrides), allow_unicode=True), encoding="utf-8")
    (folder / ".hydra/hydra.yaml").write_text(yaml.safe_dump({"hydra": {"job": {"num": num}}}), encoding="utf-8")
    if result is not None:
        (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")


def write_baselines(
    folder: Path, split: str, losses: Mapping[str, float], target: str = "y", rows: int = 100, data: str = "d"
) -> None:
    """Those of a split, with these log losses of the validation part."""
    baselines = {
        name: Baseline(metrics={"val": {"accuracy": 0.5, "log_loss": loss}, "test": {}}, rows=70, seconds=0.5)
        for name, loss in losses.items()
    }
    folder.mkdir(exist_ok=True, parents=True)
    shared = {"headlines": ["accuracy", "log_loss"], "larger_is_better": ["accuracy"], "ranking": "log_loss"}
    of = OfSplit.model_validate(
        {"task": "binary", "target": target, "data": data, "rows": rows, "baselines": baselines, **shared}
    )
    BaselinesFile(folder).add(split, of)

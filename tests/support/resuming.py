"""Short runs that are interrupted, and what they leave."""

import contextlib
import csv
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
import yaml

from support.commands import Started
from support.folders import files_in, result_of

QUIET = ("trainer.device=cpu", "trainer.plots=never", "trainer.checkpoint_every=0", "trainer.epochs=25")
SMALL = (*QUIET, "data.n_samples=200")
"""140 rows train, in five steps an epoch."""


def timeless(folder: Path) -> tuple[list[list[str]], bytes, dict[str, object]]:
    """History, weights and result of a run, without times."""
    with (folder / "history.csv").open(encoding="utf-8", newline="") as file:
        history = [row[:-1] for row in csv.reader(file)]
    result = result_of(folder)
    for key in ("seconds", "stacked"):
        del result[key]
    return history, (folder / "model.pt").read_bytes(), result


def wait_for_checkpoints(count: int, folder: Path, process: Started) -> None:
    """Until a process has been seen to write so many checkpoints, or has ended."""
    path, end = folder / "checkpoint.pt", time.monotonic() + 60
    before = None
    while count and process.poll() is None:
        assert time.monotonic() < end
        with contextlib.suppress(FileNotFoundError):
            written = path.stat().st_mtime_ns
            count -= before is not None and written != before
            before = written
        time.sleep(0.002)


SHORT = (*QUIET[:3], "trainer.epochs=4", "data.n_samples=100")
TABLE = (
    *(
        "data=table",
        "experiment=table_quick",
        "data.path=table.csv",
        "data.target=answer",
        "preprocess.one_hot_max=5",
        "scheduler=none",
    ),
    "baselines=none",
)
DIVERGES = ("data=diabetes", "optimizer=sgd", "optimizer.lr=1e30")
STOPS = ("early_stopping=patience", "early_stopping.patience=1", "optimizer.lr=0.5", "trainer.epochs=40")
PLATEAU = ("scheduler=reduce_on_plateau", "scheduler.patience=0", "scheduler.threshold=0.5")
ALLOW = ("--allow", "own_net")
Make = Callable[..., Path]
StopAfter = Callable[[int], AbstractContextManager[None]]


def words(*args: str) -> list[str]:
    """The overrides of a short run; of two that set one key, the later one counts."""
    kept = {word.partition("=")[0]: word for word in (*SHORT, *args)}
    if "data" in kept:
        kept.pop("data.n_samples")
    return list(kept.values())


def kill(folder: Path) -> None:
    """Takes away what a run that was killed would not have written."""
    for name in ("result.json", "model.pt"):
        (folder / name).unlink(missing_ok=True)


def content(folder: Path) -> dict[str, bytes]:
    """Every file but the log."""
    return {name: (folder / name).read_bytes() for name in files_in(folder) if name != "run.log"}


def leaves(node: Any) -> list[object]:
    """All values of a checkpoint, to be compared."""
    if isinstance(node, dict):
        return [each for key, value in node.items() for each in (key, *leaves(value))]
    if isinstance(node, list):
        return [each for value in node for each in leaves(value)]
    return [node.tolist() if isinstance(node, torch.Tensor) else node]


def hydra_file(folder: Path, name: str) -> Any:
    return yaml.safe_load((folder / ".hydra" / name).read_text(encoding="utf-8"))


REASON = "; a run goes on as it began; only trainer.epochs may grow. For another value train another run"
CHECKPOINT = "expected a checkpoint of a run"
FOREIGN = f"{CHECKPOINT}, found a damaged or foreign file: "
OTHER = "expected a checkpoint of this run: "
ZIP = FOREIGN + "it is no archive of tensors"

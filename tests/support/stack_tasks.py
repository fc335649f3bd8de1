"""Small runs as tasks of an executor, and what a coordinator tells of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlp_exp.experiment.spec import RunSpec, StackTask
from mlp_exp.multirun.executors.coordinator import Listener
from mlp_exp.multirun.executors.events import Ended, Progress
from support.compositions import compose_run
from support.specs import spec_in
from support.sweeps import QUIET

EPOCHS = 4
RUNS = 5


class Notes(Listener):
    """What a coordinator told."""

    def __init__(self) -> None:
        self.ended_runs: list[Ended] = []
        self.given_up: list[tuple[int | None, str]] = []
        self.epochs = 0

    def progress(self, event: Progress) -> None:
        self.epochs += event.epochs

    def undone(self, epochs: int) -> None:
        self.epochs -= epochs

    def ended(self, event: Ended) -> None:
        self.ended_runs.append(event)

    def gave_up(self, spec: RunSpec, reason: str) -> None:
        self.given_up.append((spec.number, reason))


def specs_in(folder: Path, *more: str) -> list[RunSpec]:
    """Runs that differ by seed."""
    found = []
    for number in range(RUNS):
        words = [*QUIET, f"trainer.epochs={EPOCHS}", "data.n_samples=100", f"seed={number}", "model.hidden_sizes=[4]"]
        words += ["trainer.checkpoint_every=0", *more]
        (folder / str(number)).mkdir()
        spec = spec_in(folder / str(number), compose_run(words))
        log = _log(folder / str(number) / "run.log")
        found.append(RunSpec(spec.config, spec.folder, number, sweep=spec.sweep, directory=spec.directory, log=log))
    return found


def _log(path: Path) -> dict[str, Any]:
    """Settings of a run's log."""
    file = {"class": "logging.FileHandler", "filename": str(path), "delay": True}
    root = {"level": "INFO", "handlers": ["file"]}
    return {"version": 1, "disable_existing_loggers": False, "handlers": {"file": file}, "root": root}


def task(number: int, specs: Sequence[RunSpec], end_epoch: int | None = None) -> StackTask:
    return StackTask(number, tuple(specs), (None,) * len(specs), end_epoch)

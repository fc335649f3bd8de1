"""Runs that were stopped after an epoch."""

import contextlib
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.commands import Command
from support.resuming import Make, StopAfter, words
from support.tables import write_table

from mlp_exp import regularly
from mlp_exp.display import plots
from mlp_exp.experiment.checkpoint import Checkpoint
from mlp_exp.storage.run_folder import RunFolder

OWN = '''
import torch
from torch import nn


class Net(nn.Module):
    """Draws from torch's generator, and counts."""

    def __init__(self, in_features, out_features):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(in_features, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, out_features)
        )

    def forward(self, x):
        return self.layers(x)
'''


@pytest.fixture
def parts(tmp_path: Path) -> None:
    (tmp_path / "own_net.py").write_text(OWN, encoding="utf-8")
    write_table(tmp_path)


@pytest.fixture
def every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint is written after every epoch."""
    monkeypatch.setattr(regularly, "REST", 0)


@pytest.fixture
def stop_after(monkeypatch: pytest.MonkeyPatch) -> StopAfter:
    """Inside, a run is interrupted as soon as the checkpoint of this epoch is written."""

    @contextlib.contextmanager
    def stop(epoch: int) -> Iterator[None]:
        write = Checkpoint.write

        def write_and_stop(checkpoint: Checkpoint, folder: RunFolder) -> None:
            write(checkpoint, folder)
            if checkpoint.epoch == epoch:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(regularly, "REST", 0)
            patch.setattr(Checkpoint, "write", write_and_stop)
            yield

    return stop


@pytest.fixture
def figures_unrendered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are made and their files named, but hold no image: that takes nine tenths of the time."""
    monkeypatch.setattr(plots, "encoded", lambda *_: b"an image")


@pytest.fixture
def make(command: Command, tmp_path: Path, shelf: Path, stop_after: StopAfter) -> Make:
    """The folder `name` with what a short run of these overrides leaves that was stopped after an epoch, or never."""

    def copy(*args: str, name: str = "run", stopped: int | None = None) -> Path:
        kept = shelf / hashlib.sha256(repr((args, stopped)).encode()).hexdigest()
        if not kept.exists():
            with stop_after(stopped) if stopped else contextlib.nullcontext():
                done = command("run", *words(*args), "hydra.run.dir=made")
            assert done.returncode == (130 if stopped else "diverged" in done.stderr)
            shutil.move(tmp_path / "made", kept)
        return Path(shutil.copytree(kept, tmp_path / name))

    return copy

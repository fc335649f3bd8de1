"""Sweeps, and what their jobs leave."""

import hashlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from mlp_exp.storage.sweep_folder import in_lines
from support.commands import Result, Started
from support.folders import files_in, history_of, leaderboard_of, result_of, weights_of

QUIET = ("trainer.device=cpu", "trainer.plots=never")
CIRCLE = (*QUIET, "data.n_samples=100", "trainer.epochs=3")
"""70 rows train, in three steps an epoch."""
SLOW = (
    *QUIET,
    "data.n_samples=100",
    "loss._target_=own_parts.SlowLoss",
    "trainer.epochs=300",
    "trainer.checkpoint_every=0.3",
)
"""Runs that take a third of a second an epoch while there is a file `slow`, and save each; with the fixture `own`.

Many epochs: on a busy machine some have begun long before others.
"""
OWN = '''
import os
import time
from pathlib import Path

from torch import nn
from torch.optim.lr_scheduler import LRScheduler

from mlp_exp.tasks.losses import BinaryCrossEntropy


def act(how):
    if how == "raises" or (how == "mends" and Path("broken").exists()):
        raise RuntimeError("boom")
    if how == "interrupts":
        raise KeyboardInterrupt
    if how == "kills":
        os.kill(os.getpid(), 9)
    if how == "exits":
        os._exit(3)


class Net(nn.Module):
    """A linear model that does something in its fifth step, in epoch 2."""

    def __init__(self, in_features, out_features, does="well"):
        super().__init__()
        self.layer = nn.Linear(in_features, out_features)
        self.does, self.steps = does, 0

    def forward(self, x):
        self.steps += self.training
        if self.training and self.steps == 5:
            act(self.does)
        if not self.training and self.does == "refuses":
            act("raises")
        return self.layer(x)


class Rates(LRScheduler):
    """A constant rate; does something at the end of an epoch."""

    def __init__(self, optimizer, does="well", epoch=2):
        self.does, self.at = does, epoch
        super().__init__(optimizer)

    def get_lr(self):
        if self.last_epoch == self.at:
            act(self.does)
        return list(self.base_lrs)


class SlowLoss(BinaryCrossEntropy):
    """Takes its time while there is a file `slow`, or that of the variable SLOW."""

    def gradient(self, logits, target):
        if Path(os.environ.get("SLOW", "slow")).exists():
            time.sleep(0.1)
        return super().gradient(logits, target)
'''
"""The user's own module `own_parts`."""
Sweep = Callable[..., tuple[Result, Path]]
NET = "model._target_=own_parts.Net"
RATES = "scheduler._target_=own_parts.Rates"


def trained(folder: Path) -> tuple[str, list[list[str]]]:
    """What a run has learned: the checksum of its model, and its history without the seconds."""
    return hashlib.sha256((folder / "model.pt").read_bytes()).hexdigest(), history_of(folder)


def jobs_in(folder: Path) -> list[Path]:
    """The folders of a sweep's jobs, by number."""
    return sorted((path for path in folder.iterdir() if path.is_dir()), key=lambda path: int(path.name))


def scores_in(folder: Path) -> list[dict[str, str]]:
    """The rows of the leaderboard without the seconds."""
    return [{name: value for name, value in row.items() if name != "seconds"} for row in leaderboard_of(folder)]


def weight_bytes(folder: Path) -> list[bytes]:
    return [tensor.numpy().tobytes() for tensor in weights_of(folder).values()]


def state_of(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Each file's content and when it was written."""
    return {name: ((folder / name).read_bytes(), (folder / name).stat().st_mtime_ns) for name in files_in(folder)}


def job(number: int, *overrides: str) -> str:
    """As messages call a job."""
    return f"job {number} ({','.join(sorted(overrides))})"


def diverged(epoch: int) -> str:
    return (
        f"The run diverged in epoch {epoch}: its loss was not a finite number. The usual causes are a learning rate "
        "that is too high (try a tenth of optimizer.lr), gradients without a bound (try trainer.clip_grad_norm=1) and "
        "features that are not scaled (preprocess=standard)."
    )


def at_the_end(failures: Sequence[str]) -> list[str]:
    return [f"{len(failures)} jobs failed:", *failures]


def settings_of(folder: Path) -> dict[str, Any]:
    """Hydra's own settings of a job, without those in which two sweeps with different launchers differ."""
    saved: dict[str, Any] = yaml.safe_load((folder / ".hydra" / "hydra.yaml").read_text(encoding="utf-8"))
    hydra = saved["hydra"]
    del hydra["launcher"], hydra["sweep"]["dir"], hydra["runtime"]["output_dir"]
    del hydra["runtime"]["choices"]["hydra/launcher"]
    differing = ("hydra.sweep.dir=", "hydra/launcher=")
    hydra["overrides"]["hydra"] = [line for line in hydra["overrides"]["hydra"] if not line.startswith(differing)]
    return saved


def assert_same_jobs(one: Path, other: Path, learned: Callable[[Path], object] = trained) -> None:
    """Two sweeps of the same overrides have the same files, but for times, launcher and places."""
    names = [path.name for path in jobs_in(one)]
    assert names == [path.name for path in jobs_in(other)]
    for name in names:
        assert learned(one / name) == learned(other / name)
        assert files_in(one / name) == files_in(other / name)
        for file in ("config.yaml", "overrides.yaml"):
            assert (one / name / ".hydra" / file).read_bytes() == (other / name / ".hydra" / file).read_bytes()
        assert settings_of(one / name) == settings_of(other / name)


def assert_failures(done: Result, folder: Path, failures: dict[int, tuple[str, str]]) -> None:
    """Each of these jobs, by number, has failed with its status and reason, and no other one has.

    Each reason is said once when it first happens, in any order, and again at the end; tracebacks are not for the
    console.
    """
    assert done.returncode == 1
    saved = [path.joinpath(".hydra", "overrides.yaml") for path in jobs_in(folder)]
    overrides = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in saved]
    named = [(job(number, *overrides[number]), reason) for number, (_, reason) in failures.items()]
    end = "\n".join([f"{len(named)} jobs failed:", *in_lines(named)] if len(named) > 1 else []) + "\n"
    assert done.stderr.endswith(end)
    said = done.stderr.removesuffix(end)
    for reason in {reason for _, reason in named}:
        (one,) = (line for line in (f"{name}: {reason}" for name, of in named if of == reason) if line in said)
        said = said.replace(one, "", 1)
    assert said.strip() == ""
    assert "Traceback" not in done.stdout + done.stderr
    rows = {int(row["job"]): (row["status"], row["reason"]) for row in leaderboard_of(folder)}
    assert rows == {number: failures.get(number, ("finished", "")) for number in range(len(saved))}
    for path in jobs_in(folder):
        result = result_of(path)
        assert (result["status"], result.get("reason", "")) == rows[int(path.name)]


def with_traceback(folder: Path) -> list[int]:
    """The jobs whose log holds a traceback."""
    logs = [(path / "run.log").read_text(encoding="utf-8") for path in jobs_in(folder)]
    return [number for number, log in enumerate(logs) if "Traceback (most recent call last):" in log]


def wait_for(condition: Callable[[], bool], process: Started | None = None, seconds: float = 120) -> None:
    """Waits until it holds, while the process, if one is given, is still at work."""
    give_up = time.monotonic() + seconds
    while not condition():
        assert process is None or process.poll() is None
        assert time.monotonic() < give_up
        time.sleep(0.01)


def drawn(folder: Path) -> list[int]:
    """The jobs that have figures."""
    return [int(path.name) for path in jobs_in(folder) if (path / "plots" / "loss.png").exists()]

"""Runs that were interrupted, killed or finished go on: `python -m mlp_exp.run resume=RUN`, bit for bit."""

import contextlib
import csv
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from conftest import Result, write_table

from mlp_exp import run as command
from mlp_exp.experiment import regularly

CallMain = Callable[..., Result]

QUIET = ("trainer.device=cpu", "trainer.plots=never", "trainer.checkpoint_every=0", "trainer.epochs=25")
SMALL = (*QUIET, "data.n_samples=200")
"""140 rows train, in five steps an epoch."""

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

CASES = {
    "dropout": [*SMALL, "optimizer=nadam", "model.dropout=0.3", "model.hidden_sizes=[9,5]"],
    "norm": [*SMALL, "model.norm=batch", "optimizer=sgd", "optimizer.momentum=0.9", "trainer.clip_grad_norm=0.5"],
    "plateau": [
        *SMALL,
        "scheduler=reduce_on_plateau",
        "scheduler.patience=1",
        "early_stopping=patience",
        "optimizer.lr=0.02",
    ],
    "mean": [*SMALL, "trainer.average=0.8", "optimizer=adamw", "scheduler=warmup_cosine", "early_stopping.latest=true"],
    "table": [
        "data=table",
        "data.path=table.csv",
        "data.target=answer",
        "preprocess.one_hot_max=5",
        *QUIET,
    ],
    "own": [
        *SMALL,
        "model._target_=own_net.Net",
        "optimizer._target_=torch.optim.LBFGS",
        "++optimizer={lr:0.1,max_iter:3}",
    ],
}
"""Of each kind of state: moments, noise, statistics, schedules, stopping, means, embeddings, torch's own numbers."""

KILLS = 6


def timeless(folder: Path) -> tuple[list[list[str]], bytes, dict[str, object]]:
    """History, weights and result of a run, without times."""
    with (folder / "history.csv").open(encoding="utf-8", newline="") as file:
        history = [row[:-1] for row in csv.reader(file)]
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    for key in ("seconds", "stacked"):
        del result[key]
    return history, (folder / "model.pt").read_bytes(), result


def start(arguments: Sequence[str], folder: Path) -> int:
    """The command line in a process of its own, which is a fork of this one; returns its number."""
    process = os.fork()
    if process:
        return process
    status = 1
    try:
        os.chdir(folder)
        sys.argv = ["mlp_exp.run", *arguments]
        regularly.REST = 0  # a checkpoint every epoch
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        command.main()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    finally:
        os._exit(status)


def ended(process: int) -> int:
    """The exit status; minus the signal that ended the process."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def wait_for_checkpoints(count: int, folder: Path, process: int) -> None:
    """Until a process has been seen to write so many checkpoints, or has ended."""
    path, end = folder / "checkpoint.pt", time.monotonic() + 60
    before = None
    while count and not os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        assert time.monotonic() < end
        with contextlib.suppress(FileNotFoundError):
            written = path.stat().st_mtime_ns
            count -= before is not None and written != before
            before = written
        time.sleep(0.0005)


@pytest.fixture(autouse=True)
def parts(tmp_path: Path) -> None:
    (tmp_path / "own_net.py").write_text(OWN, encoding="utf-8")
    write_table(tmp_path)


def finish_with_kills(arguments: Sequence[str], again: Sequence[str], folder: Path, watched: Path, seed: str) -> None:
    """Starts a command, kills it again and again, each time at a random moment of its training, and ends it."""
    draw = random.Random(seed)
    process = start(arguments, folder)
    for _ in range(KILLS):
        wait_for_checkpoints(draw.randint(1, 5), watched, process)
        time.sleep(draw.uniform(0, 0.01))
        os.kill(process, signal.SIGKILL)
        assert ended(process) in (-signal.SIGKILL, 0)
        process = start(again, folder)
    assert ended(process) == 0


@pytest.mark.parametrize("case", CASES)
def test_killed_at_random_moments_a_run_ends_as_if_it_had_not_been(
    call_main: CallMain, tmp_path: Path, case: str
) -> None:
    whole = call_main(*CASES[case], "hydra.run.dir=whole")
    assert (whole.returncode, whole.stderr) == (0, "")
    allowed = ["--allow", "own_net"] if case == "own" else []
    folder = tmp_path / "run"
    finish_with_kills([*CASES[case], "hydra.run.dir=run"], [*allowed, "resume=run"], tmp_path, folder, case)
    assert timeless(folder) == timeless(tmp_path / "whole")
    left = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    assert left == {"checkpoint.pt", "history.csv", "model.pt", "result.json", "run.log"}
    went_on = [
        line for line in (folder / "run.log").read_text(encoding="utf-8").splitlines() if "goes on after" in line
    ]
    assert len({line.partition("epoch ")[2] for line in went_on}) >= 3


def test_killed_at_random_moments_a_sweep_ends_as_if_it_had_not_been(call_main: CallMain, tmp_path: Path) -> None:
    args = ["-m", *SMALL, "seed=0,1", "model.dropout=0,0.2", "model.hidden_sizes=[9],[7,5]", "early_stopping=patience"]
    whole = call_main(*args, "hydra.sweep.dir=whole")
    assert (whole.returncode, whole.stderr) == (0, "")
    again = [*args, "hydra.sweep.dir=sweep", "resume=true"]
    finish_with_kills([*args, "hydra.sweep.dir=sweep"], again, tmp_path, tmp_path / "sweep" / "7", "sweep")
    for job in range(8):
        assert timeless(tmp_path / "sweep" / str(job)) == timeless(tmp_path / "whole" / str(job))

"""Sweeps whose runs train together: `python -m mlp_exp.run -m …` with the launcher `stacked`.

What a run leaves must not depend on its company, on what happens to others, or on how often the sweep was stopped.
"""

import csv
import hashlib
import json
import multiprocessing
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from support.commands import CallMain, Fork, Result, RunCli, Start, StartFork
from support.folders import files_in
from support.tables import write_table

from mlp_exp.experiment.checkpoint import Checkpoint
from mlp_exp.multirun import stack_life
from mlp_exp.multirun.stacks import cores
from mlp_exp.storage.run_folder import RunFolder

QUIET = ("trainer.device=cpu", "trainer.plots=never")
CIRCLE = (*QUIET, "data.n_samples=100", "trainer.epochs=3")
"""70 rows train, in three steps an epoch."""

Sweep = Callable[..., tuple[Result, Path]]


@pytest.fixture
def sweep(call_main: CallMain, tmp_path: Path) -> Sweep:
    """A sweep in a folder of this name; returns how it ended, and the folder."""

    def run(name: str, *args: str) -> tuple[Result, Path]:
        return call_main("-m", *args, f"hydra.sweep.dir={name}"), tmp_path / name

    return run


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
    """Takes its time while there is a file of that name."""

    def gradient(self, logits, target):
        if Path("slow").exists():
            time.sleep(0.1)
        return super().gradient(logits, target)
'''
NET = "model._target_=own_parts.Net"
RATES = "scheduler._target_=own_parts.Rates"


@pytest.fixture
def own(tmp_path: Path) -> Iterator[None]:
    """The user's own module, `own_parts`, in the folder where the command is called."""
    (tmp_path / "own_parts.py").write_text(OWN, encoding="utf-8")
    yield
    sys.modules.pop("own_parts", None)


def result_of(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "result.json").read_text(encoding="utf-8")))


def history_of(folder: Path) -> list[list[str]]:
    """The rows of the history as text, the first its names; without the seconds."""
    with (folder / "history.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0][-1] == "seconds"
    return [row[:-1] for row in rows]


def trained(folder: Path) -> tuple[str, list[list[str]]]:
    """What a run has learned: the checksum of its model, and its history without the seconds."""
    return hashlib.sha256((folder / "model.pt").read_bytes()).hexdigest(), history_of(folder)


def jobs_in(folder: Path) -> list[Path]:
    """The folders of a sweep's jobs, by number."""
    return sorted((path for path in folder.iterdir() if path.is_dir()), key=lambda path: int(path.name))


def leaderboard_of(folder: Path) -> list[dict[str, str]]:
    """The rows of the leaderboard without the seconds."""
    with (folder / "leaderboard.csv").open(encoding="utf-8", newline="") as file:
        return [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)]


def state_of(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Each file's content and when it was written."""
    return {name: ((folder / name).read_bytes(), (folder / name).stat().st_mtime_ns) for name in files_in(folder)}


def job(number: int, *overrides: str) -> str:
    """As messages call a job."""
    return f"job {number} ({','.join(sorted(overrides))})"


def mistake(line: str) -> str:
    return f"The configuration has 1 mistake:\n  {line}"


def diverged(epoch: int) -> str:
    return (
        f"The run diverged in epoch {epoch}: its loss was not a finite number. The usual causes are a learning rate "
        "that is too high (try a tenth of optimizer.lr), gradients without a bound (try trainer.clip_grad_norm=1) and "
        "features that are not scaled (preprocess=standard)."
    )


def at_the_end(failures: Sequence[str]) -> list[str]:
    return [f"{len(failures)} jobs failed:", *failures]


def table_of(lines: Sequence[str]) -> list[list[str]]:
    """The cells of the printed tables, row by row."""
    return [[cell.strip() for cell in line.split(line[0])[1:-1]] for line in lines if line[:1] in ("┃", "│")]


# ---- a run is the same in any company

FINISHED = {"finished"}
IDENTICAL = [
    ("seed=0,1 optimizer.lr=1e-3,1e-2", "4 runs in 1 stack", FINISHED),
    ("model.norm=batch,layer,null model.dropout=0,0.3", "6 runs in 3 stacks: model.norm differs", FINISHED),
    ("scheduler=cosine,one_cycle", "2 runs in 1 stack", FINISHED),
    (
        "scheduler=reduce_on_plateau scheduler.patience=0 scheduler.threshold=0.5,0.001 trainer.epochs=5",
        "2 runs in 1 stack",
        FINISHED,
    ),
    (
        "early_stopping=patience early_stopping.patience=1,3 trainer.epochs=8 optimizer.lr=0.1",
        "2 runs in 1 stack",
        {"finished", "stopped_early"},
    ),
    ("data=diabetes loss=huber trainer.clip_grad_norm=0.1,null", "2 runs in 1 stack", FINISHED),
    (
        "data=wine trainer.epochs=2,4 split.seed=null seed=0,1 loss.class_weight=balanced,null",
        "8 runs in 1 stack",
        FINISHED,
    ),
    (
        "model.hidden_sizes=[7,5] model.activation=gelu trainer.batch_size=13,full seed=0,1",
        "4 runs in 2 stacks: trainer.batch_size, the number of rows differ",
        FINISHED,
    ),
    (
        "optimizer=sgd,adagrad,rmsprop,nadam,radam,adamw optimizer.weight_decay=0,0.1",
        "12 runs in 6 stacks: optimizer differs",
        FINISHED,
    ),
    ("split=folds split.folds=3 split.fold=range(3)", "3 runs in 1 stack", FINISHED),
    ("trainer.average=0,0.5", "2 runs in 1 stack", FINISHED),
    ("data.n_samples=100,103 loss.label_smoothing=0,0.1", "4 runs in 1 stack", FINISHED),
]


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


@pytest.mark.parametrize(("overrides", "stacks", "statuses"), IDENTICAL, ids=[row[0] for row in IDENTICAL])
def test_runs_in_stacks_are_those_of_hydras_own_launcher(
    sweep: Sweep, overrides: str, stacks: str, statuses: set[str]
) -> None:
    typed = overrides.split()
    keys = {override.partition("=")[0] for override in typed}
    others = [override for override in CIRCLE if override.partition("=")[0] not in keys]
    if "data" in keys:
        others.remove("data.n_samples=100")
    done, together = sweep("stacked", *others, *typed)
    assert (done.returncode, done.stderr) == (0, "")
    assert stacks in done.stdout.splitlines()
    assert {result_of(folder)["status"] for folder in jobs_in(together)} == statuses
    done, apart = sweep("basic", *others, *typed, "hydra/launcher=basic")
    assert (done.returncode, done.stderr) == (0, "")
    assert_same_jobs(together, apart)


def table(tmp_path: Path) -> tuple[str, ...]:
    """Runs on a table of which one column is embedded."""
    path = write_table(tmp_path)
    return (
        *(*QUIET, "trainer.epochs=3", "data=table", f"data.path={path}", "data.target=answer"),
        *("preprocess.one_hot_max=5", "split.seed=null", "seed=0,1"),
    )


def test_runs_on_one_table_are_those_of_hydras_own_launcher(sweep: Sweep, tmp_path: Path) -> None:
    def content(folder: Path) -> object:
        model = torch.load(folder / "model.pt", weights_only=True)
        model["state_dict"] = {name: tensor.tolist() for name, tensor in model["state_dict"].items()}
        return model, history_of(folder)

    args = table(tmp_path)
    done, together = sweep("stacked", *args, "preprocess.scaling=standard,robust")
    assert "4 runs in 1 stack" in done.stdout.splitlines()
    _, apart = sweep("basic", *args, "preprocess.scaling=standard,robust", "hydra/launcher=basic")
    assert_same_jobs(together, apart, content)


# a pickle writes a text once where two values are one object, as those that runs take from one table may be
def test_the_model_of_a_table_is_the_same_to_the_byte(sweep: Sweep, call_main: CallMain, tmp_path: Path) -> None:
    args = table(tmp_path)
    _, folder = sweep("sweep", *args)
    call_main(*args[:-1], "seed=1", "hydra.run.dir=alone")
    assert trained(folder / "1") == trained(tmp_path / "alone")


def test_two_threads_give_the_same_whatever_the_launcher(start_fork: StartFork, tmp_path: Path) -> None:
    """In processes of their own: one that has computed with several threads cannot be forked."""
    launchers = ("stacked", "basic")
    args = ("-m", *CIRCLE, "trainer.threads=2", "seed=0,1")
    sweeps = [start_fork(*args, f"hydra/launcher={name}", f"hydra.sweep.dir={name}") for name in launchers]
    ends = [process.communicate(timeout=120) for process in sweeps]
    assert [process.returncode for process in sweeps] == [0, 0]
    assert [stderr for _, stderr in ends] == ["", ""]
    assert_same_jobs(tmp_path / "stacked", tmp_path / "basic")
    assert [result_of(folder)["stacked"] for folder in jobs_in(tmp_path / "stacked")] == [2, 2]


def test_stacks_in_this_process_give_the_same(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU, or where processes cannot be forked."""
    args = (*CIRCLE, "seed=0,1,2", "model.hidden_sizes=[4],[5]", "hydra.launcher.max_stack=2")
    _, forked = sweep("forked", *args)
    for module in ("together", "workers"):
        monkeypatch.setattr(f"mlp_exp.multirun.{module}.can_fork", lambda: False)
    done, here = sweep("here", *args)
    assert (done.returncode, done.stderr) == (0, "")
    assert_same_jobs(here, forked)
    assert leaderboard_of(here) == leaderboard_of(forked)


def test_order_and_company_do_not_matter(sweep: Sweep, call_main: CallMain, tmp_path: Path) -> None:
    args = (*CIRCLE, "split.seed=null")
    _, many = sweep("many", *args, "seed=0,1,2,3")
    _, few = sweep("few", *args, "seed=3,0")
    assert call_main(*args, "seed=3", "hydra.run.dir=alone").returncode == 0
    folders = [many / "3", few / "0", tmp_path / "alone"]
    assert [result_of(folder)["stacked"] for folder in folders] == [4, 2, 1]
    assert trained(folders[0]) == trained(folders[1]) == trained(folders[2])
    assert torch.load(folders[0] / "model.pt", weights_only=True)["config"]["seed"] == 3
    assert len({trained(folder)[0] for folder in jobs_in(many)}) == 4


# ---- which runs form a stack

LINES = [
    ("seed=0", "1 run in 1 stack"),
    ("seed=range(3)", "3 runs in 1 stack"),
    ("model.hidden_sizes=[4],[5] seed=0,1", "4 runs in 2 stacks: model.hidden_sizes differs"),
    ("optimizer=adam,sgd,adamw", "3 runs in 3 stacks: optimizer differs"),
    ("optimizer=adam,sgd model.activation=relu,tanh", "4 runs in 4 stacks: model.activation, optimizer differ"),
    ("optimizer=sgd optimizer.momentum=0,0.9", "2 runs in 2 stacks: optimizer.momentum differs"),
    ("loss=cross_entropy,binary_cross_entropy", "2 runs in 2 stacks: loss, the number of classes differ"),
    ("data.n_samples=100,200", "2 runs in 2 stacks: the number of rows differs"),
    ("seed=range(5) hydra.launcher.max_stack=2", "5 runs in 3 stacks: 2 at most in each, 2 at a time"),
    (
        "seed=range(3) model.hidden_sizes=[4],[5] hydra.launcher.max_stack=2",
        "6 runs in 4 stacks: model.hidden_sizes differs; 2 at most in each, 2 at a time",
    ),
    ("seed=range(3) hydra.launcher.max_stack=1", "3 runs in 3 stacks: 1 at most in each, 2 at a time"),
    (f"seed=0,1 {NET}", "2 runs in 2 stacks: 2 of a network or an optimizer that trains alone"),
    (
        "seed=0,1 optimizer._target_=torch.optim.Rprop",
        "2 runs in 2 stacks: 2 of a network or an optimizer that trains alone",
    ),
    (
        f"seed=0,1 {NET},mlp_exp.components.MLP",
        "4 runs in 3 stacks: model differs; 2 of a network or an optimizer that trains alone",
    ),
]


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(("overrides", "line"), LINES, ids=[overrides for overrides, _ in LINES])
def test_a_line_says_which_runs_train_together(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch, overrides: str, line: str
) -> None:
    monkeypatch.setattr("mlp_exp.multirun.stacks.cores", lambda: 2)
    size = [] if "data.n_samples" in overrides else ["data.n_samples=60"]
    done, folder = sweep("sweep", *QUIET, *size, "trainer.epochs=1", *overrides.split())
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == line
    stacked = [result_of(path)["stacked"] for path in jobs_in(folder)]
    assert sum(1 / size for size in stacked) == pytest.approx(int(line.split()[3]))


# ---- failures


def assert_failures(done: Result, folder: Path, failures: dict[int, tuple[str, str]]) -> None:
    """Each of these jobs, by number, has failed with its status and reason, and no other one has.

    It is said once when it happens, in any order, and again at the end; tracebacks are not for the console.
    """
    assert done.returncode == 1
    saved = [path.joinpath(".hydra", "overrides.yaml") for path in jobs_in(folder)]
    overrides = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in saved]
    messages = [f"{job(number, *overrides[number])}: {reason}" for number, (_, reason) in failures.items()]
    end = "\n".join(at_the_end(messages) if len(messages) > 1 else []) + "\n"
    assert done.stderr.endswith(end)
    assert sorted(done.stderr.removesuffix(end).splitlines()) == sorted("\n".join(messages).splitlines())
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


def test_bad_values_and_divergence(sweep: Sweep, call_main: CallMain, tmp_path: Path) -> None:
    done, folder = sweep("sweep", *CIRCLE, "optimizer.lr=1e-2,-1,1e30,0.1")
    assert done.stdout.splitlines()[0] == "3 runs in 1 stack"
    wrong = mistake("optimizer.lr: expected a number above 0, got -1")
    assert_failures(done, folder, {1: ("failed", wrong), 2: ("diverged", diverged(1))})
    assert with_traceback(folder) == []
    assert [result_of(folder / number).get("stacked") for number in "0123"] == [3, None, 3, 3]
    assert not (folder / "1" / "history.csv").exists()
    assert not (folder / "2" / "model.pt").exists()
    for number, rate in ((0, "0.01"), (3, "0.1")):
        call_main(*CIRCLE, f"optimizer.lr={rate}", f"hydra.run.dir=alone{number}")
        assert trained(folder / str(number)) == trained(tmp_path / f"alone{number}")


def test_a_single_failure_is_said_once(sweep: Sweep) -> None:
    done, folder = sweep("sweep", *CIRCLE, "seed=0,-1")
    assert_failures(done, folder, {1: ("failed", mistake("seed: expected a whole number, 0 or more, got -1"))})
    assert done.stderr.count("\n") == 2


@pytest.mark.usefixtures("own")
def test_a_users_network_may_do_anything(sweep: Sweep, call_main: CallMain, tmp_path: Path) -> None:
    args = (*CIRCLE, NET)
    done, folder = sweep("sweep", *args, "+model.does=raises,kills,well,exits,refuses")
    failures = {
        0: ("failed", "RuntimeError: boom"),
        1: ("failed", "its process was ended by signal 9, as when memory runs out"),
        3: ("failed", "its process ended with 3"),
        4: ("failed", "model: Net cannot take rows of 2 features: boom"),
    }
    assert_failures(done, folder, failures)
    assert with_traceback(folder) == [0]
    call_main(*args, "+model.does=well", "hydra.run.dir=alone")
    assert trained(folder / "2") == trained(tmp_path / "alone")
    # the one that could still speak has kept its first epoch
    assert (result_of(folder / "0")["epochs"], result_of(folder / "0")["best_epoch"]) == (1, 1)
    assert history_of(folder / "0") == history_of(folder / "2")[:2]
    assert files_in(folder / "0") | {"checkpoint.pt"} == files_in(folder / "2")


@pytest.mark.usefixtures("own")
def test_a_users_scheduler_fails_for_one_member(sweep: Sweep) -> None:
    args = (*CIRCLE, RATES, "seed=0,1")
    done, folder = sweep("sweep", *args, "+scheduler.does=raises", "+scheduler.epoch=2,9")
    assert_failures(done, folder, {0: ("failed", "RuntimeError: boom"), 2: ("failed", "RuntimeError: boom")})
    assert with_traceback(folder) == [0, 2]
    _, good = sweep("good", *args, "+scheduler.does=well")
    for number in range(4):
        whole, kept = trained(good / str(number // 2)), trained(folder / str(number))
        assert result_of(folder / str(number))["stacked"] == 4
        assert kept[1] == (whole[1] if number % 2 else whole[1][:3])
    assert (result_of(folder / "0")["epochs"], (folder / "0" / "model.pt").exists()) == (2, True)


def weights_of(folder: Path) -> list[bytes]:
    state = torch.load(folder / "model.pt", weights_only=True)["state_dict"]
    return [tensor.numpy().tobytes() for tensor in state.values()]


@pytest.mark.usefixtures("own")
def test_a_member_that_ends_its_process_does_not_take_the_others_with_it(sweep: Sweep) -> None:
    args = (*CIRCLE, RATES)
    done, folder = sweep("sweep", *args, "+scheduler.does=exits,kills", "+scheduler.epoch=2,9")
    exits, kills = "its process ended with 3", "its process was ended by signal 9, as when memory runs out"
    assert_failures(done, folder, {0: ("failed", exits), 2: ("failed", kills)})
    assert with_traceback(folder) == []
    lines = done.stdout.splitlines()
    assert lines[:2] == ["4 runs in 1 stack", f"{exits} with 4 runs in a stack; trying again with 2"]
    assert sorted(lines[2:4]) == [f"{how} with 2 runs in a stack; trying again with 1" for how in (exits, kills)]
    _, good = sweep("good", *args)
    expected = (weights_of(good / "0"), history_of(good / "0"))
    for number in "13":
        assert (weights_of(folder / number), history_of(folder / number)) == expected
        assert result_of(folder / number)["stacked"] == 1


# ---- memory


@pytest.mark.parametrize("after", [0, 1])
def test_a_stack_that_finds_no_memory_is_halved(sweep: Sweep, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """At once, or after an epoch with which four of the runs have ended."""
    args = (*CIRCLE[:-1], "seed=range(4)", "trainer.epochs=1,3")
    _, expected = sweep("expected", *args)
    train = stack_life.train

    def hungry(members: Sequence[Any], *rest: Any) -> Iterator[Any]:
        whole = train(members, *rest)
        if len(members) > 2:
            for _ in range(after):
                yield next(whole)
            raise MemoryError
        yield from whole

    monkeypatch.setattr(stack_life, "train", hungry)
    done, folder = sweep("hungry", *args)
    assert (done.returncode, done.stderr) == (0, "")
    halved = "memory ran out with {} runs in a stack; trying again with {}".format
    lines = [halved(4, 2)] if after else [halved(8, 4), halved(4, 2), halved(4, 2)]
    assert [line for line in done.stdout.splitlines() if "runs in" in line] == ["8 runs in 1 stack", *lines]
    stacked = [result_of(path)["stacked"] for path in jobs_in(folder)]
    assert stacked == [8, 2] * 4 if after else [2] * 8
    assert_same_jobs(folder, expected)
    assert leaderboard_of(folder) == leaderboard_of(expected)


def test_a_run_that_finds_no_memory_by_itself_fails(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    train = stack_life.train

    def hungry(members: Sequence[Any], *rest: Any) -> Iterator[Any]:
        if any(member.epochs == 2 for member in members):
            raise MemoryError
        yield from train(members, *rest)

    monkeypatch.setattr(stack_life, "train", hungry)
    done, folder = sweep("hungry", *CIRCLE[:-1], "trainer.epochs=1,2,3")
    assert_failures(done, folder, {1: ("failed", "MemoryError")})


# ---- resume


def went_on(folder: Path) -> list[int]:
    """The epochs after which a run went on, by its log."""
    log = (folder / "run.log").read_text(encoding="utf-8")
    return [int(epoch) for epoch in re.findall(r"goes on after epoch (\d+)$", log, re.MULTILINE)]


@pytest.mark.usefixtures("own")
def test_resume_trains_what_is_not_done(sweep: Sweep, tmp_path: Path) -> None:
    """Failed runs that were mended, one that is not there, and two whose processes were killed."""
    args = (*CIRCLE, RATES, "+scheduler.does=mends", "+scheduler.epoch=1,9", "seed=0,1,2,3")
    done, whole = sweep("whole", *args)
    assert (done.returncode, done.stderr) == (0, "")
    (tmp_path / "broken").touch()
    done, folder = sweep("sweep", *args)
    assert_failures(done, folder, dict.fromkeys(range(4), ("failed", "RuntimeError: boom")))
    shutil.rmtree(folder / "5")
    for number in "67":
        for name in ("result.json", "model.pt"):
            (folder / number / name).unlink()
        history = (folder / number / "history.csv").read_text(encoding="utf-8").splitlines(keepends=True)
        (folder / number / "history.csv").write_text(history[0], encoding="utf-8")
    # the one had only begun; the other had come to its end, and only the result was not there yet
    begun = RunFolder(folder / "6")
    replace(Checkpoint.read(begun), history=[], state=None).write(begun)
    before = state_of(folder / "4")

    (tmp_path / "broken").unlink()
    done, _ = sweep("sweep", *args, "resume=true")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == "7 runs in 2 stacks: the epoch of the checkpoint differs"
    assert state_of(folder / "4") == before
    assert [went_on(folder / number) for number in "4567"] == [[], [], [0], [3]]
    assert_same_jobs(folder, whole)
    assert leaderboard_of(folder) == leaderboard_of(whole)

    before = {path.name: state_of(path) for path in jobs_in(folder)}
    done, _ = sweep("sweep", *args, "resume=true")
    assert (done.returncode, done.stderr) == (0, "")
    assert "runs in" not in done.stdout
    assert {path.name: state_of(path) for path in jobs_in(folder)} == before
    assert leaderboard_of(folder) == leaderboard_of(whole)


def test_resume_does_not_train_a_diverged_run_again(sweep: Sweep) -> None:
    args = (*CIRCLE, "optimizer.lr=1e30,1e-2,1e31")
    first, folder = sweep("sweep", *args)
    before = {path.name: state_of(path) for path in jobs_in(folder)}
    again, _ = sweep("sweep", *args, "resume=true")
    assert "runs in" not in again.stdout
    assert (again.returncode, {path.name: state_of(path) for path in jobs_in(folder)}) == (1, before)
    failures = [f"{job(n, *CIRCLE, f'optimizer.lr={lr}')}: {diverged(1)}" for n, lr in ((0, "1e+30"), (2, "1e+31"))]
    assert again.stderr.splitlines() == [*failures, *at_the_end(failures)]
    assert first.stderr.splitlines() == [*failures, *at_the_end(failures)]


def test_resume_says_of_a_single_diverged_run_why_the_status_is_1(sweep: Sweep) -> None:
    args = (*CIRCLE, "optimizer.lr=1e30,1e-2")
    sweep("sweep", *args)
    done, _ = sweep("sweep", *args, "resume=true")
    assert done.returncode == 1
    assert done.stderr == f"{job(0, *CIRCLE, 'optimizer.lr=1e+30')}: {diverged(1)}\n"


@pytest.mark.parametrize("killed", [False, True])
def test_a_job_of_another_configuration_is_not_taken_for_done(sweep: Sweep, tmp_path: Path, killed: bool) -> None:
    """The user has changed an option of their own between the commands; it is said on standard error.

    Nor does a job go on with it that has not come to its end.
    """
    option = tmp_path / "my_conf" / "model" / "mine.yaml"
    option.parent.mkdir(parents=True)
    text = "_target_: mlp_exp.components.MLP\nhidden_sizes: [4]\ndropout: {}\n"
    option.write_text(text.format(0.1), encoding="utf-8")
    args = ("--config-dir", "my_conf", *CIRCLE, "model=mine,linear")
    done, folder = sweep("sweep", *args)
    assert (done.returncode, done.stderr) == (0, "")
    if killed:
        (folder / "0" / "result.json").unlink()
    before = {path.name: state_of(path) for path in jobs_in(folder)}
    option.write_text(text.format(0.2), encoding="utf-8")
    done, _ = sweep("sweep", *args, "resume=true")
    reason = mistake(
        "model.dropout: the run has 0.1, and now it is 0.2; a run goes on as it began; only trainer.epochs may grow. "
        "For another value train another run"
    )
    assert done.returncode == 1
    assert done.stderr == f"{job(0, *CIRCLE, 'model=mine')}: {reason}\n"
    assert "runs in" not in done.stdout
    now = {path.name: state_of(path) for path in jobs_in(folder)}
    if killed:
        assert json.loads(now["0"].pop("result.json")[0]) == {"status": "failed", "reason": reason, "metrics": {}}
    assert now == before

    option.write_text(text.format(0.1), encoding="utf-8")
    done, _ = sweep("sweep", *args, "resume=true")
    assert (done.returncode, done.stderr) == (0, "")
    assert [result_of(path)["status"] for path in jobs_in(folder)] == ["finished"] * 2
    assert trained(folder / "0")[1] == [
        row[:-1] for row in csv.reader(before["0"]["history.csv"][0].decode().splitlines())
    ]


NOT_RESUMED = (
    "resume: expected the folder of a run, or true with -m and hydra.sweep.dir=… of an earlier sweep, got '{}'"
)


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (["hydra.sweep.dir=sweep", "resume=true"], NOT_RESUMED.format("true")),
        (["-m", "resume=true"], NOT_RESUMED.format("true")),
        (["-m", "hydra.sweep.dir=sweep", "resume=x"], NOT_RESUMED.format("x")),
        (["-m", "hydra.sweep.dir=sweep", "resume="], NOT_RESUMED.format("")),
        (
            ["-m", "hydra.sweep.dir=sweep", "--dry-run", "resume=true"],
            "--dry-run: describes a sweep from its beginning; leave out resume=true",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_resume_needs_a_sweep(call_main: CallMain, tmp_path: Path, args: list[str], line: str) -> None:
    done = call_main(*CIRCLE, "seed=0", *args)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{mistake(line)}\n")
    assert list(tmp_path.iterdir()) == []


def test_resume_false_is_a_sweep_like_any_other(sweep: Sweep) -> None:
    done, folder = sweep("sweep", *CIRCLE, "seed=0,1", "resume=false")
    assert (done.returncode, done.stderr, len(jobs_in(folder))) == (0, "", 2)


def test_a_sweeps_folder_is_for_this_sweep_alone(sweep: Sweep, fork_cli: RunCli, tmp_path: Path) -> None:
    args = (*CIRCLE, "seed=0,1")
    _, folder = sweep("sweep", *args)
    before = state_of(folder)
    typed = " ".join(CIRCLE)
    for more, message in (
        (["seed=0,1"], "holds another sweep. Go on with it: resume=true; or choose another hydra.sweep.dir"),
        (
            ["seed=0,2", "resume=true"],
            f"resume=true goes on with the same sweep.\n  It was: {typed} seed=0,1\n  Now:    {typed} seed=0,2",
        ),
    ):
        done = fork_cli("-m", *CIRCLE, *more, "hydra.sweep.dir=sweep")
        assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{folder}: {message}\n")
        assert state_of(folder) == before
    done = fork_cli("-m", *args, "hydra.sweep.dir=none", "resume=true")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"{tmp_path / 'none'}: expected the folder of an earlier sweep, with multirun.yaml, to resume\n"
    )
    assert not (tmp_path / "none").exists()


# ---- signals

SLOW = (*QUIET, "data.n_samples=100", "loss._target_=own_parts.SlowLoss", "trainer.epochs=30", "trainer.log_every=1")
SIZES = "model.hidden_sizes=[4],[5],[6]"
AT_ONCE = 2 * min(3, cores())
"""How many of the six runs, three stacks of two, train at the same time."""


def wait_for(condition: Callable[[], bool], process: "subprocess.Popen[str] | Fork") -> None:
    give_up = time.monotonic() + 60
    while not condition():
        assert process.poll() is None
        assert time.monotonic() < give_up
        time.sleep(0.01)


def status_of(pid: int) -> tuple[str, int] | None:
    """State and parent of a process; None where it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    return fields[0], int(fields[1])


def children_of(pid: int) -> list[int]:
    found = {int(path.name): status_of(int(path.name)) for path in Path("/proc").glob("[0-9]*")}
    return [child for child, status in found.items() if status and status[1] == pid]


def alive(pids: Sequence[int]) -> list[int]:
    """Those that are not gone; a zombie is."""
    return [pid for pid in pids if (status_of(pid) or "Z")[0] != "Z"]


def start_slowly(start: Start | StartFork, folder: Path) -> "subprocess.Popen[str] | Fork":
    """A sweep of six runs that takes its time, once the first of them have trained an epoch."""
    (folder.parent / "slow").touch()
    process = start("-m", *SLOW, SIZES, "seed=0,1", f"hydra.sweep.dir={folder.name}")

    def begun() -> bool:
        logs = [path.read_text(encoding="utf-8") for path in folder.glob("*/run.log")]
        return sum("epoch 1/30: " in log for log in logs) == AT_ONCE

    wait_for(begun, process)
    return process


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_sweep_goes_on_with_the_line_that_it_prints(
    start_cli: Start,
    start_fork: StartFork,
    sweep: Sweep,
    call_main: CallMain,
    tmp_path: Path,
    number: signal.Signals,
    status: int,
) -> None:
    _, whole = sweep("whole", *SLOW, SIZES, "seed=0,1")
    folder = tmp_path / "sweep"
    process = start_slowly(start_cli if number == signal.SIGINT else start_fork, folder)
    if number == signal.SIGINT:  # which a terminal sends to all processes
        for child in children_of(process.pid):
            os.kill(child, number)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == status
    line = shlex.join([*SLOW, SIZES, "seed=0,1", f"hydra.sweep.dir={folder}", "resume=true"])
    assert stderr == f"Interrupted.\nGo on with: python -m mlp_exp.run -m {line}\n"
    begun = [path for path in jobs_in(folder) if (path / "history.csv").exists()]
    assert len(begun) == AT_ONCE
    for path in begun:
        result, history = result_of(path), history_of(path)
        assert (result["status"], result["epochs"]) == ("interrupted", len(history) - 1)
        assert 1 <= result["best_epoch"] <= result["epochs"] < 30
        assert history == history_of(whole / path.name)[: len(history)]
        assert set(result["metrics"]) == {"train", "val", "test"}
        assert (path / "model.pt").exists()
    assert {path.parent for path in folder.glob("*/result.json")} == set(begun)
    assert [row["status"] for row in leaderboard_of(folder)] == ["interrupted"] * AT_ONCE
    assert [name for name in files_in(folder) if name.endswith(".tmp")] == []

    (tmp_path / "slow").unlink()
    words = shlex.split(stderr.splitlines()[1].removeprefix("Go on with: "))
    assert words[:3] == ["python", "-m", "mlp_exp.run"]
    done = call_main(*words[3:])
    assert (done.returncode, done.stderr) == (0, "")
    assert_same_jobs(folder, whole)
    assert leaderboard_of(folder) == leaderboard_of(whole)


# early stopping takes the epoch before the weights are remembered and the record is out; here the user's scheduler
# interrupts in between
@pytest.mark.usefixtures("own")
def test_an_interrupt_between_judging_and_remembering(call_main: CallMain, tmp_path: Path) -> None:
    args = (*CIRCLE, RATES, "+scheduler.does=interrupts", "optimizer.lr=1e-2", "hydra.run.dir=run")
    assert call_main(*args).returncode == 130
    result, history = result_of(tmp_path / "run"), history_of(tmp_path / "run")
    assert (result["epochs"], len(history) - 1) == (1, 1)
    assert (result["best_epoch"], repr(result["best_value"])) == (1, history[1][history[0].index("val_loss")])


@pytest.mark.usefixtures("own")
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
def test_after_a_kill_no_process_stays_and_resume_finishes(start_fork: StartFork, sweep: Sweep, tmp_path: Path) -> None:
    args = (*SLOW, SIZES, "seed=0,1")
    _, whole = sweep("whole", *args)
    folder = tmp_path / "sweep"
    process = start_slowly(start_fork, folder)
    children = children_of(process.pid)
    assert len(children) == AT_ONCE / 2
    process.send_signal(signal.SIGKILL)
    process.communicate()
    give_up = time.monotonic() + 30
    while alive(children) and time.monotonic() < give_up:
        time.sleep(0.01)
    assert alive(children) == []
    assert list(folder.glob("*/result.json")) == []

    (tmp_path / "slow").unlink()
    done, _ = sweep("sweep", *args, "resume=true")
    assert (done.returncode, done.stderr) == (0, "")
    assert_same_jobs(folder, whole)
    assert leaderboard_of(folder) == leaderboard_of(whole)


# ---- --dry-run


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.mark.parametrize("flag", [[], ["-m"], ["-m", "hydra.sweep.dir=sweep"], ["hydra/launcher=basic"]], ids=" ".join)
def test_a_dry_run_describes_and_leaves_nothing(
    call_main: CallMain, tmp_path: Path, scratch: Path, flag: list[str]
) -> None:
    done = call_main(*flag, "--dry-run", *CIRCLE, "seed=0,1", "model.hidden_sizes=[4],[5]")
    assert (done.returncode, done.stderr) == (0, "")
    assert list(tmp_path.rglob("*")) == [scratch]
    lines = done.stdout.splitlines()
    jobs = enumerate(product((0, 1), (4, 5)))
    head, *rows = table_of(lines)
    assert head == ["job", "overrides"]
    assert rows[:4] == [
        [str(number), " ".join([*CIRCLE, f"seed={seed}", f"model.hidden_sizes=[{width}]"])]
        for number, (seed, width) in jobs
    ]
    assert "4 runs in 2 stacks: model.hidden_sizes differs" in " ".join(" ".join(lines).split())
    assert rows[4] == ["jobs", "runs", "memory", "time"]
    assert [row[:2] for row in rows[5:]] == [["0, 2", "2"], ["1, 3", "2"]]
    for *_, memory, seconds in rows[5:]:
        assert (float(memory.removesuffix(" MiB")) > 100, float(seconds.removesuffix(" s")) < 60) == (True, True)
    assert lines[-1].startswith("About ")
    assert lines[-1].endswith(" s of training in all, without early stopping. Nothing was trained.")


def test_a_dry_run_names_jobs_that_would_fail(call_main: CallMain, tmp_path: Path, scratch: Path) -> None:
    done = call_main("--dry-run", "-m", "optimizer.lr=1e-2,-1,-2")
    assert done.returncode == 1
    assert list(tmp_path.rglob("*")) == [scratch]
    rows = table_of(done.stdout.splitlines())
    wrong = [mistake(f"optimizer.lr: expected a number above 0, got {lr}") for lr in (-1, -2)]
    assert rows[:6] == [
        ["job", "overrides", "failure"],
        ["0", "optimizer.lr=0.01", ""],
        ["1", "optimizer.lr=-1", "The configuration has 1 mistake:"],
        ["", "", "optimizer.lr: expected a number above 0, got -1"],
        ["2", "optimizer.lr=-2", "The configuration has 1 mistake:"],
        ["", "", "optimizer.lr: expected a number above 0, got -2"],
    ]
    assert [row[:2] for row in rows[7:]] == [["0", "1"]]
    messages = [f"{job(number, f'optimizer.lr=-{number}')}: {text}" for number, text in enumerate(wrong, 1)]
    assert done.stderr == "\n".join(at_the_end(messages)) + "\n"


def test_a_dry_run_of_nothing_that_could_train(call_main: CallMain) -> None:
    done = call_main("--dry-run", "optimizer.lr=-1")
    assert done.returncode == 1
    assert ["0", "optimizer.lr=-1", "The configuration has 1 mistake:"] in table_of(done.stdout.splitlines())


# ---- figures, batches, tables


def drawn(folder: Path) -> list[int]:
    """The jobs that have figures."""
    return [int(path.name) for path in jobs_in(folder) if (path / "plots" / "loss.png").exists()]


LEARNING_RATES = "optimizer.lr=1e-5,3e-2,1e-4,1e-2"


@pytest.mark.parametrize("watched", ["val_loss", "val_accuracy"])
def test_figures_of_the_two_best_runs(sweep: Sweep, watched: str) -> None:
    args = ("trainer.device=cpu", "data=wine", "trainer.epochs=3", f"early_stopping.monitor={watched}")
    done, folder = sweep("sweep", *args, LEARNING_RATES)
    assert (done.returncode, done.stderr) == (0, "")
    values = {int(path.name): result_of(path)["best_value"] for path in jobs_in(folder)}
    best_first = sorted(values, key=lambda number: values[number], reverse=watched == "val_accuracy")
    assert drawn(folder) == sorted(best_first[:2]) == [1, 3]
    assert files_in(folder / "1" / "plots") == files_in(folder / "3" / "plots") >= {"loss.png", "confusion_matrix.png"}


@pytest.mark.parametrize(("plots", "jobs"), [("always", [0, 1, 2]), ("never", [])])
def test_figures_of_all_runs_or_none(sweep: Sweep, plots: str, jobs: list[int]) -> None:
    args = ("trainer.device=cpu", "data=diabetes", "trainer.epochs=1", f"trainer.plots={plots}")
    done, folder = sweep("sweep", *args, "seed=0,1,2")
    assert (done.returncode, done.stderr) == (0, "")
    assert drawn(folder) == jobs


def test_a_sweep_in_batches_has_one_leaderboard(sweep: Sweep) -> None:
    _, whole = sweep("whole", *CIRCLE, "seed=range(5)")
    done, folder = sweep("sweep", *CIRCLE, "seed=range(5)", "hydra.sweeper.max_batch_size=3")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[:2] == ["3 runs in 1 stack", "2 runs in 1 stack"]
    assert [line.split(";")[0] for line in lines if "best first" in line] == ["5 runs, best first by val_log_loss"]
    assert leaderboard_of(folder) == leaderboard_of(whole)
    assert [result_of(path)["stacked"] for path in jobs_in(folder)] == [3, 3, 3, 2, 2]


def test_the_columns_of_a_table_are_printed_once(sweep: Sweep, tmp_path: Path) -> None:
    args = (*QUIET, "trainer.epochs=1", "data=table", f"data.path={write_table(tmp_path)}", "data.target=answer")
    done, _ = sweep("sweep", *args, "seed=0,1,2", "preprocess.one_hot_max=5,64")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("Columns") == 1
    done, _ = sweep("other", *args, "seed=0,1", "data.drop=[],[city]")
    assert done.stdout.count("Columns") == 2  # it is another table without a column


def test_an_error_of_the_sweep_itself_leaves_no_process_behind(
    call_main: CallMain, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("of the leaderboard")

    monkeypatch.setattr("mlp_exp.leaderboard.leaderboard.Leaderboard.add", broken)
    with pytest.raises(ZeroDivisionError, match="of the leaderboard"):
        call_main("-m", *CIRCLE, "seed=0,1", "model.norm=null,layer", "trainer.epochs=1,300")
    assert multiprocessing.active_children() == []

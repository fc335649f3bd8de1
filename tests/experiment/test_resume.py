"""Runs that were interrupted, killed or finished go on: `python -m mlp_exp.run resume=RUN`, bit for bit."""

import contextlib
import csv
import hashlib
import itertools
import json
import math
import os
import random
import re
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from support.commands import CallMain
from support.folders import files_in
from support.tables import write_table

from mlp_exp import run as command
from mlp_exp.cli.options import take_options
from mlp_exp.errors import ConfigError, RunFolderError
from mlp_exp.experiment import regularly
from mlp_exp.experiment.checkpoint import Checkpoint
from mlp_exp.experiment.run import Run
from mlp_exp.storage.run_folder import RunFolder
from mlp_exp.training.loop import EpochRecord

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
    "mean": [*SMALL, "trainer.average=0.8", "optimizer=adamw", "scheduler=warmup_cosine", "early_stopping.mode=max"],
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


# ---- short runs, made once

SHORT = (*QUIET[:3], "trainer.epochs=4", "data.n_samples=100")
TABLE = ("data=table", "data.path=table.csv", "data.target=answer", "preprocess.one_hot_max=5", "scheduler=none")
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


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shelf")


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
def make(call_main: CallMain, tmp_path: Path, shelf: Path, stop_after: StopAfter) -> Make:
    """The folder `name` with what a short run of these overrides leaves that was stopped after an epoch, or never."""

    def copy(*args: str, name: str = "run", stopped: int | None = None) -> Path:
        kept = shelf / hashlib.sha256(repr((args, stopped)).encode()).hexdigest()
        if not kept.exists():
            with stop_after(stopped) if stopped else contextlib.nullcontext():
                done = call_main(*words(*args), "hydra.run.dir=made")
            assert done.returncode == (130 if stopped else "diverged" in done.stderr)
            shutil.move(tmp_path / "made", kept)
        return Path(shutil.copytree(kept, tmp_path / name))

    return copy


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


def mistakes(*lines: str) -> str:
    count = "1 mistake" if len(lines) == 1 else f"{len(lines)} mistakes"
    return "\n".join([f"The configuration has {count}:", *(f"  {line}" for line in lines)]) + "\n"


def went_on(folder: Path) -> list[str]:
    """The epochs after which a run went on."""
    lines = (folder / "run.log").read_text(encoding="utf-8").splitlines()
    return [line.rpartition(" ")[2] for line in lines if "goes on after epoch" in line]


# ---- a run is extended

EXTENDED = [
    ("optimizer=nadam", "model.dropout=0.3", "scheduler=step", "scheduler.step_size=1"),
    ("optimizer=sgd", "optimizer.momentum=0.9", "model.norm=batch", "split.val=0", "split.train=0.8", *PLATEAU),
    ("optimizer=rmsprop", "trainer.average=0.5", "early_stopping=patience", "early_stopping.mode=max"),
    TABLE,
    ("model._target_=own_net.Net",),
]
"""Schedules that do not depend on how many epochs there are."""


def hydra_file(folder: Path, name: str) -> Any:
    return yaml.safe_load((folder / ".hydra" / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("args", EXTENDED, ids=" ".join)
def test_an_extended_run_is_that_of_as_many_epochs(make: Make, call_main: CallMain, args: tuple[str, ...]) -> None:
    run, whole = make(*args, "trainer.epochs=2"), make(*args, name="whole")
    done = call_main("resume=run", "trainer.epochs=4", *ALLOW)
    assert (done.returncode, done.stderr) == (0, "")
    assert timeless(run) == timeless(whole)
    assert went_on(run) == ["2"]
    assert hydra_file(run, "config.yaml") == hydra_file(whole, "config.yaml")
    assert hydra_file(run, "overrides.yaml") == [*words(*args, "trainer.epochs=2"), "trainer.epochs=4"]


def test_a_run_is_extended_again_and_again(make: Make, call_main: CallMain) -> None:
    """Once before it has come to its end."""
    run, whole = make(stopped=1), make("trainer.epochs=7", name="whole")
    for epochs in (5, 7):
        assert call_main("resume=run", f"trainer.epochs={epochs}").returncode == 0
    assert timeless(run) == timeless(whole)
    assert went_on(run) == ["1", "5"]
    assert hydra_file(run, "overrides.yaml") == [*words(), "trainer.epochs=5", "trainer.epochs=7"]


@pytest.mark.parametrize("schedule", ["cosine", "one_cycle", "warmup_cosine"])
def test_a_run_is_not_extended_when_its_schedule_would_have_been_another(
    make: Make, call_main: CallMain, schedule: str
) -> None:
    run = make(f"scheduler={schedule}")
    before = content(run)
    done = call_main("resume=run", "trainer.epochs=6")
    said = re.fullmatch(
        r"The configuration has 1 mistake:\n  scheduler: in epoch (\d) the run had a learning rate of (.+), and with "
        r"trainer\.epochs=6 it would have had (.+): the schedule depends on the number of epochs\. Train another run "
        r"with it\n",
        done.stderr,
    )
    assert said
    epoch, was, now = said.groups()
    assert was == timeless(run)[0][int(epoch)][1]
    assert 0 < float(now) != float(was)
    assert (done.returncode, content(run)) == (1, before)


@pytest.mark.parametrize(
    ("args", "more", "line"),
    [
        ((), ["trainer.epochs=4"], "finished after 4 epochs: nothing is left to train"),
        ((), [], "finished after 4 epochs: nothing is left to train"),
        (STOPS, ["trainer.epochs=50"], "stopped early after {} epochs: nothing is left to train"),
        ((*TABLE, "trainer.epochs=auto", "trainer.steps=9"), [], "finished after {} epochs: nothing is left to train"),
    ],
    ids=lambda value: " ".join(value) if not isinstance(value, str) else "",
)
def test_of_a_run_that_has_come_to_its_end_nothing_is_trained(
    make: Make, call_main: CallMain, args: tuple[str, ...], more: list[str], line: str
) -> None:
    run = make(*args)
    before = content(run)
    done = call_main("resume=run", *more)
    epochs = len(timeless(run)[0]) - 1
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{line.format(epochs)}\n", "")
    assert content(run) == before


@pytest.mark.parametrize("more", [[], ["trainer.epochs=9"]], ids=" ".join)
def test_a_diverged_run_says_why_it_ended(make: Make, call_main: CallMain, more: list[str]) -> None:
    run = make(*DIVERGES)
    before = content(run)
    reason = json.loads(before["result.json"])["reason"]
    done = call_main("resume=run", *more)
    assert (done.returncode, done.stderr) == (1, f"{reason}\n")
    assert reason.startswith("The run diverged in epoch 1: its loss was not a finite number.")
    assert content(run) == before


@pytest.mark.parametrize("args", [(), STOPS, DIVERGES, TABLE], ids=" ".join)
def test_a_run_that_was_killed_before_its_result_was_there(
    make: Make, call_main: CallMain, args: tuple[str, ...]
) -> None:
    run, whole = make(*args), make(*args, name="whole")
    kill(run)
    done = call_main("resume=run")
    assert done.returncode == (args == DIVERGES)
    contents = [content(folder) for folder in (run, whole)]
    checkpoints = [leaves(RunFolder(folder).read_checkpoint()) for folder in (run, whole)]
    for files in contents:
        del files["checkpoint.pt"]  # where two texts are one object may differ
    assert contents[0] == contents[1]  # with the seconds: nothing was trained
    assert repr(checkpoints[0]) == repr(checkpoints[1])  # NaN is in those of a run that diverged


# ---- what may not change

REASON = "; a run goes on as it began; only trainer.epochs may grow. For another value train another run"
CHANGES = [
    (["trainer.epochs=4.5"], ["trainer.epochs: expected a whole number, 1 or more, or auto, got 4.5"]),
    (["trainer.epochs=null"], ["trainer.epochs: expected a whole number, 1 or more, or auto, got null"]),
    (["sed=1"], ["sed: there is no such key. Did you mean 'seed'?"]),
    (["trainer.epochs=3"], ["trainer.epochs: the run has trained 4 epochs; expected as many or more, got 3"]),
    (["seed=1", "trainer.epochs=9"], [f"seed: the run has 0, and now it is 1{REASON}"]),
    (
        ["+model.depth=3", "~optimizer.eps", "optimizer.betas=[0.8,0.9]"],
        [
            f"model.depth: the run has None, and now it is 3{REASON}",
            f"optimizer.betas: the run has [0.9, 0.999], and now it is [0.8, 0.9]{REASON}",
            f"optimizer.eps: the run has 1e-08, and now it is None{REASON}",
        ],
    ),
    (
        ["trainer.epochs=1", "trainer.plots=always", "model.norm=batch"],
        [
            f"model.norm: the run has None, and now it is batch{REASON}",
            f"trainer.plots: the run has never, and now it is always{REASON}",
        ],
    ),
    (
        ["+experiment=wine", "scheduler=cosine"],
        [
            "+experiment=wine: resume={run} takes the configuration as it was saved",
            "scheduler=cosine: resume={run} takes the configuration as it was saved",
        ],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("more", "lines"), CHANGES, ids=[" ".join(more) for more, _ in CHANGES])
def test_nothing_else_may_change(make: Make, call_main: CallMain, more: list[str], lines: list[str]) -> None:
    run = make()
    before = content(run)
    done = call_main("resume=run", *more)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == mistakes(*(line.format(run=run) for line in lines))
    assert content(run) == before


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["resume=run", "rerun=run"], "rerun: trains one run again; leave out resume"),
        (["--dry-run", "resume=run"], "--dry-run: describes a sweep from its beginning; leave out resume=run"),
        (
            ["--allow", "my-package", "resume=run"],
            "--allow: expected the name of a package, as my_package, got 'my-package'",
        ),
        (["resume=run", "--allow"], "--allow: expected the name of a package, as my_package, got ''"),
        (
            ["--allow=my_package", "seed=1"],
            "--allow: is for resume=RUN and rerun=RUN; a configuration of your own is trusted",
        ),
        (
            ["-m", "resume=run"],
            "resume: expected the folder of a run, or true with -m and hydra.sweep.dir=… of an earlier sweep, "
            "got 'run'",
        ),
        (
            ["resume="],
            "resume: expected the folder of a run, or true with -m and hydra.sweep.dir=… of an earlier sweep, got ''",
        ),
        (["rerun="], "rerun: expected the folder of a run"),
        (["resume=a/${seed}"], "resume: 'a/${seed}' has ${ in its name; rename the folder"),
        (["rerun=${oc.env:HOME}"], "rerun: '${oc.env:HOME}' has ${ in its name; rename the folder"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_options_that_do_not_fit(arguments: list[str], line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        take_options(arguments, "", multirun="-m" in arguments)
    assert caught.value.problems == [line]


def test_a_run_that_was_interrupted_may_end_sooner(make: Make, call_main: CallMain) -> None:
    """At an epoch that it has not passed: it is then a run of so many."""
    run, shorter = make(stopped=2), make("trainer.epochs=3", name="shorter")
    assert call_main("resume=run", "trainer.epochs=3").returncode == 0
    assert timeless(run) == timeless(shorter)


# ---- folders


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere", "{path}: there is no such folder; expected that of a run"),
        ("empty", "{path}/checkpoint.pt: there is no such file; expected a checkpoint of a run"),
        ("sweep", "{path}/checkpoint.pt: there is no such file; expected a checkpoint of a run"),
        ("own_net.py", "{path}: there is no such folder; expected that of a run"),
    ],
)
def test_a_folder_that_is_not_a_runs(make: Make, call_main: CallMain, tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "sweep").mkdir()
    make(name="sweep/0")
    before = content(tmp_path)
    done = call_main(f"resume={name}")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == message.format(path=tmp_path / name) + "\n"
    assert content(tmp_path) == before


NAMES = ['it\'s a="b", c', "läuft [1] {2} (3) #4 100% ~ *", "$seed $x", "back\\slash\\' \\"]


@pytest.mark.parametrize("name", NAMES)
def test_the_line_that_is_printed_goes_on(
    make: Make, call_main: CallMain, stop_after: StopAfter, tmp_path: Path, name: str
) -> None:
    """Ctrl-C twice; folders may have any name."""
    whole, run = make("model.dropout=0.3", name="whole"), make("model.dropout=0.3", name=name, stopped=1)
    with stop_after(3):
        done = call_main(f"resume={run}")
    assert done.returncode == 130
    assert (
        done.stderr == f"Interrupted.\nGo on with: python -m mlp_exp.run {shlex.quote(f'resume={tmp_path / name}')}\n"
    )
    typed = shlex.split(done.stderr.splitlines()[1].removeprefix("Go on with: "))
    done = call_main(*typed[3:])
    assert (done.returncode, done.stderr) == (0, "")
    assert timeless(run) == timeless(whole)
    assert went_on(run) == ["1", "3"]


def test_a_signal_interrupts(
    make: Make, call_main: CallMain, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A process of its own."""
    many = ("trainer.epochs=2000", "trainer.log_every=1000")
    run = tmp_path / "run"
    process = start([*words(*many), "hydra.run.dir=run"], tmp_path)
    wait_for_checkpoints(3, run, process)
    os.kill(process, signal.SIGINT)
    assert ended(process) == 130
    assert capfd.readouterr().err == f"Interrupted.\nGo on with: python -m mlp_exp.run resume={run}\n"
    result = json.loads((run / "result.json").read_text(encoding="utf-8"))
    trained = Checkpoint.read(RunFolder(run)).epoch
    assert (result["status"], 3 <= trained <= result["epochs"] < 2000) == ("interrupted", True)
    epochs = f"trainer.epochs={trained + 2}"
    assert call_main("resume=run", epochs).returncode == 0
    assert timeless(run) == timeless(make(*many, epochs, name="whole"))


# ---- a checkpoint that cannot be gone on from

Change = Callable[[dict[str, Any]], object]


def spoil(change: Change) -> Callable[[Path], None]:
    """Changes what the checkpoint holds."""

    def write(path: Path) -> None:
        saved = torch.load(path, weights_only=True)
        change(saved)
        torch.save(saved, path)

    return write


def in_state(*place: str, value: Any) -> Callable[[Path], None]:
    """Puts a value into the state."""

    def change(saved: dict[str, Any]) -> None:
        node = saved["state"]
        for key in place[:-1]:
            node = node[key]
        node[place[-1]] = value

    return spoil(change)


def flip_in_tensor(path: Path) -> None:
    data = bytearray(path.read_bytes())
    tensor = torch.load(path, weights_only=True)["state"]["network"]["parameters"].numpy().tobytes()
    data[data.index(tensor) + len(tensor) // 3] ^= 1
    path.write_bytes(data)


CHECKPOINT = "expected a checkpoint of a run"
FOREIGN = f"{CHECKPOINT}, found a damaged or foreign file: "
OTHER = "expected a checkpoint of this run: "
ZIP = FOREIGN + "it is no archive of tensors"
EARLY: dict[str, tuple[Callable[[Path], object], str]] = {
    "half": (lambda path: os.truncate(path, path.stat().st_size // 2), ZIP),
    "empty": (lambda path: path.write_bytes(b""), ZIP),
    "a text": (lambda path: path.write_text("weights", encoding="utf-8"), ZIP),
    "a byte of a tensor": (flip_in_tensor, FOREIGN + "the checksum of archive/data/1 is wrong"),
    "a list": (lambda path: torch.save([1], path), f"{CHECKPOINT}, found a list"),
    "a model": (
        lambda path: shutil.copy(path.with_name("model.pt"), path),
        "expected a checkpoint of format 1, got 2: another version of mlp_exp has written it. Go on with that version, "
        "or train another run",
    ),
    "format 2": (
        spoil(lambda saved: saved.update(format=2)),
        "expected a checkpoint of format 1, got 2: another version of mlp_exp has written it. Go on with that version, "
        "or train another run",
    ),
    "no format": (spoil(lambda saved: saved.pop("format")), f"{CHECKPOINT}: it has no format and config"),
    "another project's": (
        lambda path: torch.save({"model_state": {"w": torch.zeros(2)}, "epoch": 3}, path),
        f"{CHECKPOINT}: it has no format and config",
    ),
    **{
        f"no {key}": (spoil(lambda saved, key=key: saved.pop(key)), f"{CHECKPOINT}; {key}: Field required")
        for key in ("history", "state", "data", "versions")
    },
    "no moments": (
        spoil(lambda saved: saved["state"].pop("optimizer")),
        f"{CHECKPOINT}; state.optimizer: Field required",
    ),
    "another part": (
        spoil(lambda saved: saved["state"].update(scaler=1)),
        f"{CHECKPOINT}; state.scaler: Extra inputs are not permitted",
    ),
    "a history less": (
        spoil(lambda saved: saved.update(history=saved["history"][1:])),
        f"{CHECKPOINT}; history: it is not that of 2 epochs",
    ),
    "another epoch": (
        spoil(lambda saved: saved["history"][1:, 0].fill_(77)),
        f"{CHECKPOINT}; history: it is not that of 2 epochs",
    ),
    "a network of numbers": (
        in_state("network", value=3),
        f"{CHECKPOINT}; state.network: Input should be a valid dictionary",
    ),
    "seconds of text": (in_state("seconds", value="x"), f"{CHECKPOINT}; state.seconds: Input should be a valid number"),
    "a history of texts": (
        spoil(lambda saved: saved.update(history=[["x"] * 6] * 2)),
        f"{CHECKPOINT}; history: Input should be an instance of Tensor",
    ),
}  # fmt: skip
LATE: dict[str, tuple[Callable[[Path], object], str]] = {
    "columns": (
        spoil(lambda saved: saved.update(history=saved["history"][:, :5].clone())),
        "expected rows of epoch, lr, train_loss, val_loss, val_accuracy, seconds in its history",
    ),
    "parameters": (
        in_state("network", "parameters", value=torch.zeros(32)),
        OTHER + "a saved state does not fit: expected 2336 numbers, got [32] of torch.float32",
    ),
    "double parameters": (
        in_state("network", "best_parameters", value=torch.zeros(2336, dtype=torch.float64)),
        OTHER + "a saved state does not fit: expected 2336 numbers, got [2336] of torch.float64",
    ),
    "no buffers": (
        in_state("network", "buffers", value=None),
        OTHER + "a saved state does not fit: expected 0 numbers, got NoneType",
    ),
    "moments": (
        in_state("optimizer", "exp_avg", value=torch.zeros(3)),
        OTHER + "a saved state does not fit: expected 2336 numbers, got [3] of torch.float32",
    ),
    "no moments at all": (
        in_state("optimizer", value={}),
        OTHER + "a saved state does not fit the optimizer: 'step' is None",
    ),
    "a count of text": (
        in_state("optimizer", "step", value="x"),
        OTHER + "a saved state does not fit the optimizer: 'step' is 'x'",
    ),
    "a moment more": (
        in_state("optimizer", "max_exp_avg_sq", value=torch.zeros(2336)),
        OTHER + "a saved state does not fit the optimizer: expected step, exp_avg, exp_avg_sq",
    ),
    "no generator": (
        in_state("shuffle", value={}),
        OTHER + "a saved state does not fit the generators of random numbers: "
        "ValueError('state must be for a PCG64 RNG')",
    ),
    "another generator": (
        in_state("dropout", "bit_generator", value="MT19937"),
        OTHER + "a saved state does not fit the generators of random numbers: "
        "ValueError('state must be for a PCG64 RNG')",
    ),
    "a negative generator": (
        in_state("dropout", "state", "state", value=-1),
        OTHER + "a saved state does not fit the generators of random numbers: ",
    ),
}


@pytest.mark.parametrize("name", EARLY)
def test_a_checkpoint_that_is_none(make: Make, name: str) -> None:
    folder = RunFolder(make(stopped=2))
    damage, message = EARLY[name]
    damage(folder.checkpoint)
    with pytest.raises(RunFolderError) as caught:
        Checkpoint.read(folder)
    assert str(caught.value) == f"{folder.checkpoint}: {message}"


@pytest.mark.parametrize("name", ["half", "a byte of a tensor", "format 2"])
def test_a_damaged_checkpoint_is_said_to_be_one_and_nothing_changes(make: Make, call_main: CallMain, name: str) -> None:
    run = make(stopped=2)
    damage, message = EARLY[name]
    damage(run / "checkpoint.pt")
    before = content(run)
    done = call_main("resume=run")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{run}/checkpoint.pt: {message}\n")
    assert content(run) == before


@pytest.mark.parametrize("name", LATE)
def test_a_checkpoint_of_something_else_is_never_half_loaded(make: Make, call_main: CallMain, name: str) -> None:
    run = make(stopped=2)
    damage, message = LATE[name]
    damage(run / "checkpoint.pt")
    before = content(run)
    done = call_main("resume=run")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith(f"{run}/checkpoint.pt: {message}")
    assert content(run) == before


def test_no_damage_to_a_byte_goes_unseen(make: Make) -> None:
    """It is refused, or was to a byte without meaning."""
    folder = RunFolder(make("model.hidden_sizes=[3]", stopped=2))
    whole, expected = folder.checkpoint.read_bytes(), leaves(folder.read_checkpoint())
    refused = 0
    draw = random.Random(0)
    for place in draw.sample(range(len(whole)), 150):
        folder.checkpoint.write_bytes(
            whole[:place] + bytes([whole[place] ^ 1 << draw.randrange(8)]) + whole[place + 1 :]
        )
        try:
            found = leaves(folder.read_checkpoint())
        except RunFolderError:
            refused += 1
        else:
            assert found == expected
    assert refused > 50
    for length in range(0, len(whole), 199):
        folder.checkpoint.write_bytes(whole[:length])
        with pytest.raises(RunFolderError):
            folder.read_checkpoint()


def test_data_that_has_changed(make: Make, call_main: CallMain, tmp_path: Path) -> None:
    run = make(*TABLE, stopped=2)
    table = tmp_path / "table.csv"
    text = table.read_text(encoding="utf-8")
    table.write_text(text.replace("green", "blue", 1), encoding="utf-8")
    before = content(run)
    done = call_main("resume=run")
    assert (done.returncode, content(run)) == (1, before)
    assert done.stderr == (
        f"{run}/checkpoint.pt: the data has changed since the run began; train another run with it\n"
    )
    table.unlink()
    done = call_main("resume=run")
    assert (done.returncode, content(run)) == (1, before)
    assert "data.path: there is no file" in done.stderr
    table.write_text(text, encoding="utf-8")
    assert call_main("resume=run").returncode == 0
    assert timeless(run) == timeless(make(*TABLE, name="whole"))


def test_other_versions_are_named(make: Make, call_main: CallMain) -> None:
    run = make(stopped=2)
    spoil(lambda saved: saved["versions"].update(torch="1.0"))(run / "checkpoint.pt")
    done = call_main("resume=run")
    assert done.returncode == 0
    assert (
        "it began with other versions of packages; the last bits may differ" in (done.stdout + done.stderr).splitlines()
    )
    assert timeless(run) == timeless(make(name="whole"))


# ---- members of a sweep


@pytest.fixture
def whole_sweep(call_main: CallMain, shelf: Path, tmp_path: Path) -> Path:
    """A sweep of five that nothing has stopped, made once."""
    if not (shelf / "sweep").exists():
        assert call_main("-m", *words(*MEMBERS), "seed=range(5)", "hydra.sweep.dir=made").returncode == 0
        shutil.move(tmp_path / "made", shelf / "sweep")
    return shelf / "sweep"


MEMBERS = ("optimizer=nadam", "model.dropout=0.2", "early_stopping=patience")


@pytest.mark.parametrize("launcher", ["stacked", "basic"])
def test_members_of_a_sweep_go_on_from_where_each_was(
    make: Make, call_main: CallMain, whole_sweep: Path, tmp_path: Path, launcher: str
) -> None:
    """One has not begun; two were killed in epochs of their own, one before its result was there, one has finished."""
    sweep = shutil.copytree(whole_sweep, tmp_path / "sweep")
    (sweep / "leaderboard.csv").unlink()
    shutil.rmtree(sweep / "0")
    for seed, epoch in ((1, 1), (2, 3)):
        shutil.rmtree(sweep / f"{seed}")
        kill(make(*MEMBERS, f"seed={seed}", name=f"sweep/{seed}", stopped=epoch))
    kill(sweep / "3")
    untouched = (sweep / "4" / "history.csv").stat().st_mtime_ns
    args = ["-m", *words(*MEMBERS), "seed=range(5)", f"hydra/launcher={launcher}", "hydra.sweep.dir=sweep"]
    done = call_main(*args, "resume=true")
    assert (done.returncode, done.stderr) == (0, "")
    for job in range(5):
        assert timeless(sweep / f"{job}") == timeless(whole_sweep / f"{job}")
    assert [went_on(sweep / f"{job}") for job in range(5)] == [[], ["1"], ["3"], ["4"], []]
    assert (sweep / "4" / "history.csv").stat().st_mtime_ns == untouched
    if launcher == "stacked":
        assert done.stdout.splitlines()[0] == "4 runs in 4 stacks: the epoch of the checkpoint differs"
    boards = [(folder / "leaderboard.csv").read_text(encoding="utf-8") for folder in (whole_sweep, sweep)]
    ranks = [[line.split(",")[:4] for line in board.splitlines()] for board in boards]
    assert ranks[0] == ranks[1]


def test_a_member_of_a_sweep_goes_on_alone(make: Make, call_main: CallMain, whole_sweep: Path, tmp_path: Path) -> None:
    sweep = shutil.copytree(whole_sweep, tmp_path / "sweep")
    shutil.copy(make(*MEMBERS, "seed=2", stopped=3) / "checkpoint.pt", sweep / "2")
    kill(sweep / "2")
    assert call_main("resume=sweep/2").returncode == 0
    assert timeless(sweep / "2") == timeless(whole_sweep / "2")


def test_members_that_were_equally_far_go_on_together(
    make: Make, call_main: CallMain, whole_sweep: Path, tmp_path: Path
) -> None:
    """Beside those whose checkpoint is damaged, and one of another run."""
    sweep = shutil.copytree(whole_sweep, tmp_path / "sweep")
    for seed in (1, 2):
        shutil.copy(make(*MEMBERS, f"seed={seed}", name=f"{seed}", stopped=3) / "checkpoint.pt", sweep / f"{seed}")
    (sweep / "0" / "checkpoint.pt").write_bytes(b"")
    shutil.copy(sweep / "2" / "checkpoint.pt", sweep / "3")
    for job in range(4):
        kill(sweep / f"{job}")
    damaged = content(sweep / "0")
    done = call_main("-m", *words(*MEMBERS), "seed=range(5)", "hydra.sweep.dir=sweep", "resume=true")
    assert done.returncode == 1
    assert done.stdout.splitlines()[0] == "2 runs in 1 stack"
    assert f"{sweep}/0/checkpoint.pt: {ZIP}\n" in done.stderr
    assert f"  seed: the run has 2, and now it is 3{REASON}\n" in done.stderr
    assert content(sweep / "0") == damaged
    for job in (1, 2):
        assert timeless(sweep / f"{job}")[:2] == timeless(whole_sweep / f"{job}")[:2]
        assert went_on(sweep / f"{job}")[-1] == "3"


# ---- when checkpoints are written


class Clock:
    """A time that passes when it is told to."""

    now = 100.0

    def perf_counter(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("seconds", "cost", "step"),
    [(30, 0.01, 0.1), (30, 2.0, 0.5), (30, 100.0, 7.0), (0, 0.5, 0.01), (0, 0.001, 1.0), (5, 0.0, 0.3)],
)
def test_work_that_is_done_regularly_takes_no_more_than_its_share(
    monkeypatch: pytest.MonkeyPatch, seconds: float, cost: float, step: float
) -> None:
    clock = Clock()
    monkeypatch.setattr(regularly, "time", clock)
    starts: list[float] = []

    def work(what: str) -> None:
        assert what == "the state"
        starts.append(clock.now)
        clock.now += cost

    regular = regularly.Regularly(seconds, work)
    begin = clock.now
    while len(starts) < 20:
        clock.now += step
        regular("the state")
    rest = max(seconds, 49 * cost)
    assert begin + seconds <= starts[0] < begin + seconds + 2 * step
    gaps = [later - earlier - cost for earlier, later in itertools.pairwise(starts)]
    assert all(rest - 1e-9 <= gap < rest + 2 * step for gap in gaps)
    assert cost * (len(starts) - 1) <= 0.02 * (starts[-1] - starts[0]) + 1e-9


def test_a_short_run_has_a_checkpoint_at_its_beginning_and_at_its_end(
    call_main: CallMain, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    written: list[int] = []
    write = Checkpoint.write
    monkeypatch.setattr(
        Checkpoint, "write", lambda checkpoint, folder: (written.append(checkpoint.epoch), write(checkpoint, folder))
    )
    args = [word for word in words() if not word.startswith("trainer.checkpoint_every")]
    call_main(*args, "hydra.run.dir=run")
    assert written == [0, 4]
    assert hydra_file(tmp_path / "run", "config.yaml")["trainer"]["checkpoint_every"] == 30
    monkeypatch.setattr(regularly, "REST", 0)
    call_main(*args, "trainer.checkpoint_every=0", "hydra.run.dir=often")
    assert written[2:] == [0, 1, 2, 3, 4]
    epoch_0 = replace(Checkpoint.read(RunFolder(tmp_path / "often")), history=[], state=None)
    epoch_0.write(RunFolder(tmp_path / "often"))
    kill(tmp_path / "often")
    assert call_main("resume=often").returncode == 0
    assert timeless(tmp_path / "often")[0] == timeless(tmp_path / "run")[0]


# ---- what a review found


def test_a_split_that_has_changed(call_main: CallMain, tmp_path: Path) -> None:
    for part, rows in (("train", range(60)), ("val", range(60, 80)), ("test", range(80, 100))):
        (tmp_path / f"{part}.txt").write_text("\n".join(map(str, rows)), encoding="utf-8")
    files = [f"split.{part}={part}.txt" for part in ("train", "val", "test")]
    done = call_main(*words("split=files", *files), "hydra.run.dir=run")
    assert (done.returncode, done.stderr) == (0, "")
    (tmp_path / "train.txt").write_text("\n".join(map(str, [*range(59), 99])), encoding="utf-8")
    (tmp_path / "test.txt").write_text("\n".join(map(str, [*range(80, 99), 59])), encoding="utf-8")
    before = content(tmp_path / "run")
    done = call_main("resume=run", "trainer.epochs=6")
    changed = "the split has changed since the run began; train another run with it"
    assert (done.returncode, done.stderr) == (1, f"{tmp_path}/run/checkpoint.pt: {changed}\n")
    assert content(tmp_path / "run") == before


def test_as_many_epochs_as_the_data_ask_for(make: Make, call_main: CallMain) -> None:
    """`trainer.epochs=auto` is a number once the data is known: for an extension, and against a shorter one."""
    run = make("trainer.epochs=auto", "trainer.steps=1")
    assert len(went_on(run)) == 0
    done = call_main("resume=run", "trainer.epochs=29")
    assert done.stderr == mistakes("trainer.epochs: the run has trained 30 epochs; expected as many or more, got 29")
    assert call_main("resume=run", "trainer.epochs=31").returncode == 0
    done = call_main("resume=run", "trainer.epochs=auto")
    assert done.stderr == mistakes("trainer.epochs: the run has trained 31 epochs; expected as many or more, got 30")


def test_a_metric_that_is_no_number_is_never_the_best(call_main: CallMain, tmp_path: Path) -> None:
    """The inverse of a logarithm leaves the finite numbers before the loss does; the replay sees it as training did."""
    wild = ("data=diabetes", "preprocess.log_target=true", "optimizer=sgd", "optimizer.lr=1000", "trainer.epochs=6")
    args = (*words(*wild), "trainer.clip_grad_norm=1", "early_stopping=patience", "early_stopping.monitor=val_metric")
    done = call_main(*args, "early_stopping.patience=50", "hydra.run.dir=run")
    assert (done.returncode, done.stderr) == (0, "")
    with (tmp_path / "run/history.csv").open(encoding="utf-8", newline="") as file:
        values = [float(row["val_rmse"]) for row in csv.DictReader(file)]
    finite = [value for value in values if math.isfinite(value)]
    assert len(finite) < len(values) == 6
    before = timeless(tmp_path / "run")
    assert before[2]["best_value"] == (min(finite) if finite else None)
    for name in ("result.json", "model.pt"):
        (tmp_path / "run" / name).unlink(missing_ok=True)
    assert call_main("resume=run").returncode == 0
    assert timeless(tmp_path / "run") == before


def test_an_interrupt_between_the_loop_and_the_history_loses_no_epoch(
    call_main: CallMain, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    add = Run.add

    def interrupted(run: Run, record: EpochRecord) -> None:
        if record.epoch == 3 and run.member.latest is record:
            monkeypatch.setattr(Run, "add", add)
            raise KeyboardInterrupt
        add(run, record)

    monkeypatch.setattr(Run, "add", interrupted)
    assert call_main(*words(), "hydra.run.dir=run").returncode == 130
    result = json.loads((tmp_path / "run/result.json").read_text(encoding="utf-8"))
    assert (result["status"], result["epochs"], result["best_epoch"]) == ("interrupted", 3, 3)


def test_a_run_that_is_training_is_not_trained_twice(make: Make, call_main: CallMain) -> None:
    run = make(stopped=2)
    before = content(run)
    with RunFolder(run).locked():
        done = call_main("resume=run")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"{run}: another process is training this run; wait for it, or end it\n"
    assert content(run) == before
    assert call_main("resume=run").returncode == 0

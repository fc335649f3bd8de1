"""Runs that were interrupted, killed or finished go on: `python -m mlp_exp.run resume=RUN`, bit for bit."""

import csv
import json
import math
import random
import re
import shutil
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.commands import Command, ended, mistakes
from support.folders import result_of, went_on
from support.resuming import (
    ALLOW,
    DIVERGES,
    PLATEAU,
    QUIET,
    REASON,
    SMALL,
    STOPS,
    TABLE,
    ZIP,
    Make,
    content,
    hydra_file,
    kill,
    leaves,
    timeless,
    wait_for_checkpoints,
    words,
)

from mlp_exp.experiment.course import Course
from mlp_exp.storage.run_folder import RunFolder
from mlp_exp.training.records import EpochRecord

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("parts")]
CASES = {
    "schedules": [
        *SMALL,
        "model.hidden_sizes=[9,5]",
        "model.dropout=0.3",
        "model.dropout_schedule=flat_cosine",
        "optimizer=adamw",
        "optimizer.decay_schedule=flat_cosine",
        "optimizer.rates={scale: 6, bias: 0.1}",
        "optimizer.ntk=true",
        "scheduler=log_cosine",
    ],
    "norm, plateau": [
        *SMALL,
        "model.norm=batch",
        "optimizer=sgd",
        "optimizer.momentum=0.9",
        "trainer.clip_grad_norm=0.5",
        "scheduler=reduce_on_plateau",
        "scheduler.patience=1",
        "early_stopping=patience",
        "optimizer.lr=0.02",
    ],
    "mean": [*SMALL, "trainer.average=0.8", "optimizer=nadam", "scheduler=warmup_cosine", "early_stopping.mode=max"],
    "table": [
        "data=table",
        "experiment=table_quick",
        "data.path=table.csv",
        "data.target=answer",
        "preprocess.one_hot_max=5",
        "baselines=none",
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
KILLS = 3


def finish_with_kills(
    command: Command, arguments: Sequence[str], again: Sequence[str], watched: Path, seed: str
) -> None:
    """Starts a command, kills it again and again, each time at a random moment of its training, and ends it."""
    draw = random.Random(seed)
    process = command.start("run", *arguments)
    for _ in range(KILLS):
        wait_for_checkpoints(draw.randint(1, 5), watched, process)
        time.sleep(draw.uniform(0, 0.01))
        process.send_signal(signal.SIGKILL)
        assert ended(process).returncode in (-signal.SIGKILL, 0)
        process = command.start("run", *again)
    assert ended(process).returncode == 0


@pytest.mark.usefixtures("every_epoch")
@pytest.mark.parametrize("case", CASES)
def test_killed_at_random_moments_a_run_ends_as_if_it_had_not_been(command: Command, tmp_path: Path, case: str) -> None:
    whole = command("run", *CASES[case], "hydra.run.dir=whole")
    assert (whole.returncode, whole.stderr) == (0, "")
    allowed = ["--allow", "own_net"] if case == "own" else []
    folder = tmp_path / "run"
    finish_with_kills(command, [*CASES[case], "hydra.run.dir=run"], [*allowed, "resume=run"], folder, case)
    assert timeless(folder) == timeless(tmp_path / "whole")
    left = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    assert left == {"checkpoint.pt", "history.csv", "model.pt", "result.json", "run.log"}
    went_on = [
        line for line in (folder / "run.log").read_text(encoding="utf-8").splitlines() if "goes on after" in line
    ]
    assert len({line.partition("epoch ")[2] for line in went_on}) >= 2


@pytest.mark.usefixtures("every_epoch")
def test_killed_at_random_moments_a_sweep_ends_as_if_it_had_not_been(command: Command, tmp_path: Path) -> None:
    args = ["-m", *SMALL, "model.dropout=0,0.2", "model.hidden_sizes=[9],[7,5]", "early_stopping=patience"]
    whole = command("run", *args, "hydra.sweep.dir=whole")
    assert (whole.returncode, whole.stderr) == (0, "")
    finish_with_kills(command, [*args, "hydra.sweep.dir=sweep"], ["resume=sweep"], tmp_path / "sweep" / "3", "sweep")
    for job in range(4):
        assert timeless(tmp_path / "sweep" / str(job)) == timeless(tmp_path / "whole" / str(job))


# ---- a run is extended


EXTENDED = [
    ("optimizer=nadam", "model.dropout=0.3", "scheduler=step", "scheduler.step_size=1"),
    ("optimizer=sgd", "optimizer.momentum=0.9", "model.norm=batch", "split.val=0", "split.train=0.8", *PLATEAU),
    ("optimizer=rmsprop", "trainer.average=0.5", "early_stopping=patience", "early_stopping.mode=max"),
    TABLE,
    (*TABLE, "model.number_embedding=periodic", "model.scale_inputs=true"),
    (*TABLE, "model.number_embedding=piecewise_linear", "init=data_driven"),
    ("model._target_=own_net.Net",),
]
"""Schedules that do not depend on how many epochs there are."""


@pytest.mark.parametrize("args", EXTENDED, ids=" ".join)
def test_an_extended_run_is_that_of_as_many_epochs(make: Make, command: Command, args: tuple[str, ...]) -> None:
    run, whole = make(*args, "trainer.epochs=2"), make(*args, name="whole")
    done = command("run", "resume=run", "trainer.epochs=4", *ALLOW)
    assert (done.returncode, done.stderr) == (0, "")
    assert timeless(run) == timeless(whole)
    assert went_on(run) == [2]
    assert hydra_file(run, "config.yaml") == hydra_file(whole, "config.yaml")
    assert hydra_file(run, "overrides.yaml") == [*words(*args, "trainer.epochs=2"), "trainer.epochs=4"]


def test_a_run_is_extended_again_and_again(make: Make, command: Command) -> None:
    """Once before it has come to its end."""
    run, whole = make(stopped=1), make("trainer.epochs=7", name="whole")
    for epochs in (5, 7):
        assert command("run", "resume=run", f"trainer.epochs={epochs}").returncode == 0
    assert timeless(run) == timeless(whole)
    assert went_on(run) == [1, 5]
    assert hydra_file(run, "overrides.yaml") == [*words(), "trainer.epochs=5", "trainer.epochs=7"]


@pytest.mark.parametrize("schedule", ["cosine", "one_cycle", "warmup_cosine", "log_cosine"])
def test_a_run_is_not_extended_when_its_schedule_would_have_been_another(
    make: Make, command: Command, schedule: str
) -> None:
    run = make(f"scheduler={schedule}")
    before = content(run)
    done = command("run", "resume=run", "trainer.epochs=6")
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
    make: Make, command: Command, args: tuple[str, ...], more: list[str], line: str
) -> None:
    run = make(*args)
    before = content(run)
    done = command("run", "resume=run", *more)
    epochs = len(timeless(run)[0]) - 1
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{line.format(epochs)}\n", "")
    assert content(run) == before


@pytest.mark.parametrize("more", [[], ["trainer.epochs=9"]], ids=" ".join)
def test_a_diverged_run_says_why_it_ended(make: Make, command: Command, more: list[str]) -> None:
    run = make(*DIVERGES)
    before = content(run)
    reason = json.loads(before["result.json"])["reason"]
    done = command("run", "resume=run", *more)
    assert (done.returncode, done.stderr) == (1, f"{reason}\n")
    assert reason.startswith("The run diverged in epoch 1: its loss was not a finite number.")
    assert content(run) == before


@pytest.mark.parametrize("args", [(), STOPS, DIVERGES, TABLE], ids=" ".join)
def test_a_run_that_was_killed_before_its_result_was_there(make: Make, command: Command, args: tuple[str, ...]) -> None:
    run, whole = make(*args), make(*args, name="whole")
    kill(run)
    done = command("run", "resume=run")
    assert done.returncode == (args == DIVERGES)
    contents = [content(folder) for folder in (run, whole)]
    checkpoints = [leaves(RunFolder(folder).read_checkpoint()) for folder in (run, whole)]
    for files in contents:
        del files["checkpoint.pt"]  # where two texts are one object may differ
    assert contents[0] == contents[1]  # with the seconds: nothing was trained
    assert repr(checkpoints[0]) == repr(checkpoints[1])  # NaN is in those of a run that diverged


# ---- members of a sweep


@pytest.fixture
def whole_sweep(command: Command, shelf: Path, tmp_path: Path) -> Path:
    """A sweep of five that nothing has stopped, made once."""
    if not (shelf / "sweep").exists():
        assert command("run", "-m", *words(*MEMBERS), "seed=range(5)", "hydra.sweep.dir=made").returncode == 0
        shutil.move(tmp_path / "made", shelf / "sweep")
    return shelf / "sweep"


MEMBERS = ("optimizer=nadam", "model.dropout=0.2", "early_stopping=patience")


@pytest.mark.parametrize("launcher", ["stacked", "basic"])
def test_members_of_a_sweep_go_on_from_where_each_was(
    make: Make, command: Command, whole_sweep: Path, tmp_path: Path, launcher: str
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
    done = command("run", *args, "resume=true")
    assert (done.returncode, done.stderr) == (0, "")
    for job in range(5):
        assert timeless(sweep / f"{job}") == timeless(whole_sweep / f"{job}")
    assert [went_on(sweep / f"{job}") for job in range(5)] == [[], [1], [3], [4], []]
    assert (sweep / "4" / "history.csv").stat().st_mtime_ns == untouched
    if launcher == "stacked":
        assert done.stdout.splitlines()[0] == "4 runs in 4 stacks: the epoch of the checkpoint differs"
    boards = [(folder / "leaderboard.csv").read_text(encoding="utf-8") for folder in (whole_sweep, sweep)]
    ranks = [[line.split(",")[:4] for line in board.splitlines()] for board in boards]
    assert ranks[0] == ranks[1]


def test_a_member_of_a_sweep_goes_on_alone(make: Make, command: Command, whole_sweep: Path, tmp_path: Path) -> None:
    sweep = shutil.copytree(whole_sweep, tmp_path / "sweep")
    shutil.copy(make(*MEMBERS, "seed=2", stopped=3) / "checkpoint.pt", sweep / "2")
    kill(sweep / "2")
    done = command("run", "resume=sweep/2")
    assert done.returncode == 0
    assert timeless(sweep / "2") == timeless(whole_sweep / "2")
    update = f"Update the leaderboard and the page of its sweep with: python -m mlp_exp.report {sweep}"
    assert done.stdout.splitlines()[-1] == update
    again = command("run", "resume=sweep/2")
    assert (again.returncode, update in again.stdout) == (0, False)  # nothing has changed


def test_members_that_were_equally_far_go_on_together(
    make: Make, command: Command, whole_sweep: Path, tmp_path: Path
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
    done = command("run", "-m", *words(*MEMBERS), "seed=range(5)", "hydra.sweep.dir=sweep", "resume=true")
    assert done.returncode == 1
    assert done.stdout.splitlines()[0] == "2 runs in 1 stack"
    assert f"{sweep}/0/checkpoint.pt: {ZIP}\n" in done.stderr
    assert f"  seed: the run has 2, and now it is 3{REASON}\n" in done.stderr
    assert content(sweep / "0") == damaged
    for job in (1, 2):
        assert timeless(sweep / f"{job}")[:2] == timeless(whole_sweep / f"{job}")[:2]
        assert went_on(sweep / f"{job}")[-1] == 3


# ---- what a review found


def test_a_split_that_has_changed(command: Command, tmp_path: Path) -> None:
    for part, rows in (("train", range(60)), ("val", range(60, 80)), ("test", range(80, 100))):
        (tmp_path / f"{part}.txt").write_text("\n".join(map(str, rows)), encoding="utf-8")
    files = [f"split.{part}={part}.txt" for part in ("train", "val", "test")]
    done = command("run", *words("split=files", *files), "hydra.run.dir=run")
    assert (done.returncode, done.stderr) == (0, "")
    (tmp_path / "train.txt").write_text("\n".join(map(str, [*range(59), 99])), encoding="utf-8")
    (tmp_path / "test.txt").write_text("\n".join(map(str, [*range(80, 99), 59])), encoding="utf-8")
    before = content(tmp_path / "run")
    done = command("run", "resume=run", "trainer.epochs=6")
    changed = "the split has changed since the run began; train another run with it"
    assert (done.returncode, done.stderr) == (1, f"{tmp_path}/run/checkpoint.pt: {changed}\n")
    assert content(tmp_path / "run") == before


def test_as_many_epochs_as_the_data_ask_for(make: Make, command: Command) -> None:
    """`trainer.epochs=auto` is a number once the data is known: for an extension, and against a shorter one."""
    run = make("trainer.epochs=auto", "trainer.steps=1")
    assert len(went_on(run)) == 0
    done = command("run", "resume=run", "trainer.epochs=29")
    assert (
        done.stderr
        == mistakes("trainer.epochs: the run has trained 30 epochs; expected as many or more, got 29") + "\n"
    )
    assert command("run", "resume=run", "trainer.epochs=31").returncode == 0
    done = command("run", "resume=run", "trainer.epochs=auto")
    assert (
        done.stderr
        == mistakes("trainer.epochs: the run has trained 31 epochs; expected as many or more, got 30") + "\n"
    )


def test_a_metric_that_is_no_number_is_never_the_best(command: Command, tmp_path: Path) -> None:
    """The inverse of a logarithm leaves the finite numbers before the loss does; the replay sees it as training did."""
    wild = ("data=diabetes", "preprocess.log_target=true", "optimizer=sgd", "optimizer.lr=1000", "trainer.epochs=6")
    args = (*words(*wild), "trainer.clip_grad_norm=1", "early_stopping=patience", "early_stopping.monitor=val_metric")
    done = command("run", *args, "early_stopping.patience=50", "hydra.run.dir=run")
    assert (done.returncode, done.stderr) == (0, "")
    with (tmp_path / "run/history.csv").open(encoding="utf-8", newline="") as file:
        values = [float(row["val_rmse"]) for row in csv.DictReader(file)]
    finite = [value for value in values if math.isfinite(value)]
    assert len(finite) < len(values) == 6
    before = timeless(tmp_path / "run")
    assert before[2]["best_value"] == (min(finite) if finite else None)
    for name in ("result.json", "model.pt"):
        (tmp_path / "run" / name).unlink(missing_ok=True)
    assert command("run", "resume=run").returncode == 0
    assert timeless(tmp_path / "run") == before


def test_an_interrupt_between_the_loop_and_the_history_loses_no_epoch(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    add = Course.add

    def interrupted(course: Course, record: EpochRecord) -> None:
        if record.epoch == 3 and course.trainee.latest is record:
            monkeypatch.setattr(Course, "add", add)
            raise KeyboardInterrupt
        add(course, record)

    monkeypatch.setattr(Course, "add", interrupted)
    assert command("run", *words(), "hydra.run.dir=run").returncode == 130
    result = result_of(tmp_path / "run")
    assert (result["status"], result["epochs"], result["best_epoch"]) == ("interrupted", 3, 3)

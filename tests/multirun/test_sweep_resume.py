"""Sweeps that were stopped go on."""

import csv
import json
import os
import shlex
import shutil
import signal
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from support.commands import Command, Started, mistakes
from support.folders import files_in, history_of, result_of, went_on
from support.sweeps import (
    CIRCLE,
    QUIET,
    RATES,
    Sweep,
    assert_failures,
    assert_same_jobs,
    diverged,
    job,
    jobs_in,
    scores_in,
    state_of,
    trained,
    wait_for,
)

from mlp_exp.experiment.checkpoint import Checkpoint, Saved
from mlp_exp.processes.forks import cores
from mlp_exp.storage.run_folder import RunFolder

pytestmark = pytest.mark.slow

# ---- resume


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
    replace(Checkpoint.read(begun), networks=[Saved([], None)]).write(begun)
    before = state_of(folder / "4")

    (tmp_path / "broken").unlink()
    done, _ = sweep("sweep", *args, "resume=true")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == "7 runs in 2 stacks: the epoch of the checkpoint differs"
    assert state_of(folder / "4") == before
    assert [went_on(folder / number) for number in "4567"] == [[], [], [0], [3]]
    assert_same_jobs(folder, whole)
    assert scores_in(folder) == scores_in(whole)

    finished = {path.name: state_of(path) for path in jobs_in(folder)}
    done, _ = sweep("sweep", *args, "resume=true")
    assert (done.returncode, done.stderr) == (0, "")
    assert "runs in" not in done.stdout
    assert {path.name: state_of(path) for path in jobs_in(folder)} == finished
    assert scores_in(folder) == scores_in(whole)


def test_resume_does_not_train_a_diverged_run_again(sweep: Sweep) -> None:
    args = (*CIRCLE, "optimizer.lr=1e30,1e-2,1e31")
    first, folder = sweep("sweep", *args)
    before = {path.name: state_of(path) for path in jobs_in(folder)}
    again, _ = sweep("sweep", *args, "resume=true")
    assert "runs in" not in again.stdout
    assert (again.returncode, {path.name: state_of(path) for path in jobs_in(folder)}) == (1, before)
    one = job(0, *CIRCLE, "optimizer.lr=1e+30")
    said = [f"{one}: {diverged(1)}", "2 jobs failed:", f"{one} and 1 more: {diverged(1)}"]
    assert again.stderr.splitlines() == said
    assert first.stderr.splitlines() == said


def test_resume_says_of_a_single_diverged_run_why_the_status_is_1(sweep: Sweep) -> None:
    args = (*CIRCLE, "optimizer.lr=1e30,1e-2")
    sweep("sweep", *args)
    done, _ = sweep("sweep", *args, "resume=true")
    assert done.returncode == 1
    assert done.stderr == f"{job(0, *CIRCLE, 'optimizer.lr=1e+30')}: {diverged(1)}\n"


@pytest.mark.parametrize("launcher", ["stacked", "basic"])
def test_a_job_that_was_extended_by_hand_stays_as_it_is(sweep: Sweep, command: Command, launcher: str) -> None:
    def state() -> dict[str, dict[str, tuple[bytes, int]]]:
        """Of each job; Hydra's own launcher writes its files before a job is asked whether it is over."""
        written = ("run.log", ".hydra") if launcher == "basic" else ()
        return {
            path.name: {name: file for name, file in state_of(path).items() if not name.startswith(written)}
            for path in jobs_in(folder)
        }

    args = (*CIRCLE, f"hydra/launcher={launcher}", "seed=0,1")
    _, folder = sweep("sweep", *args)
    done = command("run", f"resume={folder}/0", "trainer.epochs=5")
    assert (done.returncode, len(history_of(folder / "0"))) == (0, 1 + 5)
    before = state()
    done, _ = sweep("sweep", *args, "resume=true")
    assert (done.returncode, done.stderr) == (0, "")
    assert state() == before
    assert sorted(row["job"] for row in scores_in(folder)) == ["0", "1"]


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
    reason = mistakes(
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
    "resume: expected the folder of a run or of a sweep, or true with -m and hydra.sweep.dir=… of an earlier sweep, "
    "got '{}'"
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
def test_resume_needs_a_sweep(command: Command, tmp_path: Path, args: list[str], line: str) -> None:
    done = command("run", *CIRCLE, "seed=0", *args)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{mistakes(line)}\n")
    assert list(tmp_path.iterdir()) == []


def test_a_sweeps_folder_is_for_this_sweep_alone(sweep: Sweep, command: Command, tmp_path: Path) -> None:
    args = (*CIRCLE, "seed=0,1")
    done, folder = sweep("sweep", *args, "resume=false")  # as any other one
    assert (done.returncode, done.stderr, len(jobs_in(folder))) == (0, "", 2)
    before = state_of(folder)
    typed = " ".join(CIRCLE)
    for more, message in (
        (
            ["seed=0,1"],
            f"holds a sweep already. Go on with it: python -m mlp_exp.run resume={folder}; or give this sweep a folder "
            f"of its own: hydra.sweep.dir={folder}-2",
        ),
        (
            ["seed=0,2", "resume=true"],
            f"resume=true goes on with the same sweep.\n  It was: {typed} seed=0,1\n  Now:    {typed} seed=0,2",
        ),
    ):
        done = command("run", "-m", *CIRCLE, *more, "hydra.sweep.dir=sweep")
        assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{folder}: {message}\n")
        assert state_of(folder) == before
    done = command("run", "-m", *args, "hydra.sweep.dir=none", "resume=true")
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


def start_slowly(command: Command, folder: Path) -> Started:
    """A sweep of six runs that takes its time, once the first of them have trained an epoch."""
    (folder.parent / "slow").touch()
    started = command.start("run", "-m", *SLOW, SIZES, "seed=0,1", f"hydra.sweep.dir={folder.name}")

    def begun() -> bool:
        logs = [path.read_text(encoding="utf-8") for path in folder.glob("*/run.log")]
        return sum("epoch 1/30: " in log for log in logs) == AT_ONCE

    wait_for(begun, started)
    return started


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_sweep_goes_on_with_the_line_that_it_prints(
    command: Command, sweep: Sweep, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    _, whole = sweep("whole", *SLOW, SIZES, "seed=0,1")
    folder = tmp_path / "sweep"
    process = start_slowly(command, folder)
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
    assert [row["status"] for row in scores_in(folder)] == ["interrupted"] * AT_ONCE
    assert [name for name in files_in(folder) if name.endswith(".tmp")] == []

    (tmp_path / "slow").unlink()
    words = shlex.split(stderr.splitlines()[1].removeprefix("Go on with: "))
    assert words[:3] == ["python", "-m", "mlp_exp.run"]
    done = command("run", *words[3:])
    assert (done.returncode, done.stderr) == (0, "")
    assert_same_jobs(folder, whole)
    assert scores_in(folder) == scores_in(whole)


# early stopping takes the epoch before the weights are remembered and the record is out; here the user's scheduler
# interrupts in between
@pytest.mark.usefixtures("own")
def test_an_interrupt_between_judging_and_remembering(command: Command, tmp_path: Path) -> None:
    args = (*CIRCLE, RATES, "+scheduler.does=interrupts", "optimizer.lr=1e-2", "hydra.run.dir=run")
    assert command("run", *args).returncode == 130
    result, history = result_of(tmp_path / "run"), history_of(tmp_path / "run")
    assert (result["epochs"], len(history) - 1) == (1, 1)
    assert (result["best_epoch"], repr(result["best_value"])) == (1, history[1][history[0].index("val_loss")])


@pytest.mark.usefixtures("own")
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
def test_after_a_kill_no_process_stays_and_resume_finishes(command: Command, sweep: Sweep, tmp_path: Path) -> None:
    _, whole = sweep("whole", *SLOW, SIZES, "seed=0,1")
    folder = tmp_path / "sweep"
    process = start_slowly(command, folder)
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
    done, _ = sweep("sweep", *SLOW, SIZES, "seed=0,1", "resume=true")
    assert (done.returncode, done.stderr) == (0, "")
    assert_same_jobs(folder, whole)
    assert scores_in(folder) == scores_in(whole)

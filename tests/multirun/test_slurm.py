"""Sweeps as jobs of Slurm: through submitit's local and debug executors, and a stand-in for Slurm's own commands."""

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from support.commands import Command, mistakes, refusal
from support.folders import files_in, result_of, went_on
from support.slurm import stand_in
from support.sweeps import CIRCLE, QUIET, Sweep, jobs_in, scores_in, trained, wait_for

from mlp_exp.config.slurm_settings import SlurmSettings
from mlp_exp.errors import ConfigError
from mlp_exp.multirun.executors import slurm
from mlp_exp.multirun.executors.slurm_queue import processes_of, queued

SLURM = "hydra/launcher=slurm"
LOCAL = (SLURM, "hydra.launcher.executor=local")
DEBUG = (SLURM, "hydra.launcher.executor=debug")
SLOW = (
    *QUIET,
    "data.n_samples=100",
    "loss._target_=own_parts.SlowLoss",
    "trainer.epochs=20",
    "seed=0,1",
    "trainer.checkpoint_every=0.1",
)


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks at the queue often."""
    for name in ("QUEUE_SECONDS", "QUEUE_SECONDS_STOPPING"):
        monkeypatch.setattr(slurm, name, 0.1)


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a stand-in's jobs, all of which have ended after the test."""
    folder = tmp_path / "cluster"
    monkeypatch.setenv("PATH", f"{stand_in(folder)}{os.pathsep}{os.environ['PATH']}")
    yield folder
    assert queued() == set()


@pytest.fixture
def whole(sweep: Sweep, shelf: Path) -> Path:
    """The runs of `SLOW`, undisturbed."""
    kept = shelf / "slow"
    if not kept.exists():
        shutil.move(sweep("whole", *SLOW)[1], kept)
    return kept


def assert_equal(one: Path, other: Path) -> None:
    """The same runs in the same files."""
    assert [path.name for path in jobs_in(one)] == [path.name for path in jobs_in(other)]
    for path in jobs_in(one):
        assert trained(path) == trained(other / path.name)
        assert files_in(path) == files_in(other / path.name)
    assert scores_in(one) == scores_in(other)


def tasks_in(folder: Path) -> dict[str, int]:
    """The processes of the local executor that train, by the number of their job."""
    found: dict[str, int] = {}
    for pid in sorted(processes_of(folder / ".slurm")):
        with suppress(OSError):  # it has just ended
            if b"submitit.core._submit" in Path(f"/proc/{pid}/cmdline").read_bytes():
                words = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
                (job,) = (word.partition(b"=")[2] for word in words if word.startswith(b"SUBMITIT_LOCAL_JOB_ID="))
                found.setdefault(job.decode(), pid)  # later ones are its forks
    return found


# ---- settings


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("executor", "pbs", "slurm, local or debug"),
        ("cpus_per_task", 0, "a whole number, 1 or more"),
        ("gpus_per_node", -1, "a whole number, 0 or more, or null"),
        ("timeout_min", 1.5, "whole minutes, 1 or more"),
        ("mem_gb", "8G", "GB of memory, above 0, or null"),
        ("setup", "module load python", "a list of shell commands, or null"),
        ("max_stack", 0, "a whole number, 1 or more, or null"),
        ("signal_delay_s", 3600, "less than the 3600 seconds of hydra.launcher.timeout_min"),
    ],
)
def test_settings_are_checked(key: str, value: object, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        SlurmSettings.read({key: value})
    assert caught.value.problems == [f"hydra.launcher.{key}: expected {expected}, got {value!r}"]


def test_what_is_not_set_is_left_to_sbatch() -> None:
    found = SlurmSettings.read({"partition": "cpu", "cpus_per_task": 8, "additional_parameters": {"exclude": "node7"}})
    given = {key: value for key, value in found.for_submitit().items() if value is not None}
    assert given == {
        "name": "mlp_exp",
        "cpus_per_task": 8,
        "timeout_min": 60,
        "slurm_partition": "cpu",
        "slurm_signal_delay_s": 90,
        "slurm_array_parallelism": 256,
        "slurm_additional_parameters": {"no-requeue": True, "exclude": "node7"},
        "slurm_srun_args": ["--cpus-per-task=8"],
    }


@pytest.mark.slow
def test_a_wrong_key_ends_the_command(command: Command, tmp_path: Path) -> None:
    done = command("run", "-m", SLURM, "+hydra.launcher.cores=2", "hydra.launcher.qos=3", *CIRCLE, "seed=0,1")
    assert refusal(done) == mistakes(
        "hydra.launcher.qos: expected a name, or null, got 3", "hydra.launcher.cores: there is no such key"
    )


@pytest.mark.slow
def test_without_slurm(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    done = command("run", "-m", SLURM, *CIRCLE, "seed=0,1")
    assert refusal(done) == (
        "hydra/launcher=slurm: there is no sbatch on this machine. Start the command where jobs are sent from, "
        "or try it with hydra.launcher.executor=local"
    )


# ---- submitit's own executors


@pytest.mark.slow
@pytest.mark.usefixtures("own")
def test_in_the_commands_own_process(sweep: Sweep) -> None:
    """With submitit's debug executor; a failed run takes no other with it."""
    args = (*CIRCLE, "scheduler._target_=own_parts.Rates", "+scheduler.does=well,raises", "seed=0,1")
    _, whole = sweep("whole", *args)
    done, folder = sweep("sweep", *DEBUG, *args)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("RuntimeError: boom")
    assert done.stdout.splitlines()[0] == "4 runs in 1 stack"
    assert "submitit" not in done.stdout + done.stderr
    assert [result_of(path)["status"] for path in jobs_in(folder)] == ["finished", "finished", "failed", "failed"]
    assert_equal(folder, whole)
    assert not (folder / ".slurm").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("own")
def test_ctrl_c_in_the_commands_own_process(command: Command, tmp_path: Path) -> None:
    """The runs in training are saved, and the command ends."""
    (tmp_path / "slow").touch()
    folder = tmp_path / "sweep"
    words = ("hydra.launcher.max_stack=1", *SLOW, "hydra.sweep.dir=sweep")
    started = command.start("run", "-m", *DEBUG, *words)
    wait_for((folder / "0" / "checkpoint.pt").exists, started)
    started.send_signal(signal.SIGINT)
    started.communicate(timeout=60)
    assert started.returncode == 130
    assert [result_of(path)["status"] for path in jobs_in(folder) if (path / "result.json").exists()] == ["interrupted"]
    assert not (folder / ".slurm").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("own", "clocks")
def test_jobs_that_are_gone_are_sent_again(command: Command, whole: Path, tmp_path: Path) -> None:
    """The first is killed; the second is pre-empted, which has saved its runs and is no failure. All go on as they
    would have.
    """
    (tmp_path / "slow").touch()
    folder = tmp_path / "sweep"
    started = command.start("run", "-m", *LOCAL, *SLOW, "hydra.sweep.dir=sweep")
    wait_for(lambda: all((folder / number / "checkpoint.pt").exists() for number in "01"), started)
    ((killed, task),) = tasks_in(folder).items()
    os.kill(task, signal.SIGKILL)
    wait_for(lambda: all(len(went_on(folder / number)) == 1 for number in "01"), started)
    (task,) = (pid for job, pid in tasks_in(folder).items() if job != killed)
    os.kill(task, signal.SIGUSR2)
    (tmp_path / "slow").unlink()
    stdout, stderr = started.communicate()
    assert (started.returncode, stderr) == (0, "")
    lost = f"its job {killed} ended without a word (its log is {folder}/.slurm/{killed}_0_log.err) with 2 runs"
    assert [line for line in stdout.splitlines() if "sent again" in line] == [f"{lost}; they are sent again"]
    assert {path.name for path in (folder / ".slurm").glob(f"{killed}*.err")} == {f"{killed}_0_log.err"}
    shutil.rmtree(folder / ".slurm")
    assert [len(went_on(path)) for path in jobs_in(folder)] == [2, 2]
    assert_equal(folder, whole)


# ---- Slurm's commands


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_sbatch_says_what_is_wrong(sweep: Sweep) -> None:
    done, folder = sweep("sweep", SLURM, "hydra.launcher.partition=nope", *CIRCLE, "seed=0,1")
    assert refusal(done) == (
        "hydra/launcher=slurm: no job was sent: invalid partition specified: nope; "
        "Batch job submission failed: Invalid partition name specified"
    )
    assert not (folder / ".slurm").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("own", "clocks")
@pytest.mark.parametrize("waits", [False, True])
def test_ctrl_c_saves_and_leaves_nothing(
    command: Command, sweep: Sweep, whole: Path, cluster: Path, waits: bool
) -> None:
    """Also where a job still waits in the queue."""
    folder = cluster.parent / "sweep"
    (cluster.parent / "slow").touch()
    if waits:
        (cluster / "full").touch()
    size = f"hydra.launcher.max_stack={1 if waits else 2}"
    started = command.start("run", "-m", SLURM, size, *SLOW, "hydra.sweep.dir=sweep")
    wait_for(lambda: (cluster / "1_1").exists() if waits else (folder / "0" / "checkpoint.pt").exists(), started)
    started.send_signal(signal.SIGINT)
    started.communicate()
    assert started.returncode == 130
    assert queued() == set()
    assert not (folder / ".slurm").exists()
    assert [(path / "result.json").exists() for path in jobs_in(folder)] == [not waits] * 2
    (cluster.parent / "slow").unlink()
    done, _ = sweep("sweep", *SLOW, "resume=true")
    assert (done.returncode, done.stderr) == (0, "")
    assert_equal(folder, whole)


@pytest.mark.slow
@pytest.mark.usefixtures("own", "clocks")
@pytest.mark.parametrize("how", ["slurm", "local"])
def test_jobs_of_a_killed_command_end_when_it_is_resumed(
    command: Command, sweep: Sweep, whole: Path, cluster: Path, how: str
) -> None:
    """Also with another launcher."""
    folder = cluster.parent / "sweep"
    (cluster.parent / "slow").touch()
    launcher = (SLURM, f"hydra.launcher.executor={how}", f"hydra.launcher.max_stack={1 if how == 'slurm' else 2}")
    started = command.start("run", "-m", *launcher, *SLOW, "hydra.sweep.dir=sweep")
    wait_for((folder / "0" / "checkpoint.pt").exists, started)
    started.send_signal(signal.SIGKILL)
    started.communicate()
    assert processes_of(folder / ".slurm")
    assert queued() == ({"1_0", "1_1"} if how == "slurm" else set())
    (cluster.parent / "slow").unlink()
    done, _ = sweep("sweep", *(launcher if how == "slurm" else ()), *SLOW, "resume=true")
    assert (done.returncode, done.stderr) == (0, "")
    assert processes_of(folder / ".slurm") == []
    assert not (folder / ".slurm").exists()
    assert_equal(folder, whole)

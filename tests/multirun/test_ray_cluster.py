"""Sweeps and searches on a Ray cluster of two nodes: its workers see the command's folder, or cannot read it."""

import re
import shlex
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import ray
from support.commands import Command, refusal
from support.folders import files_in, history_of, leaderboard_of, result_of, went_on
from support.ray_nodes import Nodes
from support.sweeps import OWN, QUIET, SLOW, jobs_in, scores_in, trained, wait_for

from mlp_exp.multirun.executors import ray_transfer, ray_worker
from mlp_exp.multirun.executors.events import Done
from mlp_exp.multirun.executors.parcels import Piece, Receiver
from mlp_exp.multirun.executors.ray_transfer import FarWorker
from mlp_exp.multirun.executors.wire import event_to_text
from mlp_exp.storage.provenance import git_state

pytestmark = pytest.mark.slow

HIDES = '''
"""Every worker of the cluster starts with this: what is in the command's folder cannot be read or written there."""

import os
import sys

hidden = os.environ["HIDDEN"]


def look(event, arguments):
    if event == "open" or event.startswith("os."):
        for path in arguments:
            if isinstance(path, (str, bytes, os.PathLike)) and os.fsdecode(path).startswith(hidden):
                raise PermissionError(13, "hidden from workers", os.fsdecode(path))


sys.addaudithook(look)
'''


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    """A Ray cluster; a test that loses a node adds one first."""
    made = Nodes()
    yield made
    made.end()


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table in two files, one of which is named by its absolute path."""
    folder = tmp_path_factory.mktemp("command")
    for name, start in (("one", 0), ("two", 70)):
        rows = [f"{number % 13},{number % 7},{'ab'[number % 5 > 1]}" for number in range(start, start + 70)]
        folder.joinpath(f"{name}.csv").write_text("\n".join(["x,z,y", *rows]) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def far(nodes: Nodes, table: Path, tmp_path: Path) -> tuple[str, ...]:
    """What sends a sweep away; private folders are in `nodes`. Workers have `own_parts`, too."""
    nodes.require(2)
    hook, private = tmp_path / "hook", tmp_path / "nodes"
    for folder in (hook, private):
        folder.mkdir()
    (hook / "sitecustomize.py").write_text(HIDES, encoding="utf-8")
    (hook / "own_parts.py").write_text(OWN, encoding="utf-8")
    variables = f"{{PYTHONPATH: {hook}, HIDDEN: {table}, TMPDIR: {private}, SLOW: {tmp_path}/slow}}"
    launcher = ("hydra/launcher=ray", f"hydra.launcher.address={nodes.address}", "hydra.launcher.transfer=true")
    return ("-m", *launcher, f"hydra.launcher.runtime_env={{env_vars: {variables}}}")


def workers() -> list[psutil.Process]:
    """The actors that train, and their processes."""
    ours = psutil.Process().children(recursive=True)
    actors = [process for process in ours if process.name().startswith("ray::FarWorker")]
    return [each for actor in actors for each in (actor, *actor.children(recursive=True))]


def test_what_is_ended_goes_on(command: Command, table: Path, far: tuple[str, ...], tmp_path: Path) -> None:
    """After Ctrl-C a worker has sent what it had; after the loss of one it is sent again; those of a command that is
    killed end. They leave nothing on their nodes, and the runs end as undisturbed ones.
    """
    folder, nodes = table / "far", tmp_path / "nodes"
    words = (*SLOW, "trainer.epochs=150", "trainer.log_every=1", "trainer.checkpoint_every=1000", "seed=range(4)")
    sent = ("hydra.launcher.max_stack=2", "hydra.sweep.dir=far")
    (table / "own_parts.py").write_text(OWN, encoding="utf-8")
    (tmp_path / "slow").touch()
    started = command.start("run", *far, *words, *sent, "hydra.launcher.max_stack=4", cwd=table)
    wait_for(lambda: len(logs_with(folder, "epoch 2/150")) == 4, started)
    assert list(folder.glob("*/checkpoint.pt")) == []
    family = workers()
    assert len(family) >= 2
    started.send_signal(signal.SIGINT)
    _, stderr = started.communicate()
    assert (started.returncode, "Traceback" in stderr) == (130, False)
    assert psutil.wait_procs(family, timeout=20)[1] == []
    assert len(list(folder.glob("*/checkpoint.pt"))) == 4
    assert {result_of(path)["status"] for path in jobs_in(folder)} == {"interrupted"}
    wait_for(lambda: not list(nodes.iterdir()), seconds=30)
    (line,) = re.findall(r"^Go on with: python -m mlp_exp\.run (.*)$", stderr, re.MULTILINE)

    started = command.start("run", *shlex.split(line), *sent, cwd=table)
    wait_for(lambda: len(logs_with(folder, "goes on after epoch")) == 4, started)
    workers()[0].kill()
    wait_for(lambda: sorted(len(went_on(path)) for path in jobs_in(folder)) == [1, 1, 2, 2], started)
    family = workers()
    assert len(family) >= 4
    started.send_signal(signal.SIGKILL)
    stdout, _ = started.communicate()
    assert stdout.count("with 2 runs; they are sent again\n") == 1
    assert psutil.wait_procs(family, timeout=20)[1] == []
    wait_for(lambda: not list(nodes.iterdir()), seconds=30)

    assert command("run", "-m", *words, "resume=true", "hydra.sweep.dir=far", cwd=table).returncode == 0
    assert command("run", "-m", *words, "hydra.sweep.dir=near", cwd=table).returncode == 0
    assert [trained(path) for path in jobs_in(folder)] == [trained(path) for path in jobs_in(table / "near")]
    assert scores_in(folder) == scores_in(table / "near")


def logs_with(folder: Path, words: str) -> list[Path]:
    return [log for log in folder.glob("*/run.log") if words in log.read_text(encoding="utf-8")]


def test_a_search_leaves_what_it_leaves_on_one_machine(command: Command, table: Path, far: tuple[str, ...]) -> None:
    """Its runs pause and go on; all files are those of one machine, but for the times."""
    search = ("hydra/sweeper=optuna", "hydra.sweeper.n_trials=6", "hydra.sweeper.batch=6", "trainer.epochs=9")
    data = ("data=table", "experiment=table_quick", f"data.path=[one.csv,{table}/two.csv]", "data.target=y")
    words = (*search, *data, *QUIET, "optimizer.lr=interval(1e-4,1e-1)", "model.hidden_sizes=[4],[8]")
    git_state.cache_clear()  # this process has one of another working directory
    done = command("run", *far, *words, "hydra.sweep.dir=search-far", fork=True, cwd=table)
    here = command("run", "-m", *words, "hydra.sweep.dir=search-near", cwd=table)
    git_state.cache_clear()
    assert (done.returncode, done.stderr, here.returncode) == (0, "", 0)
    found, expected = table / "search-far", table / "search-near"
    assert {row["status"] for row in leaderboard_of(found)} == {"finished", "pruned", "baseline"}
    assert scores_in(found) == scores_in(expected)
    for one, other in zip(jobs_in(found), jobs_in(expected), strict=True):
        assert files_in(one) == files_in(other)
        assert history_of(one) == history_of(other)
        assert {**result_of(one), "seconds": 0.0} == {**result_of(other), "seconds": 0.0}
        for file in {"model.pt", ".hydra/config.yaml", ".hydra/overrides.yaml"} & files_in(one):
            assert (one / file).read_bytes() == (other / file).read_bytes()
        assert "nodes" not in (one / "run.log").read_text(encoding="utf-8")


class Idle:
    def __init__(self, *_: Any) -> None:
        """Would train."""


def test_folders_are_gone_before_the_next_task_can_come(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The same run may come again: what was removed later would be its new files."""
    monkeypatch.setattr(ray_worker, "Child", Idle)
    monkeypatch.setattr(ray_transfer, "private_folder", lambda: tmp_path)
    monkeypatch.setattr(FarWorker, "events", lambda *_: iter([event_to_text(Done())]))
    monkeypatch.setattr(ray, "get", lambda parcel: parcel)
    sent = [Piece("/run/run.log", b"1", False), Piece("/run/run.log", b"", True)]
    found = FarWorker({}, 1).train_far("", {0: "/run"}, [sent])
    while (part := next(found)) != event_to_text(Done()):
        assert isinstance(part, list)
        assert (tmp_path / "run" / "run.log").read_bytes() == b"1"
    assert list(tmp_path.iterdir()) == []


def test_a_worker_without_room_for_what_is_sent_gives_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Receiver, parcel: list[Piece]) -> None:
        raise OSError(28, "No space left on device", parcel[0].path)

    monkeypatch.setattr(ray_worker, "Child", Idle)
    monkeypatch.setattr(ray, "get", lambda parcel: parcel)
    monkeypatch.setattr(Receiver, "take", full)
    worker = FarWorker({}, 1)
    reason = "the disk of its worker is full: /table.csv: No space left on device"
    found = list(worker.train_far("", {0: "/run"}, [[Piece("/table.csv", b"1", True)]]))
    assert found == [event_to_text(Done(reason, "disk"))]


# ---- workers that see the command's folder


def launcher(nodes: Nodes) -> tuple[str, str]:
    return "hydra/launcher=ray", f"hydra.launcher.address={nodes.address}"


def listening() -> set[str]:
    """The addresses at which this process and all that it started listen."""
    found = set()
    for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
        with suppress(psutil.NoSuchProcess):  # it has just ended
            found |= {at.laddr.ip for at in process.net_connections("tcp") if at.status == psutil.CONN_LISTEN}
    return found


@pytest.mark.usefixtures("own")
def test_what_a_lost_node_trained_goes_on_at_another(command: Command, tmp_path: Path, nodes: Nodes) -> None:
    nodes.require(2)
    (tmp_path / "slow").touch()
    # so many epochs that what the lost worker has started notices before it ends its runs
    words = (*SLOW, "trainer.epochs=2500", "seed=range(4)", "hydra.launcher.max_stack=2")
    started = command.start("run", "-m", *launcher(nodes), *words, "hydra.sweep.dir=far")
    far, near = tmp_path / "far", tmp_path / "near"
    wait_for(lambda: all((far / str(number) / "checkpoint.pt").exists() for number in range(4)), started)
    assert listening() - {"::1"} == {"::ffff:127.0.0.1", "127.0.0.1"}  # a browser of another test has that one, too
    nodes.lose()
    (tmp_path / "slow").unlink()
    stdout, stderr = started.communicate(timeout=120)
    assert stdout.startswith("4 runs in 2 stacks: 2 at most in each, 2 at a time\n")
    assert (started.returncode, stderr, stdout.count("with 2 runs; they are sent again\n")) == (0, "", 1)
    assert sorted(len(went_on(path)) > 0 for path in jobs_in(far)) == [False, False, True, True]

    assert command("run", "-m", *words, "hydra.sweep.dir=near").returncode == 0
    assert [trained(path) for path in jobs_in(far)] == [trained(path) for path in jobs_in(near)]
    assert [row["status"] for row in leaderboard_of(far)] == ["finished"] * 4
    assert scores_in(far) == scores_in(near)


def test_more_than_a_node_has_is_refused(command: Command, tmp_path: Path, nodes: Nodes) -> None:
    for key, message in {
        "gpus=0.5": "hydra.launcher.gpus: expected at most 0 GPUs, as a node has, got 0.5",
        "cpus=2": "hydra.launcher.cpus: expected at most 1 core, as a node has, got 2",
    }.items():
        done = command("run", "-m", *launcher(nodes), *QUIET, f"hydra.launcher.{key}", "seed=0,1", fork=True)
        assert (refusal(done), done.stdout) == (message, "")
    assert not list(tmp_path.rglob("run.log"))

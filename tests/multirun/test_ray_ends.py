"""Commands that end before their sweep on Ray: killed, interrupted, or without the head of the cluster."""

import re
import shlex
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from ray._private import ray_constants
from ray.cluster_utils import Cluster
from support.commands import Command, Started
from support.sweeps import QUIET, jobs_in, scores_in, trained, wait_for

from mlp_exp.errors import LauncherError
from mlp_exp.multirun.executors import ray_head

LOOPBACK = "127.0.0.1"
NODE = {"num_cpus": 2, "node_ip_address": LOOPBACK, "include_dashboard": False}
WORDS = (*QUIET, "trainer.epochs=250", "trainer.checkpoint_every=0", "seed=0,1", "hydra.launcher.max_stack=1")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """It listens on loopback alone."""
    monkeypatch.setattr(ray_constants, "ENABLE_RAY_CLUSTER", False)
    made = Cluster(initialize_head=True, head_node_args=NODE)
    yield made
    made.shutdown()


def training() -> list[psutil.Process]:
    """The processes of this test that train, and Ray's workers."""
    found = []
    for process in psutil.Process().children(recursive=True):
        words = process.cmdline()
        if "mlp_exp.multirun.executors.there" in words or words[:1] == ["ray::RayWorker"]:
            found.append(process)
    return found


def saved(folder: Path) -> list[int]:
    """When each checkpoint was written."""
    return [path.stat().st_mtime_ns for path in folder.glob("*/checkpoint.pt")]


@pytest.mark.slow
def test_what_a_killed_and_an_interrupted_command_leave(command: Command, tmp_path: Path, cluster: Cluster) -> None:
    """The workers of both end, and what another one goes on with ends with the bits of an undisturbed sweep."""
    launcher = ("hydra/launcher=ray", f"hydra.launcher.address={cluster.address}")
    far, near = tmp_path / "far", tmp_path / "near"

    def begin(*more: str) -> Started:
        return command.start("run", "-m", *launcher, *WORDS, "hydra.sweep.dir=far", *more, process=True)

    killed = begin()
    wait_for(lambda: len(saved(far)) == 2, killed)
    workers = training()
    assert len(workers) >= 4
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    _, left = psutil.wait_procs(workers, timeout=20)
    assert left == []

    interrupted = begin("resume=true")
    before = saved(far)
    wait_for(lambda: saved(far) != before, interrupted)
    workers = training()
    interrupted.send_signal(signal.SIGINT)
    _, stderr = interrupted.communicate()
    assert interrupted.returncode == 130
    assert psutil.wait_procs(workers, timeout=20)[1] == []
    (line,) = re.findall(r"^Go on with: python -m mlp_exp\.run (.*)$", stderr, re.MULTILINE)
    words = [word for word in shlex.split(line) if not word.startswith("hydra.launcher.address")]
    words = [word for word in words if word not in launcher]

    done = command("run", *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert command("run", "-m", *WORDS, "hydra.sweep.dir=near").returncode == 0
    assert [trained(path) for path in jobs_in(far)] == [trained(path) for path in jobs_in(near)]
    assert scores_in(far) == scores_in(near)


def test_a_head_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is lost after half a minute; then there is time to save runs before it is said again."""
    now = [1000.0]
    monkeypatch.setattr(ray_head, "time", SimpleNamespace(monotonic=lambda: now[0]))
    with socket.create_server((LOOPBACK, 0)) as server:
        address = f"{LOOPBACK}:{server.getsockname()[1]}"
        head = ray_head.Head(address)
        now[0] += 100
        head.require()
    raised = []
    for _ in range(50):
        now[0] += 1
        try:
            head.require()
        except LauncherError as error:
            raised.append((now[0], str(error)))
    said = (
        f"hydra/launcher=ray: the head of the cluster, {address}, has not answered for 30 seconds "
        "(Connection refused); resume=true goes on from here"
    )
    assert raised == [(1132.0, said), (1142.0, said)]

"""The workers of a command in a Ray cluster, which is a stand-in here: those that cannot begin, and no room for any."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest
from ray.exceptions import RayError

from mlp_exp._version import __version__
from mlp_exp.config.ray_settings import RaySettings
from mlp_exp.errors import LauncherError
from mlp_exp.experiment.session import Session
from mlp_exp.multirun.executors import ray as ray_module
from mlp_exp.multirun.executors import ray_crew
from mlp_exp.multirun.executors.ray import RayExecutor
from mlp_exp.multirun.executors.ray_crew import Crew
from mlp_exp.multirun.executors.ray_head import Head


class Cluster:
    """What a crew sees of Ray.

    Attributes:
        cores: of its only node; 0 without one.
        answers: what the next workers say when they are ready: a version, or an error.
        now: the time.
    """

    def __init__(self) -> None:
        self.cores = 3
        self.answers: list[str | Exception] = []
        self.killed: list[object] = []
        self.now = 500.0

    def remote(self, worker: type) -> Any:
        return SimpleNamespace(options=lambda **needs: SimpleNamespace(remote=self._actor))

    def _actor(self, hidden: dict[str, str], cores: int) -> Any:
        return SimpleNamespace(ready=SimpleNamespace(remote=object))

    def get(self, ready: object) -> str:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def kill(self, actor: object) -> None:
        self.killed.append(actor)

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": {"CPU": self.cores, "GPU": 1}}] if self.cores else []

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    made = Cluster()
    monkeypatch.setattr(ray_crew, "ray", made)
    monkeypatch.setattr(ray_crew, "time", made)
    return made


def begin(crew: Crew, cluster: Cluster, *answers: str | Exception) -> None:
    """Has workers begin, one after another."""
    cluster.answers += answers
    for _ in answers:
        crew.start()
        crew.begun(next(iter(crew.starting)))


def test_a_worker_of_another_version_trains_nothing(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    """It keeps its place, or another one would begin there; the others train."""
    crew = Crew(RaySettings.read({}))
    begin(crew, cluster, "9.9", __version__, "9.9")
    assert (len(crew.free), cluster.killed) == (1, [])
    said = f"a worker has mlp_exp 9.9, and the command {__version__}: install the same version on every node"
    assert caplog.messages == [f"{said}; it trains nothing"]
    crew.end()
    assert len(cluster.killed) == 3


def test_workers_that_all_have_another_version(cluster: Cluster) -> None:
    crew = Crew(RaySettings.read({}))
    begin(crew, cluster, "9.9", "9.9")
    with pytest.raises(LauncherError) as caught:
        begin(crew, cluster, "9.9")
    assert str(caught.value) == (
        f"hydra/launcher=ray: a worker has mlp_exp 9.9, and the command {__version__}: install the same version on "
        "every node"
    )


def test_workers_that_cannot_begin(cluster: Cluster) -> None:
    """Three in a row end the sweep; they need not be the first."""
    crew = Crew(RaySettings.read({}))
    no = RayError("a trace\nModuleNotFoundError: No module named 'mlp_exp'\n")
    begin(crew, cluster, no, no, __version__, no, no)
    with pytest.raises(LauncherError) as caught:
        begin(crew, cluster, no)
    assert str(caught.value) == (
        "hydra/launcher=ray: 3 workers in a row could not begin (ModuleNotFoundError: No module named 'mlp_exp'); is "
        "mlp_exp installed on every node?"
    )
    assert len(cluster.killed) == 5


@pytest.mark.parametrize(
    ("cores", "seconds", "said"),
    [
        (0, 60.0, "the cluster has no node with 2 cores and 0.5 GPU any more"),
        (3, 900.0, "no worker found room within 15 minutes, since others use the cluster"),
    ],
)
def test_no_room(cluster: Cluster, caplog: pytest.LogCaptureFixture, cores: int, seconds: float, said: str) -> None:
    """It waits, says so once after ten seconds, and gives up; what trains meanwhile has it begin to wait anew."""
    settings = RaySettings.read({"cpus": 2, "gpus": 0.5})
    crew = Crew(settings)
    cluster.cores = cores
    caplog.set_level(logging.WARNING)
    crew.wait_for_room()
    cluster.now += seconds
    crew.trains()
    crew.wait_for_room()
    assert caplog.messages == []
    for waited in (10.5, 20.0, seconds):
        cluster.now = 500.0 + seconds + waited
        crew.wait_for_room()
        assert caplog.messages == ["waiting for room in the Ray cluster: a worker needs 2 cores and 0.5 GPU"]
    cluster.now += 1
    with pytest.raises(LauncherError) as caught:
        crew.wait_for_room()
    assert str(caught.value) == f"hydra/launcher=ray: {said}; resume=true goes on from here"


@pytest.mark.parametrize(
    ("gpus", "workers"),
    [(0.05, 20), (0.1, 10), (0.15, 6), (0.2, 5), (0.25, 4), (0.3, 3), (1 / 3, 3), (0.5, 2), (0.6, 1), (1, 1)],
)
def test_workers_that_share_a_gpu(cluster: Cluster, gpus: float, workers: int) -> None:
    cluster.cores = 64
    assert Crew(RaySettings.read({"gpus": gpus})).room() == workers


def test_a_node_that_joins_gets_tasks(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_module, "LOOK_SECONDS", 0.0)
    for workers, most in ((None, 5), (4, 4)):
        crew = Crew(RaySettings.read({"workers": workers}))
        cluster.cores = 3
        assert crew.most() == 3
        cluster.cores = 5
        executor = RayExecutor(Session(), lambda *_: None, crew, Head("127.0.0.1:1"), None)
        assert executor.room() == most


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"cpus": 2}, "cpus: expected at most 1 core, as a node has, got 2"),
        ({"gpus": 2}, "gpus: expected at most 1 GPU, as a node has, got 2"),
    ],
)
def test_more_than_a_node_has(cluster: Cluster, asked: dict[str, int], said: str) -> None:
    cluster.cores = 1
    with pytest.raises(LauncherError) as caught:
        Crew(RaySettings.read(asked)).require()
    assert str(caught.value) == f"hydra.launcher.{said}"

"""Sweeps and searches on a Ray cluster of two nodes, one of which is lost."""

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from ray._private import ray_constants
from ray.cluster_utils import Cluster
from support.commands import Command
from support.folders import history_of, leaderboard_of, went_on
from support.sweeps import QUIET, SLOW, jobs_in, scores_in, trained, wait_for

pytestmark = pytest.mark.slow

LOOPBACK = "127.0.0.1"
NODE = {"num_cpus": 1, "node_ip_address": LOOPBACK, "include_dashboard": False}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Its head has a core; it listens on loopback alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ray_constants, "ENABLE_RAY_CLUSTER", False)
        made = Cluster(initialize_head=True, head_node_args=NODE)
        yield made
        made.shutdown()


def launcher(cluster: Cluster) -> tuple[str, str]:
    return "hydra/launcher=ray", f"hydra.launcher.address={cluster.address}"


def listening() -> set[str]:
    """The addresses at which this process and all that it started listen."""
    found = set()
    for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
        found |= {at.laddr.ip for at in process.net_connections("tcp") if at.status == psutil.CONN_LISTEN}
    return found


@pytest.mark.usefixtures("own")
def test_what_a_lost_node_trained_goes_on_at_another(command: Command, tmp_path: Path, cluster: Cluster) -> None:
    lost = cluster.add_node(**NODE)
    (tmp_path / "slow").touch()
    words = (*SLOW, "seed=range(4)", "hydra.launcher.max_stack=2")
    started = command.start("run", "-m", *launcher(cluster), *words, "hydra.sweep.dir=far", process=True)
    far, near = tmp_path / "far", tmp_path / "near"
    wait_for(lambda: all((far / str(number) / "checkpoint.pt").exists() for number in range(4)), started)
    assert listening() - {"::1"} == {"::ffff:127.0.0.1", LOOPBACK}  # a browser of another test has that one, too
    cluster.remove_node(lost, allow_graceful=False)
    (tmp_path / "slow").unlink()
    stdout, stderr = started.communicate(timeout=120)
    assert stdout.startswith("4 runs in 2 stacks: 2 at most in each, 2 at a time\n")
    assert (started.returncode, stderr, stdout.count("with 2 runs; they are sent again\n")) == (0, "", 1)
    assert sorted(len(went_on(path)) > 0 for path in jobs_in(far)) == [False, False, True, True]

    assert command("run", "-m", *words, "hydra.sweep.dir=near").returncode == 0
    assert [trained(path) for path in jobs_in(far)] == [trained(path) for path in jobs_in(near)]
    assert [row["status"] for row in leaderboard_of(far)] == ["finished"] * 4
    assert scores_in(far) == scores_in(near)


def test_a_search_finds_what_it_finds_on_one_machine(command: Command, tmp_path: Path, cluster: Cluster) -> None:
    words = (
        *("hydra/sweeper=optuna", "hydra.sweeper.n_trials=12", "hydra.sweeper.batch=6", *QUIET, "trainer.epochs=9"),
        *("data.n_samples=100", "optimizer.lr=interval(1e-4,1e-1)", "model.hidden_sizes=[4],[8]"),
    )
    far = command("run", "-m", *launcher(cluster), *words, "hydra.sweep.dir=far", process=True)
    near = command("run", "-m", *words, "hydra.sweep.dir=near")
    assert (far.returncode, far.stderr, near.returncode) == (0, "", 0)
    assert scores_in(tmp_path / "far") == scores_in(tmp_path / "near")
    assert "pruned" in {row["status"] for row in leaderboard_of(tmp_path / "far")}
    learned = [[history_of(path) for path in jobs_in(tmp_path / name)] for name in ("far", "near")]
    assert learned[0] == learned[1]


def test_more_than_a_node_has_is_refused(command: Command, tmp_path: Path, cluster: Cluster) -> None:
    for key, message in {
        "gpus=0.5": "hydra.launcher.gpus: expected at most 0 GPUs, as a node has, got 0.5",
        "cpus=2": "hydra.launcher.cpus: expected at most 1 core, as a node has, got 2",
    }.items():
        done = command("run", "-m", *launcher(cluster), *QUIET, f"hydra.launcher.{key}", "seed=0,1", process=True)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{message}\n")
    assert not list(tmp_path.rglob("run.log"))

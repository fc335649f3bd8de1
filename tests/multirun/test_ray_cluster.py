"""Sweeps on a Ray cluster of two nodes, one of which is lost."""

from pathlib import Path

import psutil
import pytest
from support.commands import Command, refusal
from support.folders import leaderboard_of, went_on
from support.ray_nodes import Nodes
from support.sweeps import QUIET, SLOW, jobs_in, scores_in, trained, wait_for

pytestmark = pytest.mark.slow


def launcher(nodes: Nodes) -> tuple[str, str]:
    return "hydra/launcher=ray", f"hydra.launcher.address={nodes.address}"


def listening() -> set[str]:
    """The addresses at which this process and all that it started listen."""
    found = set()
    for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
        found |= {at.laddr.ip for at in process.net_connections("tcp") if at.status == psutil.CONN_LISTEN}
    return found


@pytest.mark.usefixtures("own")
def test_what_a_lost_node_trained_goes_on_at_another(command: Command, tmp_path: Path, nodes: Nodes) -> None:
    nodes.require(2)
    (tmp_path / "slow").touch()
    words = (*SLOW, "seed=range(4)", "hydra.launcher.max_stack=2")
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

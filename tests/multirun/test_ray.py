"""`hydra/launcher=ray`: settings, what cannot be reached, and a cluster of the command's own."""

import os
import signal
from pathlib import Path

import psutil
import pytest
from support.commands import Command, mistakes, refusal
from support.folders import result_of
from support.sweeps import CIRCLE, SLOW, jobs_in, trained, wait_for

from mlp_exp.config.ray_settings import RaySettings
from mlp_exp.errors import ConfigError

RAY = ("hydra/launcher=ray", *CIRCLE)


def test_settings_that_are_wrong_are_named_together() -> None:
    with pytest.raises(ConfigError) as caught:
        RaySettings.read({"address": "here", "cpus": 0, "gpus": 1.5, "workers": "all", "nodes": 3})
    assert caught.value.problems == [
        "hydra.launcher.address: expected auto, HOST:PORT of a cluster's head, or null for a cluster of this machine, "
        "got 'here'",
        "hydra.launcher.cpus: expected a whole number, 1 or more, got 0",
        "hydra.launcher.gpus: expected 0, a fraction below 1, or a whole number, got 1.5",
        "hydra.launcher.workers: expected a whole number, 1 or more, or null for as many as there is room, got 'all'",
        "hydra.launcher.nodes: there is no such key",
    ]


@pytest.mark.parametrize(("gpus", "words"), [(0, "2 cores"), (0.25, "2 cores and 0.25 GPU"), (4, "2 cores and 4 GPUs")])
def test_what_a_worker_needs_in_words(gpus: float, words: str) -> None:
    assert RaySettings.read({"cpus": 2, "gpus": gpus}).needs == words


def test_a_wrong_setting_is_refused_before_anything_trains(command: Command, tmp_path: Path) -> None:
    done = command("run", "-m", *RAY, "hydra.launcher.cpus=0", "seed=0,1", "hydra.sweep.dir=s")
    assert refusal(done) == mistakes("hydra.launcher.cpus: expected a whole number, 1 or more, got 0")


def test_an_address_at_which_no_cluster_answers(command: Command) -> None:
    done = command("run", "-m", *RAY, "hydra.launcher.address=127.0.0.1:1", "seed=0,1")
    assert refusal(done) == (
        "hydra.launcher.address: expected the head of a Ray cluster, got 127.0.0.1:1, where none answers "
        "(Connection refused)"
    )


def test_a_cluster_that_does_not_start_in_time(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray then raises an Exception of no kind."""

    def late(**_: object) -> None:
        raise Exception("The current node timed out during startup. The GCS has become overloaded.")

    monkeypatch.setattr("ray.init", late)
    assert refusal(command("run", "-m", *RAY, "seed=0,1")) == (
        "hydra/launcher=ray: a cluster of this machine cannot be used: The current node timed out during startup. The "
        "GCS has become overloaded. Try again when the machine is less busy, or take hydra/launcher=stacked"
    )


@pytest.mark.slow
@pytest.mark.usefixtures("own")
def test_a_cluster_of_its_own_listens_here_alone_and_ends_with_the_command(command: Command, tmp_path: Path) -> None:
    words = ("-m", *SLOW, "seed=0,1", "hydra.sweep.dir=s")
    far = tmp_path / "s"
    (tmp_path / "slow").touch()
    started = command.start("run", *words, "hydra/launcher=ray")
    wait_for(lambda: all((far / str(number) / "checkpoint.pt").exists() for number in range(2)), started)
    family = [psutil.Process(started.pid), *psutil.Process(started.pid).children(recursive=True)]
    assert any("raylet" in process.name() for process in family)
    ears = {at.laddr.ip for each in family for at in each.net_connections("tcp") if at.status == psutil.CONN_LISTEN}
    assert ears == {"::ffff:127.0.0.1", "127.0.0.1"}

    os.kill(started.pid, signal.SIGTERM)
    _, stderr = started.communicate(timeout=60)
    assert "resume=true" in stderr
    assert "Traceback" not in stderr
    psutil.wait_procs(family, timeout=20)
    assert [process for process in family if process.is_running()] == []
    assert [result_of(path)["status"] for path in jobs_in(far)] == ["interrupted"] * 2

    (tmp_path / "slow").unlink()
    done = command("run", *words, "resume=true")
    assert (done.returncode, done.stderr) == (0, "")
    assert command("run", *words, "hydra.sweep.dir=near").returncode == 0
    assert [trained(path) for path in jobs_in(far)] == [trained(path) for path in jobs_in(tmp_path / "near")]

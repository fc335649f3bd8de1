"""Two commands on one sweep exclude each other, plain sweeps and searches, fresh and resumed."""

import json
import signal
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.commands import Command, Started, ended, refusal, said
from support.folders import files_in
from support.sweeps import CIRCLE, QUIET, scores_in, wait_for

from mlp_exp.storage import lease, lease_file
from mlp_exp.storage.lease import LEASE
from mlp_exp.storage.lease_file import Holder

pytestmark = pytest.mark.slow

ENDLESS = ("-m", *QUIET, "data.n_samples=100", "trainer.epochs=1000000", "seed=0,1", "hydra.sweep.dir=s")
SEARCH = ("hydra/sweeper=optuna", "hydra.sweeper.n_trials=4", "optimizer.lr=interval(1e-4,1e-2)")
SHORT = ("-m", *CIRCLE, "seed=0,1", "hydra.sweep.dir=s")


def working(command: Command, folder: Path, *args: str) -> Started:
    """A command that trains."""
    started = command.start("run", *args)
    wait_for(lambda: any(folder.glob("*/history.csv")), started)
    return started


def holder(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / LEASE).read_text())
    return found


@pytest.mark.parametrize(
    "args", [ENDLESS, (*ENDLESS, "hydra/launcher=basic"), (*ENDLESS, *SEARCH)], ids=["stacked", "basic", "search"]
)
def test_a_second_command_is_refused(command: Command, tmp_path: Path, args: Sequence[str]) -> None:
    folder = tmp_path / "s"
    first = working(command, folder, *args)
    found, before = holder(folder), files_in(folder)
    assert found["process"] == first.pid
    expected = (
        f"{folder}: another command works on this sweep: process {first.pid} on {found['host']}, since "
        f"{found['since']}. Wait for it, or end it; or choose another hydra.sweep.dir"
    )
    for second in (args, (*args, "resume=true"), ("resume=s",)):
        assert refusal(command("run", *second)) == expected
    assert set(files_in(folder)) >= {name for name in before if not name.endswith(".tmp")}
    assert holder(folder) == found
    first.send_signal(signal.SIGINT)
    assert ended(first).returncode == 130
    assert not (folder / LEASE).exists()


def test_two_that_begin_in_the_same_second(command: Command, tmp_path: Path) -> None:
    both = [command.start("run", *ENDLESS) for _ in range(2)]
    give_up = time.monotonic() + 60
    while all(each.poll() is None for each in both):
        assert time.monotonic() < give_up
        time.sleep(0.01)
    first, second = sorted(both, key=lambda each: each.poll() is not None)
    assert f"another command works on this sweep: process {first.pid} on " in refusal(ended(second))
    wait_for(lambda: len(list((tmp_path / "s").glob("*/history.csv"))) == 2, first)
    first.send_signal(signal.SIGTERM)
    assert ended(first).returncode == 143


def test_a_killed_command_is_followed_at_once(command: Command, tmp_path: Path) -> None:
    args = [*SHORT[:-1], "trainer.epochs=40", SHORT[-1]]
    started = working(command, tmp_path / "s", *args)
    started.send_signal(signal.SIGKILL)
    assert ended(started).returncode == -signal.SIGKILL
    said(command("run", *args, "resume=true"))
    assert [row["status"] for row in scores_in(tmp_path / "s")] == ["finished"] * 2
    assert not (tmp_path / "s" / LEASE).exists()


def test_a_dry_run_excludes_nobody(command: Command, tmp_path: Path) -> None:
    started = working(command, tmp_path / "s", *ENDLESS)
    said(command("run", "--dry-run", *ENDLESS))
    said(command("run", "--dry-run", *ENDLESS, *SEARCH))
    started.send_signal(signal.SIGTERM)
    assert ended(started).returncode == 143


def test_a_mistake_leaves_nothing(command: Command, tmp_path: Path) -> None:
    done = command("run", "-m", *SEARCH[:1], "hydra.sweeper.n_trials=no", "seed=0,1", "hydra.sweep.dir=a/s")
    assert "hydra.sweeper.n_trials" in refusal(done)
    assert "to resume" in refusal(command("run", "-m", "hydra.sweep.dir=a/s", "resume=true"))
    assert list(tmp_path.iterdir()) == []
    done = command("run", *SHORT, "optimizer.lr=-1")
    assert done.returncode == 1
    assert not (tmp_path / "s" / LEASE).exists()


def test_a_folder_that_cannot_be_written(command: Command, tmp_path: Path) -> None:
    (tmp_path / "s").touch()
    assert refusal(command("run", *SHORT)) == f"{tmp_path}/s: File exists"


@pytest.mark.parametrize("args", [ENDLESS, (*ENDLESS, *SEARCH)], ids=["sweep", "search"])
def test_a_command_that_has_lost_the_sweep_ends(
    command: Command, tmp_path: Path, args: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "RENEW_SECONDS", 0.05)
    folder = tmp_path / "s"
    first = working(command, folder, *args)
    first.send_signal(signal.SIGSTOP)
    taker = replace(Holder.here(), host="node7", machine="another boot", process=4321)
    assert lease_file.replace(folder / LEASE, taker)
    first.send_signal(signal.SIGCONT)
    done = ended(first)
    assert done.returncode == 1
    assert done.stderr == (
        f"{folder}: while this command was suspended, process 4321 on node7 has taken over the sweep; this command "
        "ends\n"
    )
    assert holder(folder)["token"] == taker.token
    assert not list(folder.glob("*/result.json"))

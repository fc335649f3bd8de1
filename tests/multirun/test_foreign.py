"""Sweeps under sweepers and launchers of others."""

import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from support.commands import Command, ended, refusal, start_command
from support.folders import leaderboard_of
from support.project import QUICK_TABLE
from support.tables import write_table

SMALL = ("data.n_samples=60", "model.hidden_sizes=[4]", "trainer.epochs=2", "trainer.plots=never", "trainer.device=cpu")


class Directed(BasicSweeper):
    """A sweeper that optimises; it trains what a plain one would."""

    def __init__(self, max_batch_size: int | None, direction: str, params: Any = None) -> None:
        # Hydra imports its own plugins anew, after which their `super()` no longer knows this class
        self.overrides, self.batch_index, self.max_batch_size, self.params = None, 0, max_batch_size, params or {}


def directed(direction: str) -> list[str]:
    return [f"hydra.sweeper._target_={PLUGINS}.Directed", f"+hydra.sweeper.direction={direction}"]


PLUGINS = "hydra_plugins.foreign"
"""Where Hydra finds the classes of this file: it takes plugins from that package alone."""


@pytest.fixture(autouse=True)
def plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = ModuleType(PLUGINS)
    module.Directed, module.Elsewhere = Directed, Elsewhere
    monkeypatch.setitem(sys.modules, PLUGINS, module)
    for plugin in (Directed, Elsewhere):
        monkeypatch.setitem(Plugins.instance().class_name_to_class, f"{PLUGINS}.{plugin.__name__}", plugin)


CASES = [
    ("stacked", [], "minimize", "val_loss", "smaller"),
    ("basic", ["data=diabetes", "early_stopping.monitor=val_metric"], "minimize", "val_rmse", "smaller"),
    ("stacked", ["early_stopping.monitor=val_metric"], "maximize", "val_accuracy", "larger"),
    ("basic", ["early_stopping.mode=max"], "maximize", "val_loss", "larger"),
    ("stacked", ["data=diabetes", "early_stopping.monitor=train_loss"], "minimize", "train_loss", "smaller"),
    (
        "basic",
        ["early_stopping.monitor=val_accuracy", "early_stopping.mode=min"],
        "minimize",
        "val_accuracy",
        "smaller",
    ),
]


def misdirected(wrong: str, right: str, watched: str, better: str) -> str:
    return (
        f"hydra.sweeper.direction: expected {right}, since a run returns its best {watched}, of which {better} values "
        f"are better, got {wrong}. Say so: hydra.sweeper.direction={right}"
    )


@pytest.mark.parametrize(("launcher", "words", "right", "watched", "better"), CASES)
def test_a_sweeper_in_the_wrong_direction_is_stopped(
    command: Command, tmp_path: Path, launcher: str, words: list[str], right: str, watched: str, better: str
) -> None:
    wrong = {"minimize": "maximize", "maximize": "minimize"}[right]
    sweep = ("-m", *SMALL, *words, "seed=0,1", f"hydra/launcher={launcher}")
    if "data=diabetes" in words:
        sweep = tuple(word for word in sweep if not word.startswith("data.n_samples"))
    done = command("run", *sweep, *directed(wrong), "hydra.sweep.dir=wrong")
    assert refusal(done) == misdirected(wrong, right, watched, better)
    assert not list(tmp_path.rglob("history.csv"))
    done = command("run", *sweep, *directed(right), "hydra.sweep.dir=right")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(leaderboard_of(tmp_path / "right")) == 2


def test_directions_in_a_list(command: Command, tmp_path: Path) -> None:
    """One counts as it would without the list; several need several numbers of each run."""
    sweep = ("-m", *SMALL, "seed=0,1", "hydra/launcher=basic")
    wrong = command("run", *sweep, *directed("[maximize]"), "hydra.sweep.dir=wrong")
    assert refusal(wrong) == misdirected("maximize", "minimize", "val_loss", "smaller")
    several = command("run", *sweep, *directed("[minimize,maximize]"), "hydra.sweep.dir=several")
    assert refusal(several) == (
        "hydra.sweeper.direction: expected one, since a run returns one number, the best value of what early stopping "
        "watches, got minimize, maximize"
    )
    assert not list(tmp_path.rglob("history.csv"))
    right = command("run", *sweep, *directed("[minimize]"), "hydra.sweep.dir=right")
    assert (right.returncode, right.stderr) == (0, "")


@pytest.mark.parametrize("wrong", ["maximize", "[maximize]", "[minimize,minimize]"])
def test_a_dry_run_checks_the_direction(command: Command, wrong: str) -> None:
    sweep = ("--dry-run", *SMALL, "seed=0,1")
    done = command("run", *sweep, *directed(wrong))
    assert refusal(done).startswith("hydra.sweeper.direction: expected ")
    assert (done.stdout, done.stderr.count("\n")) == ("", 1)


def test_a_dry_run_in_the_right_direction(command: Command) -> None:
    done = command("run", "--dry-run", *SMALL, "seed=0,1", *directed("[minimize]"))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_the_table_preset_wants_the_most_accurate_run(command: Command, tmp_path: Path) -> None:
    data = (*QUICK_TABLE, f"data.path={write_table(tmp_path)}", "data.target=answer")
    words = ("-m", *SMALL[1:], *data, "experiment=table", "baselines=none", "seed=0,1")
    done = command("run", *words, *directed("minimize"), "hydra.sweep.dir=s")
    assert (done.returncode, done.stderr) == (
        1,
        "hydra.sweeper.direction: expected maximize, since a run returns its best val_accuracy, of which larger values "
        "are better, got minimize. Say so: hydra.sweeper.direction=maximize\n",
    )
    assert list(tmp_path.rglob("history.csv")) == []
    assert command("run", *words, *directed("maximize"), "hydra.sweep.dir=t").returncode == 0
    by_loss = ("early_stopping.monitor=val_loss", *directed("minimize"))
    assert command("run", "--dry-run", *words, *by_loss).returncode == 0


class Elsewhere(BasicLauncher):
    """Runs each job in a process of its own, and knows nothing of failures, as launchers of others."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        assert self.config is not None
        for number, overrides in enumerate(job_overrides, initial_job_idx):
            folder = Path(self.config.hydra.sweep.dir, str(number))
            ended(start_command("run", *overrides, f"hydra.run.dir={folder}", cwd=Path.cwd()))
        return [JobReturn(status=JobStatus.COMPLETED, _return_value=None) for _ in job_overrides]


@pytest.mark.slow
def test_a_sweep_under_another_launcher_ends_with_leaderboard_and_status(command: Command, tmp_path: Path) -> None:
    sweep = ("-m", *SMALL, "hydra/launcher=basic", f"hydra.launcher._target_={PLUGINS}.Elsewhere")
    good = command("run", *sweep, "seed=0,1", "hydra.sweep.dir=good")
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout.splitlines()[-2:] == [f"{tmp_path}/good/leaderboard.csv", f"{tmp_path}/good/report.html"]
    bad = command("run", *sweep, "seed=0", "optimizer.lr=0.01,-1", "hydra.sweep.dir=bad")
    assert bad.returncode == 1
    lines = bad.stderr.splitlines()
    assert lines[0] == "1 job failed:"
    assert "optimizer.lr=-1" in lines[1]
    assert lines[2] == "  optimizer.lr: expected a number above 0, got -1"
    assert [row["status"] for row in leaderboard_of(tmp_path / "bad")] == ["finished", "failed"]
    assert (tmp_path / "bad" / "report.html").exists()

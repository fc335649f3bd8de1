"""The optional group `local`: a user's own defaults on a machine."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import hydra
import pytest
import yaml
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig
from support.commands import Command, Result
from support.project import CONF, ROOT

from mlp_exp.config.schema import GROUPS

CallMain = Callable[..., Result]
SHORT = ("data.n_samples=50", "trainer.device=cpu")
LOCAL = """# @package _global_
defaults:
  - override /tracker: mlflow
trainer:
  plots: never
  epochs: 3
"""


def composed(conf: Path, overrides: Sequence[str] = ()) -> DictConfig:
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(conf), version_base="1.3"):
        return hydra.compose("run", overrides=list(overrides))


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """A copy of `conf/`, with a default and another option of this group."""
    copy = shutil.copytree(CONF, tmp_path / "conf", ignore=shutil.ignore_patterns("local"))
    assert set(composed(copy)) == {*GROUPS, "callbacks", "plots", "seed"}  # without it nothing is amiss
    (copy / "local").mkdir()
    (copy / "local/default.yaml").write_text(LOCAL, encoding="utf-8")
    (copy / "local/office.yaml").write_text("# @package _global_\ntrainer:\n  threads: 2\n", encoding="utf-8")
    return copy


def test_its_default_holds_unless_something_else_is_said(conf: Path) -> None:
    cfg = composed(conf)
    assert cfg.tracker._target_ == "mlp_exp.components.MLflow"
    assert (cfg.trainer.plots, cfg.trainer.epochs, cfg.trainer.threads) == ("never", 3, 1)
    said = composed(conf, ["tracker=none", "trainer.epochs=7"])
    assert (said.tracker._target_, said.trainer.epochs) == ("mlp_exp.components.NoTracker", 7)
    preset = composed(conf, ["experiment=debug"])
    assert (preset.trainer.epochs, preset.data.max_rows) == (2, 100)


def test_another_option_takes_its_place(conf: Path) -> None:
    cfg = composed(conf, ["local=office"])
    assert (cfg.trainer.plots, cfg.trainer.epochs, cfg.trainer.threads) == ("auto", 100, 2)
    without = composed(conf, ["~local"])
    assert (without.trainer.epochs, without.trainer.threads) == (100, 1)


def config_of(run: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((run / ".hydra/config.yaml").read_text(encoding="utf-8"))
    return content


@pytest.mark.slow
def test_it_may_stand_in_a_folder_of_ones_own_and_saved_runs_are_taken_as_they_are(
    command: Command, tmp_path: Path
) -> None:
    (tmp_path / "mine/local").mkdir(parents=True)
    (tmp_path / "mine/local/default.yaml").write_text("# @package _global_\ntrainer:\n  plots: never\n  epochs: 3\n")
    done = command("run", "--config-dir", "mine", *SHORT, "hydra.run.dir=run")
    assert (done.returncode, done.stderr) == (0, "")
    config = config_of(tmp_path / "run")
    assert (config["trainer"]["epochs"], config["trainer"]["plots"]) == (3, "never")
    assert set(config) == {*GROUPS, "callbacks", "plots", "seed"}
    (tmp_path / "mine/local/default.yaml").write_text("# @package _global_\ntrainer:\n  epochs: 5\n")
    for words in (
        ("--config-dir", "run/.hydra", "--config-name", "config", "hydra.run.dir=again"),
        ("rerun=run", "--config-dir", "mine", "hydra.run.dir=again"),
    ):
        done = command("run", *words)
        assert (done.returncode, done.stderr) == (0, "")
        assert config_of(tmp_path / "again") == config
        shutil.rmtree(tmp_path / "again")
    done = command("run", "resume=run", "--config-dir", "mine", "trainer.epochs=4")
    assert (done.returncode, done.stderr) == (0, "")
    assert "epoch 4/4" in (tmp_path / "run/run.log").read_text(encoding="utf-8")
    swept = command(
        "run", "-m", "--config-dir", "mine", *SHORT, "trainer.plots=never", "seed=0,1", "hydra.sweep.dir=sweep"
    )
    assert (swept.returncode, swept.stderr) == (0, "")
    assert [config_of(tmp_path / "sweep" / job)["trainer"]["epochs"] for job in "01"] == [5, 5]


def test_git_and_the_wheel_leave_it_out() -> None:
    assert "conf/local/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert not (CONF / "local/default.yaml").exists(), "the tests need the options as they are delivered"

"""Another project's Optuna sweeper in the environment, which stores its settings by the names that ours have."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support.commands import clean_environment

PLUGIN = """
from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.plugins.sweeper import Sweeper


@dataclass
class SamplerConf:
    _target_: str = "optuna.samplers.TPESampler"
    seed: int | None = None
    consider_prior: bool = True


@dataclass
class OptunaSweeperConf:
    defaults: list[Any] = field(default_factory=lambda: [{"sampler": "tpe"}])
    sampler: SamplerConf = "???"
    _target_: str = "hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper"
    n_trials: int = 20
    n_jobs: int = 2
    params: Any = None


store = ConfigStore.instance().store
store(group="hydra/sweeper", name="optuna", node=OptunaSweeperConf, provider="optuna_sweeper")
for name in ("tpe", "random", "cmaes", "nsgaii", "grid"):
    store(group="hydra/sweeper/sampler", name=name, node=SamplerConf, provider="optuna_sweeper")


class OptunaSweeper(Sweeper):
    def setup(self, **settings: Any) -> None:
        print("theirs is set up")

    def sweep(self, arguments: list[str]) -> Any:
        print("theirs sweeps")
"""


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A folder of packages with that plugin, as it would be installed."""
    package = tmp_path / "packages" / "hydra_plugins" / "hydra_optuna_sweeper"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "optuna_sweeper.py").write_text(PLUGIN, encoding="utf-8")
    return tmp_path / "packages"


def _run(folder: Path, packages: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    env = clean_environment({"PYTHONPATH": os.pathsep.join([str(packages), *sys.path])})
    command = [sys.executable, "-m", "mlp_exp.run", *words]
    return subprocess.run(command, cwd=folder, env=env, check=False, capture_output=True, text=True)


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["tpe", "cmaes"])
def test_ours_is_chosen(sampler: str, tmp_path: Path, foreign: Path) -> None:
    words = ["hydra/sweeper=optuna", f"hydra/sweeper/sampler={sampler}", "--cfg", "hydra", "-p", "hydra.sweeper"]
    done = _run(tmp_path, foreign, *words)
    assert (done.stderr, done.returncode) == ("", 0)
    settings = yaml.safe_load(done.stdout)
    assert settings["_target_"] == "hydra_plugins.mlp_exp_search.OptunaSweeper"
    assert (settings["n_trials"], settings["batch"], "n_jobs" in settings) == (64, "auto", False)
    conf = Path(__file__).parents[2] / "conf" / "hydra" / "sweeper" / "sampler" / f"{sampler}.yaml"
    assert settings["sampler"] == yaml.safe_load(conf.read_text("utf-8"))

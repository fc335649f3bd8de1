"""Samplers from a configuration: which ones, with what options, and what is said where a package is missing."""

import importlib.metadata
import importlib.util
from pathlib import Path
from typing import Any

import optuna
import pytest
from omegaconf import OmegaConf

from mlp_exp.errors import ConfigError, SweeperError
from mlp_exp.hpo.sampling import SAMPLERS, is_grid, make_sampler, require_optuna, require_sampler

CONF = Path(__file__).parents[2] / "conf" / "hydra" / "sweeper" / "sampler"
OPTIONS = {path.stem: OmegaConf.to_container(OmegaConf.load(path)) for path in sorted(CONF.glob("*.yaml"))}


def _node(name: str, **options: Any) -> dict[str, Any]:
    return {"_target_": f"optuna.samplers.{name}", **options}


@pytest.mark.parametrize("name", OPTIONS)
def test_options_of_conf(name: str) -> None:
    node: Any = OPTIONS[name]
    require_sampler(node)
    made = make_sampler(node, seed=3)
    assert isinstance(made, optuna.samplers.RandomSampler if is_grid(node) else getattr(optuna.samplers, _last(node)))


def _last(node: dict[str, str]) -> str:
    return node["_target_"].rpartition(".")[2]


def test_conf_has_every_sampler_but_the_third_generation() -> None:
    targets = {node["_target_"] for node in OPTIONS.values()}  # type: ignore[call-overload, index]
    assert set(SAMPLERS) - targets == {"optuna.samplers.NSGAIIISampler"}


def test_parts_of_genetic_samplers() -> None:
    node = _node("NSGAIISampler", crossover=_node("nsgaii.SBXCrossover", eta=3.0), population_size=4)
    require_sampler(node)
    made: Any = make_sampler(node, seed=0)
    assert made.population_size == 4
    assert type(made._child_generation_strategy._crossover).__name__ == "SBXCrossover"


@pytest.mark.parametrize(
    ("node", "problem"),
    [
        ({"_target_": "os.system", "command": "true"}, "_target_: expected a sampler of Optuna's, got 'os.system'."),
        ({}, "_target_: expected a sampler of Optuna's, got None."),
        (_node("TPESample"), "got 'optuna.samplers.TPESample'. Did you mean 'optuna.samplers.TPESampler'?"),
        (_node("QMCSampler"), "_target_: expected a sampler of Optuna's, got 'optuna.samplers.QMCSampler'."),
        (_node("_tpe.sampler.TPESampler"), "_target_: expected a sampler of Optuna's"),
        (
            _node("TPESampler", n_startup=3),
            "n_startup: TPESampler takes no 'n_startup'. Did you mean 'n_startup_trials'?",
        ),
        (_node("TPESampler", n_startup_trials="3"), "n_startup_trials: expected int, got '3'"),
        (_node("TPESampler", n_startup_trials=True), "n_startup_trials: expected int, got True"),
        (_node("TPESampler", group=1), "group: expected bool, got 1"),
        (_node("TPESampler", seed=3), "seed: it follows from hydra.sweeper.seed; set that one"),
        (
            _node("TPESampler", gamma="f"),
            "gamma: a value of this type cannot be written in a configuration; leave it out",
        ),
        (_node("GridSampler", search_space={}), "search_space: GridSampler takes no 'search_space'."),
        (_node("NSGAIISampler", crossover={"_target_": "os.system"}), "crossover._target_: expected a sampler"),
        (_node("GPSampler", independent_sampler=_node("RandomSampler", a=1)), "independent_sampler.a: RandomSampler"),
    ],
)
def test_mistakes(node: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        require_sampler(node)
    [found] = caught.value.problems
    assert found.startswith("hydra.sweeper.sampler.")
    assert problem in found


@pytest.mark.parametrize(
    ("node", "problem"),
    [
        (_node("NSGAIISampler", population_size=1), "`population_size` must be greater than or equal to 2."),
        (_node("TPESampler", multivariate=False, group=True), "``group`` option can only be enabled when"),
    ],
)
def test_mistakes_that_optuna_finds(node: dict[str, Any], problem: str) -> None:
    require_sampler(node)
    with pytest.raises(ConfigError) as caught:
        make_sampler(node, seed=0)
    assert caught.value.problems[0].startswith(f"hydra.sweeper.sampler: {problem}")


def test_cma_es_has_one_objective() -> None:
    with pytest.raises(ConfigError) as caught:
        require_sampler(_node("CmaEsSampler"), objectives=2)
    assert caught.value.problems == [
        "hydra.sweeper.sampler: CMA-ES looks for the best value of one objective, but there are 2. "
        "Choose hydra/sweeper/sampler=nsgaii or tpe"
    ]


def _not_installed(name: str) -> str:
    raise importlib.metadata.PackageNotFoundError(name)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (_not_installed, "A search needs the package optuna, which is not installed: pip install 'mlp_exp[search]'"),
        (
            lambda name: "2.10.1",
            "A search needs Optuna 5, but Optuna 2.10.1 is installed: pip install 'mlp_exp[search]'",
        ),
    ],
)
def test_without_optuna(found: Any, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    require_optuna()
    monkeypatch.setattr("mlp_exp.hpo.sampling.version", found)
    with pytest.raises(SweeperError) as caught:
        require_optuna()
    assert str(caught.value) == message


def test_without_cmaes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlp_exp.hpo.sampling.find_spec", lambda name: None)
    require_sampler(_node("TPESampler"))
    with pytest.raises(SweeperError) as caught:
        require_sampler(_node("CmaEsSampler"))
    assert str(caught.value) == (
        "CMA-ES needs the package cmaes, which is not installed: pip install 'mlp_exp[search]'"
    )

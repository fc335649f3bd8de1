"""Samplers from a configuration: which ones, with what options, and what is said where a package is missing."""

import importlib.metadata
import importlib.util
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from omegaconf import OmegaConf

from mlp_exp.errors import ConfigError, SweeperError
from mlp_exp.hpo.sampling import SAMPLERS, is_grid, make_sampler, quiet, require_optuna, require_sampler, settable

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
        (_node("TPESampler", n_startup_trials="3"), "n_startup_trials: expected a whole number, 0 or more, got '3'"),
        (_node("TPESampler", n_startup_trials=True), "n_startup_trials: expected a whole number, 0 or more, got True"),
        (_node("TPESampler", group=1), "group: expected true or false, got 1"),
        (_node("TPESampler", seed=3), "seed: it follows from hydra.sweeper.seed; set that one"),
        (
            _node("TPESampler", gamma="f"),
            "gamma: a value of this type cannot be written in a configuration; leave it out",
        ),
        (
            _node("TPESampler", gama=1),
            "Known: consider_endpoints, consider_magic_clip, consider_prior, constant_liar, ",
        ),
        (_node("CmaEsSampler", popsize=1), "popsize: expected a whole number, 2 or more, or null, got 1"),
        (_node("NSGAIISampler", mutation_prob=2), "mutation_prob: expected a fraction from 0 to 1, or null, got 2"),
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
        (_node("TPESampler", multivariate=False, group=True), "``group`` option can only be enabled when"),
        (_node("CmaEsSampler", use_separable_cma=True, with_margin=True), "Currently, we do not support"),
    ],
)
def test_mistakes_that_optuna_finds(node: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        require_sampler(node)
    assert caught.value.problems[0].startswith(f"hydra.sweeper.sampler: {problem}")


WRONG = (0, -1, -0.5, 2, "x", None, math.nan, math.inf)
LEARNS_AT_ONCE = {"n_startup_trials": 1, "population_size": 2}
SLOW = "GPSampler"
"""Its numbers are those of the others."""


def _wrong_values() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for target in SAMPLERS:
        name = target.rpartition(".")[2]
        if name != SLOW:
            for option in settable(target):
                soon = {key: few for key, few in LEARNS_AT_ONCE.items() if key in settable(target)}
                yield from ((name, option, {**soon, option: value}) for value in WRONG)


def test_options_that_are_accepted_let_a_study_learn() -> None:
    """Each wrong value of each option of each sampler is refused before anything trains, or is none."""
    refused = {}
    for name, option, options in _wrong_values():
        node = _node(name, **options)
        try:
            require_sampler(node)
        except ConfigError as error:
            refused[name, option, str(options[option])] = error.problems[0]
            continue
        with quiet():
            study = optuna.create_study(sampler=make_sampler(node, seed=0))
            for _ in range(6):
                trial = study.ask()
                study.tell(trial, trial.suggest_float("a", 0, 1) + trial.suggest_float("b", 0, 1))
    assert {("CmaEsSampler", "popsize", "0"), ("TPESampler", "n_ei_candidates", "0")} <= refused.keys()
    assert {(name, "n_startup_trials", "-1") for name in ("CmaEsSampler", "TPESampler")} <= refused.keys()
    assert {each[:2] for each in refused} == {each[:2] for each in _wrong_values()}
    assert all(line.startswith(f"hydra.sweeper.sampler.{each[1]}: expected ") for each, line in refused.items())


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

"""The space of a command: what is searched, what is fixed, and which keys there are where."""

import json
import random
from typing import Any

import optuna
import pytest
from support.searches import space_of

from mlp_exp.errors import ConfigError
from mlp_exp.hpo.dimensions import Params
from mlp_exp.hpo.repeats import repeats

optuna.logging.set_verbosity(optuna.logging.WARNING)
PRESET = {"optimizer": "adam,sgd,rmsprop", "optimizer.momentum": "interval(0,1)", "optimizer.nesterov": [True, False]}
CONDITIONS = {
    "optimizer.nesterov": {"optimizer.momentum_on": True, "optimizer": "sgd"},
    "optimizer.momentum": {"optimizer": ["sgd", "rmsprop"]},
}
ON = {"optimizer.momentum_on": "true,false"}


def test_what_is_typed_replaces_the_same_key() -> None:
    params = {"optimizer.lr": "interval(0.1,1)", "model.dropout": "interval(0,0.5)", "seed": 3, "data.noise": "0.1"}
    typed = (
        "model.dropout=0.2",
        "optimizer.lr=1e-3,1e-2",
        "seed=range(4)",
        "hydra.sweep.dir=x",
        "hydra/launcher=basic",
    )
    space = space_of(*typed, params=params)
    assert {each.key: each.text for each in space.dimensions} == {"optimizer.lr": "1e-3,1e-2", "seed": "range(4)"}
    assert space.fixed == ("model.dropout=0.2", "data.noise=0.1")
    assert space.problems == ()
    assert space.overrides({"seed": 2, "optimizer.lr": 0.01}) == [*space.fixed, "optimizer.lr=0.01", "seed=2"]


@pytest.mark.parametrize(
    "params",
    [
        {"optimizer.lr": "interval(0.1,1)", "seed": [1, 2]},
        {"optimizer": {"lr": "interval(0.1,1)"}, "seed": [1, 2]},
        {"optimizer.lr": "interval(5,6)", "seed": [1, 2], "optimizer": {"lr": "interval(0.1,1)"}},  # a part is typed
        {"optimizer.lr": "interval(0.1,1)", "seed": [1, 2], "model.dropout": None},
    ],
)
def test_levels_are_dots_and_null_leaves_out(params: dict[str, Any]) -> None:
    space = space_of(params=params)
    assert {each.key: each.text for each in space.dimensions} == {"optimizer.lr": "interval(0.1,1)", "seed": "1,2"}


def test_a_key_that_is_to_be_added_keeps_its_sign() -> None:
    space = space_of("+model.depth=interval(1,5)", "~model.dropout", "++model.kind=a")
    assert space.overrides({"model.depth": 3}) == ["~model.dropout", "++model.kind=a", "+model.depth=3"]


def test_conditional_keys_are_there_where_their_conditions_are_met() -> None:
    space = space_of(params={**PRESET, **ON}, conditions=CONDITIONS)
    assert space.problems == ()
    seen = set()
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(60):
        params = space.suggest(study.ask())
        assert ("optimizer.momentum" in params) == (params["optimizer"] in ("sgd", "rmsprop"))
        nested = params["optimizer"] == "sgd" and params["optimizer.momentum_on"] is True
        assert ("optimizer.nesterov" in params) == nested
        assert space.contains(params)
        seen.add(frozenset(params))
    assert len(seen) == 3
    assert not space.contains({"optimizer": "adam", "optimizer.momentum": 0.5})
    assert space.contains({"optimizer": "sgd", "optimizer.momentum": 0.5})
    assert not space.contains({"optimizer": "sgd", "optimizer.momentum": 1.0})
    assert not space.contains({"seed": 1})


def test_what_fixed_values_decide_is_no_condition() -> None:
    met = space_of("optimizer=sgd", params=PRESET, conditions={"optimizer.momentum": {"optimizer": "sgd"}})
    assert [each.key for each in met.dimensions] == ["optimizer.momentum", "optimizer.nesterov"]
    assert met.conditions == {}
    never = space_of("optimizer=adam", params=PRESET, conditions={"optimizer.momentum": {"optimizer": "sgd"}})
    assert [each.key for each in never.dimensions] == ["optimizer.nesterov"]
    other = space_of("optimizer=adam,adamw", params=PRESET, conditions={"optimizer.momentum": {"optimizer": "sgd"}})
    assert [each.key for each in other.dimensions] == ["optimizer", "optimizer.nesterov"]
    assert {*met.problems, *never.problems, *other.problems} == set()


def test_a_fixed_value_may_have_a_condition() -> None:
    params = {"optimizer": ["adam", "sgd"], "optimizer.momentum": 0.9}
    space = space_of(params=params, conditions={"optimizer.momentum": {"optimizer": "sgd"}})
    assert space.overrides({"optimizer": "sgd"}) == ["optimizer.momentum=0.9", "optimizer=sgd"]
    assert space.overrides({"optimizer": "adam"}) == ["optimizer=adam"]


@pytest.mark.parametrize(
    ("conditions", "problem"),
    [
        (
            {"optimizer.momentm": {"optimizer": "sgd"}},
            "optimizer.momentm: this key is not searched. Did you mean 'optimizer.momentum'?",
        ),
        (
            {"optimizer.momentum": {"optimizr": "sgd"}},
            "optimizer.momentum: 'optimizr' is no key with choices in this search, and has no fixed value. "
            "Did you mean 'optimizer'?",
        ),
        (
            {"optimizer.momentum": {"optimizer": "sdg"}},
            "optimizer.momentum: 'optimizer' is never sdg in this search. Did you mean 'sgd'?",
        ),
        ({"optimizer.momentum": "sgd"}, "optimizer.momentum: expected keys with values, as {optimizer: sgd}, got sgd"),
        (
            {"optimizer": {"optimizer.nesterov": True}, "optimizer.nesterov": {"optimizer": "sgd"}},
            "optimizer: depends on itself: optimizer → optimizer.nesterov → optimizer",
        ),
    ],
)
def test_conditions_without_sense(conditions: dict[str, Any], problem: str) -> None:
    space = space_of(params=PRESET, conditions=conditions)
    assert space.problems == (f"hydra.sweeper.conditions: {problem}",)


def test_a_typed_range_that_is_never_searched_is_said() -> None:
    condition = {"optimizer.momentum": {"optimizer": "sgd"}}
    space = space_of("optimizer.momentum=interval(0,1)", "optimizer=adam", params=PRESET, conditions=condition)
    assert space.problems == ("optimizer.momentum: its condition is never met, so that it is never used",)


def test_params_of_a_configuration() -> None:
    params = {**PRESET, "model.dropout": "interval(0,0.5)", "model.hidden_sizes": [[64, 32], [8]], "seed": "range(3)"}
    space = space_of(params=params, conditions={"optimizer.momentum": {"optimizer": "sgd"}})
    values = {
        "seed": 2,
        "optimizer": {"_target_": "torch.optim.SGD", "momentum": 0.9, "nesterov": False},
        "model": {"dropout": 0, "hidden_sizes": [64, 32]},
    }
    found = space.of_values(values, {"optimizer": "sgd", "model": "mlp"})
    assert found == {
        "optimizer": "sgd",
        "optimizer.momentum": 0.9,
        "optimizer.nesterov": False,
        "model.dropout": 0.0,
        "model.hidden_sizes": "[64,32]",
        "seed": 2,
    }
    assert type(found["model.dropout"]) is float
    dots = {
        "seed": 7,
        "optimizer.momentum": 0.9,
        "model.dropout": 0.5,
    }  # two lie outside, and one is without its optimizer
    assert space.of_values(dots, {"optimizer": "adam"}) == {"optimizer": "adam"}


def test_a_configuration_has_the_params_it_was_made_of() -> None:
    params = {**PRESET, "optimizer.lr": "tag(log,interval(1e-5,1))", "model.norm": [None, "layer"], "seed": "range(9)"}
    space = space_of(params=params, conditions={"optimizer.momentum": {"optimizer": "sgd"}})
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    for _ in range(40):
        suggested = space.suggest(study.ask())
        values: Params = {
            text.partition("=")[0]: suggested[text.partition("=")[0]] for text in space.overrides(suggested)
        }
        chosen = {"optimizer": values.pop("optimizer")}
        assert space.of_values(values, chosen) == suggested


def test_the_grid_needs_values_that_can_be_counted() -> None:
    space = space_of("seed=range(3)", "optimizer=adam,sgd", "trainer.batch_size=interval(2,4)")
    assert space.finite() == {"seed": [0, 1, 2], "optimizer": ["adam", "sgd"], "trainer.batch_size": [2, 3]}
    with pytest.raises(ConfigError) as raised:
        space_of("seed=1,2", "model.dropout=interval(0,1)", "optimizer.lr=interval(0.1,1)").finite()
    assert raised.value.problems == [
        "model.dropout: a grid needs choices or steps, as range(0,0.5,0.1), got interval(0,1)",
        "optimizer.lr: a grid needs choices or steps, as range(0,0.5,0.1), got interval(0.1,1)",
    ]
    with pytest.raises(ConfigError, match="a grid of 100,000 combinations at most, got 1,000,000"):
        space_of("seed=range(1000)", "trainer.steps=interval(1,1001)").finite()


def test_what_is_saved_is_as_typed() -> None:
    condition = {"optimizer.momentum": {"optimizer": "sgd"}}
    space = space_of("optimizer.lr=tag(log,interval(1e-4,1e-1))", "seed=3", params=PRESET, conditions=condition)
    saved = space.to_plain()
    assert saved == {
        "space": {
            "optimizer": "adam,sgd,rmsprop",
            "optimizer.momentum": "interval(0,1)",
            "optimizer.nesterov": "true,false",
            "optimizer.lr": "tag(log,interval(1e-4,1e-1))",
        },
        "fixed": ["seed=3"],
        "conditions": {"optimizer.momentum": {"optimizer": ["sgd"]}},
    }
    assert json.loads(json.dumps(saved)) == saved
    again = space_of(*saved["fixed"], params=saved["space"], conditions=saved["conditions"])
    assert again == space


def test_the_order_of_conditional_keys() -> None:
    """Each after those that it depends on, wherever it is given."""
    names = list("abcdef")
    conditions = {"a": {"c": 1}, "c": {"e": 1, "f": 1}, "e": {"f": 1}}
    for seed in range(10):
        random.Random(seed).shuffle(names)
        space = space_of(params={name: [1, 2] for name in names}, conditions=conditions)
        keys = [each.key for each in space.dimensions]
        assert sorted(keys) == sorted(names)
        assert [keys.index(name) for name in "feca"] == sorted(keys.index(name) for name in "feca")
        assert (keys.index("b") < keys.index("d")) == (names.index("b") < names.index("d"))


@pytest.mark.parametrize(
    ("repeat", "runs"),
    [
        ({}, [[]]),
        (None, [[]]),
        ({"seed": [0, 1]}, [["seed=0"], ["seed=1"]]),
        ({"seed": "range(2)"}, [["seed=0"], ["seed=1"]]),
        ({"seed": "3,1"}, [["seed=3"], ["seed=1"]]),
        ({"split": {"fold": [4]}}, [["split.fold=4"]]),
        ({"model.norm": [None, "batch"]}, [["model.norm=null"], ["model.norm=batch"]]),
        (
            {"seed": [0, 1], "split.fold": "range(2)"},
            [[f"seed={seed}", f"split.fold={fold}"] for seed in (0, 1) for fold in (0, 1)],
        ),
    ],
)
def test_repeats(repeat: Any, runs: list[list[str]]) -> None:
    assert repeats(repeat) == runs


@pytest.mark.parametrize(
    ("repeat", "problem"),
    [
        ({"seed": 5}, "seed: expected several values, as [0,1,2] or 'range(3)', got 5"),
        ({"seed": "5"}, "seed: expected several values, as [0,1,2] or 'range(3)', got '5'"),
        (
            {"data.noise": "interval(0,1)"},
            "data.noise: expected several values, as [0,1,2] or 'range(3)', got 'interval(0,1)'",
        ),
        ({"seed": []}, "seed: expected one choice or more, got an empty list"),
        ({"seed": "rang(3)"}, "seed: there is no function rang(). Did you mean 'range'?"),
        ([1], "expected keys with values, as {seed: [0,1,2]}, got [1]"),
    ],
)
def test_repeats_without_values(repeat: Any, problem: str) -> None:
    with pytest.raises(ConfigError) as raised:
        repeats(repeat)
    assert [line.removeprefix("hydra.sweeper.repeat: ") for line in raised.value.problems] == [problem]

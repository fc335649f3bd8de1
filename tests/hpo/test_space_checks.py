"""Mistakes in a space are one message before anything trains, whichever way they came."""

from collections.abc import Sequence
from typing import Any

import pytest
from support.searches import Search, space_of

from mlp_exp.errors import ConfigError
from mlp_exp.experiment.spec import RunSpec
from mlp_exp.hpo.space import Space
from mlp_exp.hpo.space_checks import NOTHING, require_valid

OPTUNA = "hydra/sweeper=optuna"
RATE = "a rate from 0 up to, not including, 1, or a list with one for each hidden layer"
BATCH = "a whole number, 1 or more, or full for all training rows at once, or auto by their number"
WIDTHS = "a list of whole numbers from 1, such as [64,32], or [] for a linear model"
ADAM = (
    "Known: amsgrad, betas, capturable, decay_schedule, decays, decoupled_weight_decay, differentiable, eps, foreach, "
    "fused, lr, maximize, ntk, rates, weight_decay."
)


@pytest.fixture(scope="module")
def circle() -> Search:
    """Composes the default experiment."""
    return Search(OPTUNA)


def composed(search: Search, space: Space, repeat: Any = None) -> list[list[str]]:
    """The configurations that are tried; ConfigError where one is wrong."""
    tried: list[list[str]] = []

    def compose(own: Sequence[str]) -> RunSpec:
        tried.append(list(own))
        return search.compose(own)

    require_valid(space, compose, repeat)
    return tried[1:]  # the first says which groups there are


def problems(search: Search, space: Space, repeat: Any = None) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        composed(search, space, repeat)
    return raised.value.problems


@pytest.mark.parametrize("preset", ["small", "table"])
@pytest.mark.parametrize("data", [[], ["data=table", "data.path=x.csv", "data.target=y"]], ids=["circle", "table"])
def test_a_preset_is_valid(preset: str, data: list[str]) -> None:
    search = Search(f"search={preset}", *data)
    assert len(composed(search, search.space)) == 3  # as many as hidden_sizes has choices


def test_no_preset_is_no_search() -> None:
    settings = Search("search=none").settings
    assert settings == Search().settings
    assert settings._target_ == "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"


@pytest.mark.slow
def test_each_end_and_each_choice_is_tried_under_its_conditions(circle: Search) -> None:
    space = space_of(
        "optimizer=adam,sgd,rmsprop",
        "optimizer.lr=interval(0.1,0.5)",
        "seed=range(3,9,2)",
        params={"optimizer.momentum": "range(0,1,0.1)", "optimizer.nesterov": [True, False]},
        conditions={
            "optimizer.momentum": {"optimizer": ["sgd", "rmsprop"]},
            "optimizer.nesterov": {"optimizer": "sgd"},
        },
    )
    tried = composed(circle, space, {"split.seed": "range(5)", "split.val": [0.1]})
    assert len(tried) == 5
    assert {text for each in tried for text in each} == {
        *("optimizer=adam", "optimizer=sgd", "optimizer=rmsprop"),
        *("optimizer.lr=0.1", "optimizer.lr=0.49999999999999994", "seed=3", "seed=7"),
        *("optimizer.momentum=0.0", "optimizer.momentum=0.9", "optimizer.nesterov=true", "optimizer.nesterov=false"),
        *(f"split.seed={seed}" for seed in range(5)),
        "split.val=0.1",
    }
    for each in tried:
        assert ("optimizer.nesterov=true" in each or "optimizer.nesterov=false" in each) == ("optimizer=sgd" in each)


def test_the_end_of_an_interval_is_never_reached(circle: Search) -> None:
    assert composed(circle, space_of("model.dropout=interval(0,1)")) == [
        ["model.dropout=0.0"],
        ["model.dropout=0.9999999999999999"],
    ]


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        ("model.dropout", "interval(0,1.5)", [f"expected {RATE}, got 1.5, of interval(0,1.5)"]),
        ("optimizer.lr", "interval(-1,1)", ["expected a number above 0, got -1.0, of interval(-1,1)"]),
        ("trainer.batch_size", "range(0,5)", [f"expected {BATCH}, got 0, of range(0,5)"]),
        (
            "model.hidden_sizes",
            "interval(1,9)",
            [f"expected {WIDTHS}, got {end}, of interval(1,9)" for end in (1, 8)],
        ),
        ("model.norm", "batch,bach", ["expected one of batch, layer, null, got 'bach'"]),
        ("optimizer.lrr", "interval(0,1)", ["Adam takes no 'lrr'. Did you mean 'lr'?"]),
        ("optimizer.fused", "true,false", ["the configuration has no such key; +optimizer.fused=… adds it"]),
        ("optimzer", "adam,sgd", ["there is no such key. Did you mean 'optimizer'?"]),
        ("sed", "range(3)", ["there is no such key. Did you mean 'seed'?"]),
        (
            "optimizer",
            "adam,sdg,sgd,admw",
            ["there is no option 'sdg'. Did you mean 'sgd'?", "there is no option 'admw'. Did you mean 'adamw'?"],
        ),
        ("model.dropout", "interval(0.5,0.1)", ["expected the lower end first, got interval(0.5,0.1)"]),
    ],
)
def test_mistakes_are_the_same_from_the_command_line_and_from_params(
    circle: Search, key: str, text: str, said: list[str]
) -> None:
    expected = [f"{key}: {line}" for line in said]
    assert problems(circle, space_of(f"{key}={text}")) == expected
    assert problems(circle, space_of(params={key: text})) == expected


def test_all_mistakes_are_one_message(circle: Search) -> None:
    typed = ("model.dropout=interval(0,2)", "optimizer=adam,sdg", "optimizer.momentum=interval(0,1)", "seed=range(5,5)")
    space = space_of(*typed, "split.seed=1,2", conditions={"model.nrm": {"optimizer": "adam"}})
    repeat = {"split.seed": [3], "sed": [1], "model.dropout_schedule": ["flat"]}
    found = problems(circle, space, repeat)
    assert sorted(found) == sorted(
        [
            "seed: expected a range with values in it, got range(5,5)",
            "hydra.sweeper.conditions: model.nrm: this key is not searched. Searched: model.dropout, optimizer, "
            "optimizer.momentum, seed, split.seed.",
            "hydra.sweeper.repeat: split.seed: is searched, too; expected it in one of the two",
            "sed: there is no such key. Did you mean 'seed'?",
            f"optimizer.momentum: Adam takes no 'momentum'. {ADAM} Search it only where it exists: "
            "'hydra.sweeper.conditions={optimizer.momentum: {optimizer: OPTION}}'",
            "model.dropout_schedule: expected constant or flat_cosine, got 'flat'",
            "optimizer: there is no option 'sdg'. Did you mean 'sgd'?",
            f"model.dropout: expected {RATE}, got 2.0, of interval(0,2)",
        ]
    )


def test_a_search_without_a_range(circle: Search) -> None:
    assert problems(circle, space_of("seed=3")) == [NOTHING]
    assert problems(circle, space_of("optimizer.lr=0.1"), {"seed": [1, 2]}) == [NOTHING]


def test_a_mapping_of_a_search_takes_keys_on_the_command_line() -> None:
    """Hydra would ask for a `+`; levels are dots, and null takes a key of a preset out."""
    search = Search("search=small", "hydra.sweeper.params.model.dropout=null", "hydra.sweeper.params={seed: [1,2]}")
    assert {each.key for each in search.space.dimensions} == {
        *("optimizer.lr", "optimizer.weight_decay", "model.hidden_sizes", "model.activation", "seed"),
    }

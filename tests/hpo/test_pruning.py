"""Who goes on at a rung."""

import itertools
from collections import Counter
from typing import Any

import pytest

from mlp_exp.errors import ConfigError
from mlp_exp.hpo.pruning import NINTH, Halving, Hyperband, Median, NoPruner, Pruner, make_pruner

PATH = "mlp_exp.hpo.pruning"


@pytest.mark.parametrize(
    ("pruner", "epochs", "rungs"),
    [
        (Halving(), 100, [11, 33]),
        (Halving(), 9, [1, 3]),
        (Halving(), 1000, [111, 333]),
        (Halving(), 2, [1]),
        (Halving(), 1, []),
        (Halving(eta=2), 100, [11, 22, 44, 89]),
        (Halving(first=10), 100, [10, 30, 90]),
        (Halving(first=100), 100, []),
        (Halving(first=0.5), 100, [50]),
        (Median(), 100, [11, 22, 33, 44, 56, 67, 78, 89]),
        (Median(first=40), 100, [40, 80]),
        (NoPruner(), 100, []),
    ],
)
def test_rungs(pruner: Pruner, epochs: int, rungs: list[int]) -> None:
    assert list(pruner.rungs(epochs, 0)) == rungs


@pytest.mark.parametrize("pruner", [Halving(), Halving(first=3), Hyperband(), Median(), Median(first=0.01), NoPruner()])
def test_rungs_ascend_and_leave_something_to_train(pruner: Pruner) -> None:
    for epochs, bracket in itertools.product([1, 2, 3, 5, 9, 10, 30, 100, 257], range(4)):
        rungs = list(pruner.rungs(epochs, bracket))
        assert rungs == sorted(set(rungs)), epochs
        assert all(1 <= rung < epochs for rung in rungs), epochs


@pytest.mark.parametrize(
    ("eta", "reached", "failed", "on"),
    [
        (3, 32, 0, 11),
        (3, 11, 0, 4),
        (3, 4, 0, 1),
        (3, 1, 0, 1),
        (3, 1, 31, 11),
        (2, 5, 0, 2),
        (2, 7, 0, 4),
        (4, 2, 0, 1),
    ],
)
def test_halving_lets_the_best_of_each_eta_go_on(eta: float, reached: int, failed: int, on: int) -> None:
    """Those that have failed count, and are the last."""
    assert Halving(eta).going_on([float(score) for score in range(reached)], failed, [0.0]) == on


def test_median_is_that_of_all_trials_so_far() -> None:
    assert Median().going_on([1.0, 2.0, 3.0], 0, []) == 2
    assert Median().going_on([1.0, 2.0, 3.0], 0, [0.0, 0.0, 0.5, 0.7]) == 0
    assert Median().going_on([1.0, 2.0, 3.0], 0, [9.0, 9.0, 9.0]) == 3
    assert Median().going_on([1.0, 1.0], 5, []) == 2


def test_brackets_of_hyperband_train_about_as_many_epochs() -> None:
    pruner = Hyperband()
    places = [pruner.bracket(place, 64, 100) for place in range(64)]
    assert places == sorted(places)
    assert Counter(places) == {0: 35, 1: 17, 2: 12}
    assert [list(pruner.rungs(100, bracket)) for bracket in range(3)] == [[11, 33], [33], []]
    assert {pruner.bracket(place, 1, 100) for place in range(1)} == {0}
    assert {pruner.bracket(place, 8, 1) for place in range(8)} == {0}


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"_target_": f"{PATH}.Halving", "eta": 1}, "hydra.sweeper.pruner.eta: expected a number above 1, got 1"),
        (
            {"_target_": f"{PATH}.Hyperband", "first": 0},
            "hydra.sweeper.pruner.first: expected a number of epochs, or a fraction of them between 0 and 1, got 0",
        ),
        (
            {"_target_": f"{PATH}.Median", "first": -1},
            "hydra.sweeper.pruner.first: expected a number of epochs, or a fraction of them between 0 and 1, got -1",
        ),
        (
            {"_target_": f"{PATH}.Halving", "etta": 3},
            "hydra.sweeper.pruner.etta: there is no such key. Did you mean 'eta'?",
        ),
        ({"_target_": f"{PATH}.Halving", "eta": "three"}, "hydra.sweeper.pruner.eta: expected a number, got 'three'"),
        (
            {"_target_": "optuna.pruners.MedianPruner"},
            "hydra.sweeper.pruner._target_: expected a class of pruners, got optuna.pruners.MedianPruner",
        ),
        (
            {"_target_": f"{PATH}.Halvin"},
            f"hydra.sweeper.pruner._target_: cannot import '{PATH}.Halvin': module '{PATH}' has no attribute "
            "'Halvin'. Did you mean 'Halving'?",
        ),
    ],
)
def test_settings_that_are_wrong(node: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make_pruner(node)
    assert caught.value.problems == [message]


def test_settings_of_the_configuration_are_the_defaults() -> None:
    pruner = make_pruner({"_target_": f"{PATH}.Halving", "eta": 3, "first": NINTH})
    assert isinstance(pruner, Halving)
    assert list(pruner.rungs(100, 0)) == [11, 33]

"""What is said of Hydra's own keys: of those there are, and as the samplers have it."""

import inspect

import optuna
import pytest

from mlp_exp.config.described import groups, option
from mlp_exp.config.hydra_keys import TAKES
from mlp_exp.errors import ConfigError
from mlp_exp.hpo.pruning import Halving

TYPES = {"a whole number": "int", "true or false": "bool", "a fraction": "float"}


def test_each_is_a_key() -> None:
    options = [option("", "run"), *(option(group, name) for group, names in groups().items() for name in names)]
    names = {key.name: key.takes for each in options for key in each.keys}
    assert {name: names.get(name) for name in TAKES} == TAKES


@pytest.mark.parametrize("name", groups()["hydra/sweeper/sampler"])
def test_a_sampler_takes_what_is_said(name: str) -> None:
    target, *keys = option("hydra/sweeper/sampler", name).keys
    taken = inspect.signature(getattr(optuna.samplers, target.default.rpartition(".")[2])).parameters
    for key in keys:
        said, _, rest = key.takes.partition(", or ")
        types = [found for words, found in TYPES.items() if said.startswith(words)] + ["None"] * (rest == "null")
        assert types, key
        assert set(types) <= set(str(taken[key.name.rpartition(".")[2]].annotation).split(" | ")), key


def test_a_pruner_expects_what_is_said() -> None:
    with pytest.raises(ConfigError) as caught:
        Halving(eta=1, first=0)
    assert str(caught.value) == (
        "The configuration has 2 mistakes:\n  hydra.sweeper.pruner.eta: expected a number above 1, got 1\n"
        "  hydra.sweeper.pruner.first: expected a number of epochs, or a fraction of them between 0 and 1, got 0"
    )

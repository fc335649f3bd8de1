"""Kinds of parameters, by the modules and the names that they have."""

import math

import pytest
from torch import nn

from mlp_exp.config.components import KINDS
from mlp_exp.config.schema_training import ByKind
from mlp_exp.model.embedding import EmbeddedNetwork
from mlp_exp.model.mlp import MLP
from mlp_exp.model.parameter_kinds import parameter_kinds


class PositionEmbedding(nn.Module):
    """A user's own, with parameters of any name and parts."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(nn.Linear(2, 2).weight.detach())
        self.mixes = nn.Linear(3, 4)


class UsersNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.position = PositionEmbedding()
        self.scale = nn.Parameter(nn.Linear(2, 2).weight.detach())
        self.recurrent = nn.LSTM(5, 3)
        self.convolution = nn.Conv1d(4, 6, 3)
        self.frozen = nn.Linear(2, 2).requires_grad_(False)
        self.scaled = nn.Linear(9, 2)


MODULES: list[tuple[nn.Module, dict[str, tuple[str, int]]]] = [
    (
        EmbeddedNetwork(MLP(5, 2, (7, 3), norm="layer"), 1, 9, 2),
        {
            "embedding.weight": ("embedding", 1),
            "network.blocks.0.linear.weight": ("weight", 5),
            "network.blocks.0.linear.bias": ("bias", 1),
            "network.blocks.0.norm.weight": ("weight", 1),
            "network.blocks.0.norm.bias": ("bias", 1),
            "network.blocks.1.linear.weight": ("weight", 7),
            "network.blocks.1.linear.bias": ("bias", 1),
            "network.blocks.1.norm.weight": ("weight", 1),
            "network.blocks.1.norm.bias": ("bias", 1),
            "network.head.weight": ("weight", 3),
            "network.head.bias": ("bias", 1),
        },
    ),
    (
        MLP(5, 2, (), numbers=3, number_embedding="periodic", embedding_width=2, scale_inputs=True),
        {
            "scale": ("scale", 1),
            "number_embedding.weight": ("embedding", 1),
            "number_embedding.bias": ("embedding", 1),
            "number_embedding.frequency": ("embedding", 1),
            "number_embedding.phase": ("embedding", 1),
            "head.weight": ("weight", 11),
            "head.bias": ("bias", 1),
        },
    ),
    (
        UsersNet(),
        {
            "scale": ("scale", 1),
            "position.bias": ("embedding", 1),
            "position.mixes.weight": ("embedding", 1),
            "position.mixes.bias": ("embedding", 1),
            "recurrent.weight_ih_l0": ("weight", 1),
            "recurrent.weight_hh_l0": ("weight", 1),
            "recurrent.bias_ih_l0": ("bias", 1),
            "recurrent.bias_hh_l0": ("bias", 1),
            "convolution.weight": ("weight", 1),
            "convolution.bias": ("bias", 1),
            "scaled.weight": ("weight", 9),
            "scaled.bias": ("bias", 1),
        },
    ),
]


@pytest.mark.parametrize(("module", "expected"), MODULES, ids=lambda value: type(value).__name__)
def test_kinds(module: nn.Module, expected: dict[str, tuple[str, int]]) -> None:
    found = parameter_kinds(module)
    assert found == expected
    assert {known.kind for known in found.values()} <= set(KINDS)
    assert {name: known.ntk_factor for name, known in found.items()} == {
        name: 1 / math.sqrt(inputs) for name, (_, inputs) in expected.items()
    }


def test_the_configuration_has_a_factor_for_each_kind() -> None:
    assert ByKind().model_dump() == dict.fromkeys(KINDS, 1.0)

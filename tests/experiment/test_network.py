"""What a user's own network may return."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mlp_exp.errors import TrainingError
from mlp_exp.experiment.components import build_group
from mlp_exp.experiment.network import check_network, initialise
from mlp_exp.experiment.session import Session


class Returns(nn.Module):
    """What a function makes of logits [B, 1]."""

    def __init__(self, change: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 1)
        self.change = change

    def forward(self, x: Tensor) -> Any:
        return self.change(self.linear(x))


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda z: (z, z), "tuple"),
        (lambda z: z.detach().numpy(), "ndarray"),
        (lambda z: z.squeeze(-1), "[B]; take in_features and out_features in its constructor"),
        (lambda z: z[:1], "[1, 1]; take in_features and out_features in its constructor"),
        (lambda z: z.sum(), "[]; take in_features and out_features in its constructor"),
        (lambda z: z.double(), "them as torch.float64; torch.float32 is what is trained"),
        (lambda z: (z > 0).int(), "them as torch.int32; torch.float32 is what is trained"),
        (lambda z: z.detach(), "some without a gradient: it detaches them from its parameters"),
    ],
    ids=["tuple", "array", "squeezed", "first row", "sum", "double", "integers", "detached"],
)
def test_what_is_no_logits_is_refused(change: Callable[[Tensor], Any], found: str) -> None:
    with pytest.raises(TrainingError) as error:
        check_network(Returns(change), torch.zeros(2, 3), 1)
    assert str(error.value) == f"model: expected logits [B, 1] from Returns, got {found}"


def test_a_network_that_changes_its_input_leaves_the_data_as_they_are() -> None:
    class Doubles(Returns):
        def forward(self, x: Tensor) -> Any:
            x *= 2
            return super().forward(x)

    rows = torch.ones(2, 3)
    check_network(Doubles(lambda z: z), rows, 1)
    assert torch.equal(rows, torch.ones(2, 3))


# ---- what is known of the inputs


class Named(nn.Linear):
    """A user's own, which asks how many of its inputs are numbers; or calls something of its own so."""

    def __init__(self, in_features: int, out_features: int, numbers: int = -1) -> None:
        super().__init__(in_features, out_features)
        self.numbers = numbers


class HandsOn(Named):
    """Hands all that it does not know on."""

    def __init__(self, in_features: int, out_features: int, **others: Any) -> None:
        assert not others
        super().__init__(in_features, out_features)


@pytest.mark.parametrize(
    ("cls", "own", "numbers"),
    [(Named, {}, 4), (Named, {"numbers": 7}, 7), (HandsOn, {}, -1)],
    ids=["", "own", "others"],
)
def test_a_network_that_names_numbers_is_told_how_many_there_are(
    cls: type[Named], own: dict[str, int], numbers: int
) -> None:
    node = {"_target_": f"{__name__}.{cls.__name__}", **own}
    network = build_group(Session(), "model", node, in_features=6, out_features=1, numbers=4)
    assert (network.in_features, network.numbers) == (6, numbers)


# ---- initial weights


class Init:
    def apply(self, module: nn.Module) -> None:
        nn.init.zeros_(module.get_parameter("linear.weight"))


class InitByRows:
    def apply(self, module: nn.Module, rows: Tensor) -> None:
        module.get_parameter("linear.weight").data = rows.mean(dim=0, keepdim=True)


class Refuses:
    def apply(self, module: nn.Module, rows: Tensor) -> None:
        raise ValueError("no such rows")


def test_initial_weights_are_made_of_rows_where_they_are_asked_for() -> None:
    network, rows = Returns(lambda z: z), torch.rand(4, 3)
    initialise(network, Init(), rows)
    assert not network.linear.weight.any()
    initialise(network, InitByRows(), rows)
    assert torch.equal(network.linear.weight[0], rows.mean(dim=0))
    with pytest.raises(TrainingError) as error:
        initialise(network, Refuses(), rows)
    assert str(error.value) == "init: Refuses of 4 rows for Returns: no such rows"

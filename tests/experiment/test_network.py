"""What a user's own network may return."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mlp_exp.errors import TrainingError
from mlp_exp.experiment.network import check_network


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

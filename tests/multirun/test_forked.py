"""What travels between a command and its forks."""

import pickle

import pytest
import torch

from mlp_exp.multirun.executors.events import Paused
from mlp_exp.multirun.executors.forked import to_bytes


@pytest.mark.parametrize(
    "tensor",
    [
        torch.tensor([[1.5, -0.0], [float("nan"), float("inf")]]),
        torch.arange(6).reshape(2, 3).T,
        torch.tensor(7.0, dtype=torch.float64),
        torch.empty(0, 3),
        torch.tensor([True, False]),
        torch.tensor([1.0, 2.0], dtype=torch.bfloat16),
        torch.tensor([1.0, 2.0], requires_grad=True),
        torch.tensor([[0.0, 3.0]]).to_sparse(),
    ],
    ids=["floats", "transposed", "number", "empty", "truth", "bfloat16", "with gradient", "sparse"],
)
def test_tensors_arrive_as_they_were(tensor: torch.Tensor) -> None:
    sent = {"weights": [tensor, tensor]}
    (found, again) = pickle.loads(to_bytes(Paused(3, sent))).checkpoint["weights"]  # type: ignore[arg-type]
    for each in (found, again):
        assert (each.dtype, each.shape, each.layout) == (tensor.dtype, tensor.shape, tensor.layout)
        assert each.requires_grad == tensor.requires_grad
        assert torch.equal(each.to_dense().isnan(), tensor.to_dense().isnan())
        assert torch.equal(each.to_dense().nan_to_num(), tensor.to_dense().nan_to_num())


def test_a_tensor_that_has_arrived_can_be_changed() -> None:
    found = pickle.loads(to_bytes(Paused(0, torch.zeros(2)))).checkpoint  # type: ignore[arg-type]
    assert found.add_(1).tolist() == [1.0, 1.0]

"""Embeddings of numbers in a plain network."""

import math

import numpy as np
import pytest
import torch

from mlp_exp.model.mlp import MLP
from mlp_exp.model.number_embedding import NumberEmbedding, PeriodicEmbedding, PiecewiseLinearEmbedding

ROWS = torch.tensor([[0.5, -2.0, 7.0], [1.5, 0.25, 8.0]])


def embedded_by_hand(layer: NumberEmbedding, hidden: np.ndarray) -> np.ndarray:
    """What a layer of two numbers makes of `ROWS`, from h `[2, n, H]`."""
    learned = np.einsum("bnh,nhw->bnw", hidden, layer.weight.detach().numpy()) + layer.bias.detach().numpy()
    return np.concatenate([learned.reshape(2, -1), ROWS], axis=1)


def test_a_periodic_embedding_puts_its_numbers_before_the_row() -> None:
    layer = PeriodicEmbedding(2, hidden=4, width=3, frequency_scale=0.5)
    w, b = layer.frequency.detach().numpy(), layer.phase.detach().numpy()
    hidden = np.cos(2 * math.pi * w * ROWS[:, :2, None].numpy() + b)
    np.testing.assert_allclose(layer(ROWS).detach(), embedded_by_hand(layer, hidden), rtol=1e-5, atol=1e-6)


def test_a_piecewise_linear_embedding_fills_the_bins_below_a_number() -> None:
    layer = PiecewiseLinearEmbedding(2, hidden=4, width=3)
    layer.fit(torch.tensor([[0.0, 5.0, 9.0], [1.0, 5.0, 9.0], [1.0, 5.0, 9.0], [2.0, 5.0, 9.0], [4.0, 5.0, 9.0]]))
    first = [[0.5, 0.0, 0.0, 0.0], [1.0, 0.0, 0.5, 0.0]]  # between 0, 1, 1, 2 and 4; nothing lies between 1 and 1
    hidden = np.stack([np.array(first), np.zeros((2, 4))], axis=1)
    np.testing.assert_allclose(layer(ROWS).detach(), embedded_by_hand(layer, hidden), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("value", [-3.4e38, 0.0, 1e-45, 3.4e38])
def test_numbers_of_any_size_have_a_piecewise_linear_embedding(value: float) -> None:
    layer = PiecewiseLinearEmbedding(1, hidden=3, width=2)
    layer.fit(torch.tensor([[value], [value], [0.0]]))
    assert layer(torch.tensor([[value], [3.4e38], [-3.4e38]])).isfinite().all()


def test_initial_values() -> None:
    torch.manual_seed(0)
    layer = PeriodicEmbedding(40, hidden=16, width=30, frequency_scale=0.3)
    assert layer.frequency.std().item() == pytest.approx(0.3, rel=0.1)
    assert 3 < layer.phase.abs().max() < math.pi
    for tensor in (layer.weight, layer.bias):
        assert 0.24 < tensor.abs().max() < 0.25


@pytest.mark.parametrize(("numbers", "embeds"), [(0, False), (1, True), (3, True), (4, False)])
def test_more_numbers_than_the_most_are_not_embedded(numbers: int, embeds: bool) -> None:
    module = MLP(5, 1, [4], numbers=numbers, number_embedding="periodic", most_embedded=3, scale_inputs=True)
    assert isinstance(module.number_embedding, PeriodicEmbedding) is embeds
    width = 5 + 3 * numbers * embeds
    assert module.scale is not None
    assert torch.equal(module.scale, torch.ones(width))
    assert module(torch.randn(6, 5)).shape == (6, 1)


def test_a_network_without_parts_draws_what_it_always_drew() -> None:
    torch.manual_seed(3)
    expected = [torch.nn.Linear(5, 4), torch.nn.Linear(4, 2)]
    for scale in (False, True):
        torch.manual_seed(3)
        module = MLP(5, 2, [4], numbers=5, scale_inputs=scale)
        for name, layer in zip(("blocks.0.linear", "head"), expected, strict=True):
            assert torch.equal(module.get_parameter(f"{name}.weight"), layer.weight)
            assert torch.equal(module.get_parameter(f"{name}.bias"), layer.bias)


def test_factors_are_of_the_inputs_of_the_first_layer() -> None:
    module = MLP(2, 1, [], scale_inputs=True)
    assert module.scale is not None
    with torch.no_grad():
        module.scale.copy_(torch.tensor([2.0, 0.0]))
    x = torch.tensor([[1.0, 5.0]])
    assert module(x).item() == pytest.approx((2 * module.head.weight[0, 0] + module.head.bias[0]).item())

"""Initial weights."""

import copy
import math
from collections.abc import Callable, Sequence

import pytest
import torch
from hydra.utils import instantiate
from support.compositions import Compose
from support.members import (
    histories,
    make_member,
    same_weights,
)
from support.project import CONF
from torch import Tensor, nn

from mlp_exp.model.embedding import EmbeddedNetwork
from mlp_exp.model.mlp import MLP, Block

pytestmark = pytest.mark.usefixtures("one_thread")


# ---- first weights ----


Check = Callable[[Tensor], None]


def bound(limit: float) -> Check:
    """Uniform within ±limit."""

    def check(weight: Tensor) -> None:
        assert weight.abs().max() <= limit * (1 + 1e-6)
        assert weight.abs().max() > 0.98 * limit
        assert weight.std().item() == pytest.approx(limit / math.sqrt(3), rel=0.05)

    return check


def normal(std: float) -> Check:
    def check(weight: Tensor) -> None:
        assert weight.std().item() == pytest.approx(std, rel=0.05)
        assert weight.abs().max() > 3 * std
        within = (weight.abs() < std).double().mean().item()
        assert within == pytest.approx(0.6827, abs=0.03)

    return check


def orthogonal(weight: Tensor) -> None:
    rows = weight if weight.shape[0] <= weight.shape[1] else weight.T
    torch.testing.assert_close(rows @ rows.T, torch.eye(len(rows)), atol=1e-5, rtol=0)


INITS: dict[str, tuple[Callable[[int, int], Check], float | None]] = {
    "default": (lambda n_in, n_out: bound(1 / math.sqrt(n_in)), None),
    "xavier_uniform": (lambda n_in, n_out: bound(math.sqrt(6 / (n_in + n_out))), 0.01),
    "xavier_normal": (lambda n_in, n_out: normal(math.sqrt(2 / (n_in + n_out))), 0.0),
    "kaiming_uniform": (lambda n_in, n_out: bound(math.sqrt(6 / n_in)), 0.0),
    "kaiming_normal": (lambda n_in, n_out: normal(math.sqrt(2 / n_in)), 0.0),
    "orthogonal": (lambda n_in, n_out: orthogonal, 0.0),
}
"""What each option promises of the weights from `n_in` to `n_out` units, and of the biases."""


def initialised(compose: Compose, name: str, seed: int, overrides: Sequence[str] = ()) -> MLP:
    """A network with the first weights of an option of `conf/init`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = MLP(40, 3, (60, 50), norm="layer")
        instantiate(compose([f"init={name}", *overrides]).init, _convert_="all").apply(module)
    return module


def test_every_option_of_init_is_in_the_table() -> None:
    assert {file.stem for file in (CONF / "init").glob("*.yaml")} == {*INITS, "data_driven"}


@pytest.mark.parametrize("name", INITS)
def test_first_weights(compose: Compose, name: str) -> None:
    check, bias = INITS[name]
    module = initialised(compose, name, 0)
    layers = [layer for layer in module.modules() if isinstance(layer, nn.Linear)]
    assert [layer.weight.shape for layer in layers] == [(60, 40), (50, 60), (3, 50)]
    for layer in layers[:2]:
        n_out, n_in = layer.weight.shape
        check(n_in, n_out)(layer.weight.detach())
    for layer in layers:
        if bias is None:
            assert layer.bias.abs().max() <= 1 / math.sqrt(layer.in_features)
            assert layer.bias.unique().numel() > 1  # type: ignore[no-untyped-call]
        else:
            assert torch.equal(layer.bias, torch.full_like(layer.bias, bias))
    for block in module.blocks:
        assert isinstance(block, Block)
        assert isinstance(block.norm, nn.LayerNorm)
        assert torch.equal(block.norm.weight, torch.ones_like(block.norm.weight))
        assert torch.equal(block.norm.bias, torch.zeros_like(block.norm.bias))
    assert same_weights(module, initialised(compose, name, 0))
    assert not same_weights(module, initialised(compose, name, 1))


@pytest.mark.parametrize("name", [name for name in INITS if name != "default"])
def test_first_weights_are_of_linear_layers_and_embeddings_keep_their_own(compose: Compose, name: str) -> None:
    module = EmbeddedNetwork(MLP(40 + 2 * 8, 3, (60,)), 2, 30, 8, never_trained=(4,))
    before = copy.deepcopy(module)
    instantiate(compose([f"init={name}"]).init, _convert_="all").apply(module)
    assert same_weights(module.embedding, before.embedding)
    linear = [name for name, layer in module.named_modules() if isinstance(layer, nn.Linear)]
    assert len(linear) == 2
    assert not any(
        torch.equal(module.get_parameter(f"{n}.weight"), before.get_parameter(f"{n}.weight")) for n in linear
    )


@pytest.mark.parametrize("name", [name for name, (_, bias) in INITS.items() if bias is not None])
def test_the_constant_of_the_biases_is_an_option(compose: Compose, name: str) -> None:
    module = initialised(compose, name, 0, ["init.bias=0.25"])
    assert torch.equal(module.head.bias, torch.full((3,), 0.25))


def test_a_frozen_layer_of_an_mlp_stays() -> None:
    member = make_member()
    frozen = member.module.get_submodule("blocks.0.linear")
    frozen.requires_grad_(False)
    before = copy.deepcopy(frozen)
    histories([member])
    assert same_weights(frozen, before)

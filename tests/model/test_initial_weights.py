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
from mlp_exp.model.initial_weights import DataDrivenInit
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


# ---- weights by the rows that reach a layer


class Branched(nn.Module):
    """A user's own: one layer is called twice, one never, one has no bias."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.twice, self.never = nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(3, 3)
        self.head = nn.Linear(8, 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x += 1
        x = torch.relu(self.first(x))
        logits: Tensor = self.head(torch.relu(self.twice(torch.relu(self.twice(x)))))
        return logits


def data_driven(module: nn.Module, rows: Tensor, seed: int = 0) -> list[tuple[nn.Linear, Tensor]]:
    """Layers in the order of their calls, with what they get of the rows afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        DataDrivenInit().apply(module, rows)
    calls: list[tuple[nn.Linear, Tensor]] = []
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            layer.register_forward_pre_hook(lambda layer, args: calls.append((layer, args[0])))
    with torch.no_grad():
        module.eval()(rows.clone())
    return list(calls)  # who calls a layer now adds to the others


@pytest.mark.parametrize("norm", [None, "layer", "batch"])
def test_data_driven_outputs_have_deviation_one_and_a_zero_among_the_rows(norm: str | None) -> None:
    rows = torch.randn(300, 6) * torch.tensor([1.0, 10.0, 0.1, 1.0, 1.0, 0.0]) + 3
    calls = data_driven(MLP(6, 3, [40, 30], 0.5, "silu", norm, scale_inputs=True), rows)
    assert [layer.out_features for layer, _ in calls] == [40, 30, 3]
    for layer, x in calls:
        outputs = layer(x).detach()
        torch.testing.assert_close(outputs.std(dim=0, correction=0), torch.ones(layer.out_features), atol=1e-3, rtol=0)
        assert (outputs.amin(dim=0) < 0).all()
        assert (outputs.amax(dim=0) > 0).all()
        assert (outputs.mean(dim=0).abs() < 2.5).all()  # a mixture of five has a deviation of about a half
    means = torch.cat([layer(x).detach().mean(dim=0) for layer, x in calls])
    assert 0.3 < means.std() < 0.8


def test_data_driven_weights_of_a_users_own_network() -> None:
    module, rows = Branched().train(), torch.randn(50, 6)
    never, before = copy.deepcopy(module.never), rows.clone()
    calls = data_driven(module, rows)
    assert [layer for layer, _ in calls] == [module.first, module.twice, module.twice, module.head]
    for layer, x in (calls[0], calls[1], calls[3]):  # by what reaches a layer first
        deviation = layer(x).detach().std(dim=0, correction=0)
        torch.testing.assert_close(deviation, torch.ones_like(deviation), atol=1e-3, rtol=0)
    assert same_weights(never, module.never)
    assert torch.equal(rows, before)


@pytest.mark.parametrize("rows", [torch.zeros(5, 6), torch.full((5, 6), 1e3), torch.randn(1, 6)])
def test_data_driven_weights_of_equal_rows_are_as_drawn(rows: Tensor) -> None:
    module = MLP(6, 2, [50])
    data_driven(module, rows)
    assert all(parameter.isfinite().all() for parameter in module.parameters())
    linear = module.get_parameter("blocks.0.linear.weight")
    assert linear.std().item() == pytest.approx(1.0, rel=0.15)
    torch.testing.assert_close(
        module.get_submodule("blocks.0.linear")(rows), torch.zeros(len(rows), 50), atol=1e-2, rtol=0
    )


def test_data_driven_weights_come_from_the_seed() -> None:
    modules = [MLP(6, 2, [5], number_embedding="periodic", numbers=2) for _ in range(3)]
    for module in modules[1:]:
        module.load_state_dict(modules[0].state_dict())
    rows = torch.randn(20, 6)
    for module, seed in zip(modules, (0, 0, 1), strict=True):
        data_driven(module, rows, seed)
    assert same_weights(modules[0], modules[1])
    assert not same_weights(modules[0].head, modules[2].head)
    assert same_weights(modules[0].get_submodule("number_embedding"), modules[2].get_submodule("number_embedding"))

"""What cannot train in a stack is found before any training, with a message of its own."""

import functools
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from support.networks import DROPPED, FEATURES, PLAIN, Make
from torch import Tensor, nn
from torch.nn import functional

from mlp_exp.engine.stackable import Tried, check_stackable
from mlp_exp.errors import ConfigError
from mlp_exp.model.embedding import EmbeddedNetwork

pytestmark = pytest.mark.usefixtures("one_thread")
ROWS = torch.randn(8, FEATURES, generator=torch.Generator().manual_seed(0))


def tried(make: Make, rows: Tensor = ROWS) -> Tried:
    torch.manual_seed(0)
    return check_stackable([make(FEATURES, 1) for _ in range(2)], rows)


@pytest.mark.parametrize("name", PLAIN | DROPPED)
def test_these_can(name: str) -> None:
    make = (PLAIN | DROPPED)[name]
    state = torch.get_rng_state()
    found = tried(make)
    assert found.parameters == sum(p.numel() for p in make(FEATURES, 1).parameters())
    assert found.rounding == ()
    torch.set_rng_state(state)


@pytest.mark.parametrize(
    ("make", "parameters", "values"),
    [
        (PLAIN["linear-relu"], 57, 8 + 8 + 1),
        (
            lambda i, o: nn.Sequential(nn.Unflatten(1, (1, i)), nn.Conv1d(1, 2, 1), nn.Flatten(), nn.Linear(2 * i, o)),
            4 + 11,
            5 + 10 + 10 + 1,
        ),
    ],
)
def test_sizes_are_counted(make: Make, parameters: int, values: int) -> None:
    assert tried(make)[:2] == (parameters, values)


def test_a_trial_changes_nothing_and_needs_no_more_than_two_rows() -> None:
    torch.manual_seed(0)
    modules = [DROPPED["batch-norm-dropout"](FEATURES, 1) for _ in range(2)]
    before = [{name: tensor.clone() for name, tensor in module.state_dict().items()} for module in modules]
    state, rows = torch.get_rng_state(), ROWS[:2].clone()
    check_stackable(modules, rows)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(rows, ROWS[:2])
    for module, tensors in zip(modules, before, strict=True):
        assert all(torch.equal(tensor, tensors[name]) for name, tensor in module.state_dict().items())


def test_a_gradient_that_is_rounding_alone_is_named() -> None:
    """Batch normalisation takes a bias in front of it away again."""
    make: Make = lambda i, o: nn.Sequential(nn.Linear(i, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, o))  # noqa: E731
    assert tried(make).rounding == ("0.bias",)


class Base(nn.Module):
    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.head = nn.Linear(in_features, out_features)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(x)
        return logits


class Item(Base):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * x.mean().item()


class Branch(Base):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) if x.sum() > 0 else -super().forward(x)


class Rows(Base):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + x[x[:, 0] > 0].sum()


class Draws(Base):
    def forward(self, x: Tensor) -> Tensor:
        return functional.dropout(super().forward(x), 0.5, self.training)


class DrawsOfPython(Base):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * (1 + random.random())


class DrawsOfNumPy(Base):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * (1 + np.random.rand())


class Recurrent(Base):
    def __init__(self, in_features: int, out_features: int, layer: Callable[..., nn.Module] = nn.GRU) -> None:
        super().__init__(4, out_features)
        self.layer = layer(1, 4, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(self.layer(x.unsqueeze(-1))[0][:, -1])


class Twice(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x * 2

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient * 2


class OwnFunction(Base):
    def forward(self, x: Tensor) -> Tensor:
        doubled: Tensor = Twice.apply(super().forward(x))  # type: ignore[no-untyped-call]
        return doubled


class Uncopied(Base):
    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features)
        self.lines = (line for line in "ab")


class RandomAttribute(Base):
    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features)
        self.scales = {"of inputs": [torch.rand(in_features)]}

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x * self.scales["of inputs"][0])


class RandomFunction(Base):
    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features)
        scale = torch.rand(1).item()
        self.scaled: Callable[[Tensor], Tensor] = lambda x: x * scale

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(self.scaled(x))


class RandomDepth(Base):
    depths = iter((1, 2))

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features)
        self.more = nn.ModuleList(nn.Identity() for _ in range(next(self.depths)))


class OfWeights(Base):
    """Drops weights instead of units."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features)
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.dropout(self.head.weight))


class Detached(Base):
    """Keeps a list of its own parameters, which are not those of the stack."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features)
        self.own = [self.head.weight]

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.own[0]) + self.head.bias


RANDOM = "it draws random numbers that are not those of dropout layers"
ATTRIBUTE = "differs from run to run and is no parameter and no buffer (register_buffer makes it one)"
MISTAKES: dict[str, tuple[Make, str]] = {
    "Item": (Item, "it reads the value of a tensor (.item(), float())"),
    "Branch": (Branch, "its control flow depends on values of a tensor"),
    "Rows": (Rows, "the shape of what it computes depends on values of a tensor"),
    "Draws": (Draws, RANDOM),
    "DrawsOfPython": (DrawsOfPython, RANDOM),
    "DrawsOfNumPy": (DrawsOfNumPy, RANDOM),
    "Recurrent": (Recurrent, "torch.func has no rule for its operation gru"),
    "LSTM": (functools.partial(Recurrent, layer=nn.LSTM), "torch.func has no rule for its operation lstm"),
    "OwnFunction": (OwnFunction, "an autograd.Function of it has no rule for vmap"),
    "Uncopied": (Uncopied, "copy.deepcopy refuses it (TypeError: cannot pickle 'generator' object)"),
    "RandomAttribute": (RandomAttribute, f"scales {ATTRIBUTE}"),
    "RandomFunction": (RandomFunction, f"scaled {ATTRIBUTE}"),
    "RandomDepth": (RandomDepth, "its layers differ from run to run"),
    "OfWeights": (OfWeights, "a dropout layer of it gets something else than rows of the batch"),
    "Everything": (
        lambda i, o: nn.Sequential(nn.Dropout(1.0), nn.Linear(i, o)),
        "a dropout layer of it drops everything",
    ),
    "Detached": (Detached, "under torch.func it computes something else than alone"),
    "Cumulative": (
        lambda i, o: nn.Sequential(nn.Linear(i, o), nn.BatchNorm1d(o, momentum=None)),
        "it reads the value of a tensor (.item(), float())",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
@pytest.mark.parametrize("embedded", [False, True], ids=["plain", "embedded"])
def test_these_cannot(name: str, embedded: bool) -> None:
    make, cause = MISTAKES[name]
    RandomDepth.depths = iter((1, 2))
    called = type(make(FEATURES, 1)).__name__ if name != "RandomDepth" else name
    rows = ROWS
    if embedded:
        inner, rows = make, torch.cat([ROWS[:, :-1], torch.zeros(8, 1)], dim=1)
        make = lambda i, o: EmbeddedNetwork(inner(i, o), 1, 3, 1)  # noqa: E731
    with pytest.raises(ConfigError) as caught:
        tried(make, rows)
    (problem,) = caught.value.problems
    assert problem == (
        f"model.stack: {called} cannot train in a stack: {cause}. Say model.stack=false: each run then trains alone"
    )


def test_attributes_that_are_alike_are_no_hindrance() -> None:
    class Alike(Base):
        def __init__(self, in_features: int, out_features: int) -> None:
            super().__init__(in_features, out_features)
            factor = 2.0
            self.factors: list[Any] = [torch.ones(1), np.ones(2)]
            self.table = {"a": (1, "b")}
            self.function: Callable[[Tensor], Tensor] = lambda x: x * factor
            self.builtin, self.cls = torch.relu, nn.Linear
            self.other = Settings()

        def forward(self, x: Tensor) -> Tensor:
            return super().forward(self.function(x) * self.factors[0])

    class Settings:
        def __init__(self) -> None:
            self.width = 3

    assert tried(Alike).parameters == FEATURES + 1

"""Modules and parts of the user's own train as the stack does."""

import copy
import functools
from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np
import pytest
import torch
from support.members import (
    CPU,
    Embeddings,
    assert_fails_alone,
    histories,
    make_member,
    same_weights,
    sequential_of,
    timeless,
    val_metric,
)
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from mlp_exp.data.dataset import TaskName
from mlp_exp.errors import TrainingError
from mlp_exp.model.embedding import EmbeddedNetwork
from mlp_exp.model.mlp import MLP
from mlp_exp.training.curves import FlatCosine
from mlp_exp.training.early_stopping import NoEarlyStopping
from mlp_exp.training.loop import train

pytestmark = pytest.mark.usefixtures("one_thread")


# ---- a module of the user's own ----


@pytest.mark.parametrize("batch_size", [10, None])
@pytest.mark.parametrize(
    ("task", "model"),
    [
        ("binary", {"norm": "batch", "activation": "tanh"}),
        ("multiclass", {"norm": "layer", "activation": "gelu"}),
        ("regression", {"activation": "relu"}),
    ],
)
def test_a_users_module_trains_as_the_stack_does(
    task: TaskName, model: Mapping[str, Any], batch_size: int | None
) -> None:
    how: dict[str, Any] = {"lr": 5e-3, "epochs": 5, "clip_grad_norm": 1.0, "options": {"weight_decay": 1e-2}}
    if batch_size:
        how["train_rows"] = 38  # nn.BatchNorm1d refuses a last batch of one row
    stacked = make_member(task, model=model, **how)
    single = make_member(task, module=sequential_of(stacked.module), **how)
    (expected,), (found,) = histories([stacked], batch_size), histories([single], batch_size)
    assert len(found) == len(expected) == 5
    for one, other in zip(found, expected, strict=True):
        assert one.train_loss == pytest.approx(other.train_loss, rel=1e-4, abs=1e-6)
        assert one.val_loss == pytest.approx(other.val_loss, rel=1e-4, abs=1e-6)
        assert val_metric(one) == pytest.approx(val_metric(other), rel=1e-4, abs=1e-6)
    same = sequential_of(stacked.module).state_dict()
    for name, tensor in single.module.state_dict().items():
        if tensor.is_floating_point():
            torch.testing.assert_close(tensor, same[name], rtol=1e-3, atol=1e-5)


def test_what_a_users_module_draws_comes_from_the_seed() -> None:
    outcomes = []
    for seed, noise in ((3, 0), (3, 1), (4, 0)):
        torch.manual_seed(noise)
        plain = make_member(seed=3).module
        module = nn.Sequential(sequential_of(plain)[:2], nn.Dropout(0.5), sequential_of(plain)[2:])
        member = make_member(seed=seed, module=module)
        outcomes.append(timeless(histories([member])[0]))
    assert outcomes[0] == outcomes[1]
    assert outcomes[0] != outcomes[2]


class Watched(MLP):
    """Notes the dropout rate of each step."""

    def __init__(self) -> None:
        super().__init__(5, 1, (4,), dropout=0.4)
        self.seen: list[float] = []

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.seen.append(dropout_of(self))
        return super().forward(x)


def dropout_of(module: nn.Module) -> float:
    rate: float = module.get_submodule("blocks.0.dropout").p  # type: ignore[assignment]
    return rate


def test_dropout_layers_that_draw_for_themselves_follow_a_schedule() -> None:
    """And are as they were when they are seen by others."""
    module = Watched()
    member = make_member(module=module, epochs=3, dropout_curve=FlatCosine())
    between = [dropout_of(module) for _ in train([member], 10, CPU)]
    expected = 0.4 * np.concatenate([FlatCosine().of_epoch(epoch, 3, 4) for epoch in (1, 2, 3)])
    assert module.seen == expected.tolist()
    assert between == [0.4] * 3


def test_modules_of_the_user_do_not_stack() -> None:
    members = [make_member(module=nn.Linear(5, 1)), make_member(module=nn.Linear(5, 1))]
    with pytest.raises(TrainingError, match=r"^model: Linear trains alone, and 2 were given together$"):
        next(train(members, 10, CPU))


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.Adam])
def test_frozen_parameters_of_a_users_module_stay(optimizer: type[torch.optim.Optimizer]) -> None:
    module = sequential_of(make_member().module)
    first, last = module[0], module[-1]
    first.requires_grad_(False)
    before = copy.deepcopy(first)
    weight = last.get_parameter("weight").detach().clone()
    member = make_member(module=module, optimizer=optimizer, options={"weight_decay": 0.1})
    histories([member])
    assert same_weights(first, before)
    assert not torch.equal(last.get_parameter("weight"), weight)


# ---- embeddings ----


@pytest.mark.parametrize("decay", [0.0, 0.3])
@pytest.mark.parametrize("optimizer", [torch.optim.AdamW, torch.optim.Adam, torch.optim.SGD, torch.optim.Adadelta])
def test_rows_that_are_never_trained_stay_zero(optimizer: type[torch.optim.Optimizer], decay: float) -> None:
    embeddings = Embeddings(rows=12, never_trained=(0, 1, 7))
    member = make_member(embeddings=embeddings, optimizer=optimizer, lr=0.1, options={"weight_decay": decay})
    before = member.module.get_parameter("embedding.weight").detach().clone()
    histories([member])
    after = member.module.get_parameter("embedding.weight").detach()
    never = list(embeddings.never_trained)
    assert not before[never].any()
    assert torch.equal(after[never], torch.zeros(3, 3))
    changed = (after != before).all(dim=1)
    assert changed.nonzero().flatten().tolist() == sorted(set(range(12)) - set(never))


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_a_users_module_behind_embeddings_trains_as_the_stack_does(task: TaskName) -> None:
    embeddings = Embeddings()
    how: dict[str, Any] = {"options": {"weight_decay": 1e-2}, "optimizer": torch.optim.AdamW, "embeddings": embeddings}
    stacked = make_member(task, **how)
    module = EmbeddedNetwork(sequential_of(stacked.module.get_submodule("network")), *embeddings)
    module.embedding.load_state_dict(stacked.module.get_submodule("embedding").state_dict())
    single = make_member(task, module=module, **how)
    before = copy.deepcopy(module.state_dict())
    (expected,), (found,) = histories([stacked]), histories([single])
    for one, other in zip(found, expected, strict=True):
        assert one.train_loss == pytest.approx(other.train_loss, rel=1e-5)
        assert one.val_loss == pytest.approx(other.val_loss, rel=1e-5)
    torch.testing.assert_close(
        module.embedding.weight, stacked.module.get_parameter("embedding.weight"), rtol=1e-4, atol=1e-6
    )
    assert not any(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


def test_modules_of_the_user_behind_embeddings_do_not_stack() -> None:
    members = [make_member(module=EmbeddedNetwork(nn.Linear(9, 1), 2, 9, 3), embeddings=Embeddings()) for _ in "ab"]
    with pytest.raises(TrainingError, match=r"^model: EmbeddedNetwork trains alone, and 2 were given together$"):
        next(train(members, 10, CPU))


# ---- first weights ----


def raises(*_: object) -> NoReturn:
    raise ZeroDivisionError("the user's own")


class RaisesInUpdate(NoEarlyStopping):
    def update(self, value: float) -> bool:
        return raises() if self._epoch == 2 else super().update(value)


class RaisesInStops(NoEarlyStopping):
    @property
    def stops(self) -> bool:
        return raises() if self._epoch == 3 else super().stops


@pytest.mark.parametrize(
    ("how", "judged"),
    [
        ({"scheduler": functools.partial(LambdaLR, lr_lambda=lambda epoch: raises() if epoch == 3 else 1.0)}, 3),
        ({"early_stopping": RaisesInUpdate}, 2),
        ({"early_stopping": RaisesInStops}, 3),
    ],
    ids=["scheduler", "update", "stops"],
)
def test_a_users_own_part_that_raises_ends_its_member_alone(how: Mapping[str, Any], judged: int) -> None:
    assert_fails_alone(how, 3, judged, ZeroDivisionError, r"^the user's own$")

"""Rates and decays by kind of parameter, and their schedules: what a plain loop of torch makes of them."""

import copy
import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from support.members import CPU, STEPS, Embeddings, histories, make_member, timeless
from torch import Tensor, nn

from mlp_exp.config.components import KINDS
from mlp_exp.engine.engine import Factors
from mlp_exp.engine.factors import factors_by_kind
from mlp_exp.engine.optimizers import decouples
from mlp_exp.engine.stack_engine import StackEngine
from mlp_exp.model.parameter_kinds import parameter_kinds
from mlp_exp.training.curves import FlatCosine, LogCosine
from mlp_exp.training.loop import Trainee, train

pytestmark = pytest.mark.usefixtures("one_thread")
RATES = {"embedding": 0.1, "scale": 6.0, "bias": 0.25}
DECAYS = {"embedding": 0.5, "bias": 0.0, "weight": 2.0}
EPOCHS, LR, WD = 3, 0.05, 0.3


@pytest.mark.parametrize(
    ("rates", "decays", "ntk", "decoupled", "weight", "bias"),
    [
        ({}, {}, False, False, (1, 1), (1, 1)),
        ({"weight": 3}, {"weight": 6}, False, False, (3, 6), (1, 1)),
        ({"weight": 3}, {"weight": 6}, False, True, (3, 2), (1, 1)),
        ({"bias": 0.5}, {}, False, True, (1, 1), (0.5, 2)),
        ({}, {}, True, False, (0.5, 1), (1, 1)),
        ({"weight": 3}, {}, True, True, (1.5, 1 / 1.5), (1, 1)),
        ({"bias": 0}, {"bias": 5}, False, True, (1, 1), (0, 0)),
        ({"bias": 0}, {"bias": 5}, False, False, (1, 1), (0, 5)),
        ({"embedding": 7, "scale": 8}, {"embedding": 7, "scale": 8}, False, True, (1, 1), (1, 1)),
    ],
)
def test_factors(rates: Any, decays: Any, ntk: bool, decoupled: bool, weight: Any, bias: Any) -> None:
    found = factors_by_kind(nn.Linear(4, 2), rates, decays, ntk=ntk, decoupled=decoupled)
    assert found == {"weight": pytest.approx(Factors(*weight)), "bias": pytest.approx(Factors(*bias))}


@pytest.mark.parametrize(
    ("cls", "options", "expected"),
    [
        (torch.optim.Adam, {}, False),
        (torch.optim.AdamW, {}, True),
        (torch.optim.SGD, {}, False),
        (torch.optim.NAdam, {"decoupled_weight_decay": True}, True),
        (torch.optim.RAdam, {"decoupled_weight_decay": False}, False),
        (torch.optim.Adafactor, {}, True),
        (type("AdamW", (torch.optim.SGD,), {}), {}, False),
    ],
)
def test_whether_a_decay_is_decoupled(cls: Any, options: Any, expected: bool) -> None:
    assert decouples(cls, options) is expected


def member(cls: Any = torch.optim.AdamW, *, ntk: bool = True, seed: int = 0, **how: Any) -> Trainee:
    """With all that a member may have of its own."""
    options = {"weight_decay": WD / (1 + seed), **how.pop("options", {})}
    curves: dict[str, Any] = {"rate_curve": LogCosine(), "decay_curve": FlatCosine(), "dropout_curve": FlatCosine()}
    made = make_member(optimizer=cls, lr=LR, epochs=EPOCHS, seed=seed, options=options, **curves, **how)
    made.factors = factors_by_kind(made.module, RATES, DECAYS, ntk=ntk, decoupled=decouples(cls, options))
    return made


def batches(made: Trainee) -> Iterator[Tensor]:
    """The rows of each step of its training."""
    shuffle = copy.deepcopy(made.streams.shuffle)
    for _ in range(EPOCHS):
        rows = torch.from_numpy(shuffle.permutation(made.data.train))
        yield from torch.split(rows, 10)


def plain_loop(made: Trainee, cls: Any, *, ntk: bool, decoupled: bool) -> nn.Module:
    """As one would write it: groups of parameters, and the numbers of each step put into them."""
    module, data = copy.deepcopy(made.module), made.data
    kinds = parameter_kinds(module)
    named = dict(module.named_parameters())
    ntk_factors = {name: 1 / math.sqrt(known.inputs) if ntk else 1.0 for name, known in kinds.items()}
    optimizer = cls([{"params": [parameter], "name": name} for name, parameter in named.items()], lr=LR, weight_decay=0)
    for step, rows in enumerate(batches(made)):
        t = (step + 0.5) / (EPOCHS * STEPS)
        lr = LR * 0.5 * (1 - math.cos(2 * math.pi * math.log2(1 + 15 * t)))
        wd = WD * (1.0 if t < 0.5 else 0.5 * (1 + math.cos(math.pi * (2 * t - 1))))
        logits = module(data.inputs[rows])
        optimizer.zero_grad()
        loss: Any = nn.functional.binary_cross_entropy_with_logits(logits, data.targets[rows])
        loss.backward()
        for group in optimizer.param_groups:
            (parameter,), name = group["params"], group["name"]
            kind = kinds[name].kind
            decay = wd * DECAYS.get(kind, 1.0)
            if decoupled:
                parameter.data.mul_(1 - lr * decay)
            else:
                parameter.grad.add_(parameter.data, alpha=decay)
            group["lr"] = lr * RATES.get(kind, 1.0) * ntk_factors[name]
        optimizer.step()
    return module


PARTS = {"numbers": 3, "number_embedding": "periodic", "scale_inputs": True}
"""Of the network, so that it has parameters of all kinds."""


@pytest.mark.parametrize("ntk", [True, False])
@pytest.mark.parametrize(
    "cls", [torch.optim.AdamW, torch.optim.Adam, torch.optim.SGD, torch.optim.RMSprop], ids=lambda cls: cls.__name__
)
def test_a_training_is_that_of_a_plain_loop(cls: Any, ntk: bool) -> None:
    made = member(cls, ntk=ntk, embeddings=Embeddings(), model=PARTS)
    assert {known.kind for known in parameter_kinds(made.module).values()} == set(KINDS)
    expected = plain_loop(
        made, torch.optim.Adam if cls is torch.optim.AdamW else cls, ntk=ntk, decoupled=cls is torch.optim.AdamW
    )
    engine = StackEngine([made], 10, CPU)
    for epoch in range(1, EPOCHS + 1):
        decay = FlatCosine().of_epoch(epoch, EPOCHS, STEPS)[:, None]
        engine.train_epoch(LR * LogCosine().of_epoch(epoch, EPOCHS, STEPS)[:, None], decay)
    for name, parameter in expected.named_parameters():
        torch.testing.assert_close(engine.weights(0)[name], parameter.detach(), rtol=2e-4, atol=2e-6)


@pytest.mark.parametrize("cls", [torch.optim.AdamW, torch.optim.SGD, torch.optim.ASGD], ids=lambda cls: cls.__name__)
def test_the_loop_gives_each_step_its_numbers(cls: Any) -> None:
    """As the engine does that is told them."""
    made, told = member(cls), StackEngine([member(cls)], 10, CPU)
    (records,) = histories([made])
    for epoch, record in enumerate(records, 1):
        rate, flat = (curve.of_epoch(epoch, EPOCHS, STEPS)[:, None] for curve in (LogCosine(), FlatCosine()))
        assert [record.train_loss] == told.train_epoch(LR * rate, flat, flat)
        assert record.lr == LR * float(rate[0, 0])


WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "dropout": {"dropout": 0.3},
    "L2": {"cls": torch.optim.Adam, "dropout": [0.5, 0.1]},
    "embeddings": {"embeddings": Embeddings(), "dropout": 0.2, "model": PARTS},
    "momentum": {"cls": torch.optim.SGD, "options": {"momentum": 0.9}},
    "without ntk": {"ntk": False, "clip_grad_norm": 0.5},
}


@pytest.mark.parametrize("way", WAYS)
def test_alone_and_in_company_a_member_is_the_same(way: str) -> None:
    """To the last bit, also beside members of other factors, without schedules and of more epochs."""

    def members() -> list[Trainee]:
        made = [member(seed=seed, **WAYS[way]) for seed in range(4)]
        made[1].factors = {name: Factors(0.5, 0.0) for name in made[1].factors}
        made[2].decay_curve = made[2].dropout_curve = None
        made[3].epochs = EPOCHS + 2
        return made

    together = histories(members())
    for found, alone in zip(together, members(), strict=True):
        assert timeless(found) == timeless(histories([alone])[0])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("stopped", [1, 2])
def test_a_training_that_is_continued_is_the_whole_one(way: str, stopped: int) -> None:
    (whole,) = histories([member(**WAYS[way])])
    first = member(**WAYS[way])
    (records,) = zip(*itertools.islice(train([first], 10, CPU, end_epoch=stopped), stopped), strict=True)
    later = member(**WAYS[way])
    assert records[-1].state
    later.state = records[-1].state()
    for record in records:
        later.judge(record)
    found = [record for (record,) in train([later], 10, CPU)]
    assert timeless([*records, *found]) == timeless(whole)


def test_a_kind_with_rate_0_stays_as_it_is() -> None:
    """Also under a decoupled decay."""
    made = make_member(optimizer=torch.optim.AdamW, options={"weight_decay": 0.5}, lr=0.1)
    made.factors = factors_by_kind(made.module, {"bias": 0.0}, {}, ntk=False, decoupled=True)
    before = copy.deepcopy(made.module)
    histories([made])
    for (name, now), then in zip(made.module.named_parameters(), before.parameters(), strict=True):
        assert torch.equal(now, then) is name.endswith("bias")


def test_leaving_members_take_their_factors_with_them() -> None:
    members = [member(seed=seed) for seed in range(3)]
    members[2].factors = {name: Factors(0.5, 0.0) for name in members[2].factors}
    whole, part = (StackEngine(copy.deepcopy(members), 10, CPU) for _ in "ab")
    rates = np.array([0.01, 0.02, 0.03])
    for engine in (whole, part):
        engine.train_epoch(rates, 0.5, 0.5)
    part.select([2, 0])
    expected = whole.train_epoch(rates, 0.5, 0.5)
    assert part.train_epoch(rates[[2, 0]], 0.5, 0.5) == [expected[2], expected[0]]

import copy
import functools
import inspect
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from support.members import CPU, histories, make_member
from torch import Tensor, nn
from torch.optim.lr_scheduler import ExponentialLR

from mlp_exp.engine.autograd import AutogradNetwork
from mlp_exp.engine.engine import Factors
from mlp_exp.engine.network import Network
from mlp_exp.engine.optimizers import StackedStepper, build_stepper, stacks
from mlp_exp.engine.rules import RULES
from mlp_exp.engine.single_stepper import SingleStepper
from mlp_exp.engine.stack_engine import StackEngine
from mlp_exp.engine.stacked import StackedMLP
from mlp_exp.errors import TrainingError
from mlp_exp.model.mlp import MLP
from mlp_exp.training.loop import Trainee, train

pytestmark = pytest.mark.usefixtures("one_thread")
STEPS = 20
WIDTH = 64
LR = [1e-2, 3e-2, 1e-3]
DECAY = [0.0, 0.3, 0.05]
CLIP = [math.inf, 2.0, 0.5]
OPTIONS: dict[str, list[dict[str, Any]]] = {
    "SGD": [
        {},
        {"momentum": 0.9},
        {"momentum": 0.9, "nesterov": True},
        {"momentum": 0.8, "dampening": 0.3},
        {"maximize": True},
    ],
    "Adam": [
        {},
        {"amsgrad": True},
        {"betas": [0.7, 0.95], "eps": 1e-4},
        {"decoupled_weight_decay": True},
    ],
    "AdamW": [{}, {"amsgrad": True}, {"betas": (0.5, 0.9)}],
    "NAdam": [{}, {"momentum_decay": 0.1}, {"decoupled_weight_decay": True}],
    "RAdam": [{}, {"betas": [0.5, 0.6]}, {"decoupled_weight_decay": True}],
    "RMSprop": [{}, {"momentum": 0.9}, {"centered": True}, {"centered": True, "momentum": 0.5, "alpha": 0.9}],
    "Adagrad": [{}, {"lr_decay": 0.1}, {"initial_accumulator_value": 0.5}],
    "Adadelta": [{}, {"rho": 0.5, "eps": 1e-3}],
    "Adamax": [{}, {"betas": [0.5, 0.9]}],
}
TABLE = [
    pytest.param(getattr(torch.optim, name), options, id="-".join([name, *map(str, options)]))
    for name, sets in OPTIONS.items()
    for options in sets
]


def network_of(members: int) -> Any:
    """In the place of a network: parameters and gradients."""
    parameters, gradients = torch.ones(members, WIDTH), torch.zeros(members, WIDTH)
    return SimpleNamespace(parameters=parameters, gradients=gradients, keep_gradients=lambda: None)


def slope(member: int, step: int, parameters: Tensor) -> Tensor:
    """The gradient of some bowl that moves a little from step to step."""
    place = torch.arange(WIDTH, dtype=torch.float32)
    return (parameters - torch.sin(place + member)) * (1 + place % 3) + torch.cos(place * step + member)


def rate(member: int, step: int) -> float:
    return LR[member] * 0.95**step


def stacked_trajectory(
    cls: Callable[..., torch.optim.Optimizer],
    options: Mapping[str, Any],
    *,
    members: Sequence[int] = (0, 1, 2),
    decays: bool = True,
    clips: bool = False,
    leave_at: int | None = None,
) -> dict[int, list[Tensor]]:
    """Parameters of each member after each step; with `leave_at`, member 1 leaves before that step."""
    active = list(members)
    network = network_of(len(active))
    all_options = [
        {"lr": LR[m], **({"weight_decay": DECAY[m]} if decays else {"weight_decay": 0.0}), **options} for m in active
    ]
    stepper = build_stepper(network, cls, all_options, [CLIP[m] if clips else math.inf for m in active])
    assert type(stepper) is StackedStepper
    found: dict[int, list[Tensor]] = {member: [] for member in active}
    for step in range(STEPS):
        if step == leave_at:
            rows = torch.tensor([active.index(m) for m in active if m != 1])
            active.remove(1)
            network.parameters, network.gradients = network.parameters[rows], network.gradients[rows]
            stepper.select(rows)

        def gradients(batch: int) -> Tensor:
            for row, member in enumerate(active):
                network.gradients[row] = slope(member, batch, network.parameters[row])
            return torch.tensor([float(batch)])

        rates = np.array([[rate(member, step) for member in active]])
        (numbers,) = stepper.plan(len(rates), rates, np.ones_like(rates)).numbers()
        objective: Any = SimpleNamespace(gradients=gradients)
        number: Any = step  # in the place of a batch
        assert stepper.step(objective, number, numbers) == step
        for row, member in enumerate(active):
            found[member].append(network.parameters[row].clone())
    return found


def trajectory_of_torch(
    cls: Callable[..., torch.optim.Optimizer],
    options: Mapping[str, Any],
    member: int,
    *,
    decays: bool = True,
    clips: bool = False,
) -> list[Tensor]:
    parameter = nn.Parameter(torch.ones(WIDTH))
    optimizer = cls([parameter], lr=LR[member], weight_decay=DECAY[member] if decays else 0.0, **options)
    found = []
    for step in range(STEPS):
        parameter.grad = slope(member, step, parameter.detach())
        if clips and math.isfinite(CLIP[member]):
            nn.utils.clip_grad_norm_([parameter], CLIP[member])
        optimizer.param_groups[0]["lr"] = rate(member, step)
        optimizer.step()
        found.append(parameter.detach().clone())
    return found


def test_every_class_that_stacks_is_in_the_table() -> None:
    assert {cls.__name__ for cls in RULES} == set(OPTIONS)


@pytest.mark.parametrize(("cls", "options"), TABLE)
def test_each_member_of_a_stack_goes_where_torch_takes_it_alone(
    cls: Callable[..., torch.optim.Optimizer], options: Mapping[str, Any]
) -> None:
    for decays in (False, True):
        found = stacked_trajectory(cls, options, decays=decays, clips=not decays)
        for member in range(3):
            expected = trajectory_of_torch(cls, options, member, decays=decays, clips=not decays)
            assert len(found[member]) == len(expected) == STEPS
            for one, other in zip(found[member], expected, strict=True):
                torch.testing.assert_close(one, other, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize(("cls", "options"), TABLE)
def test_a_thousand_recorded_gradients_lead_where_torch_goes(
    cls: Callable[..., torch.optim.Optimizer], options: Mapping[str, Any]
) -> None:
    recorded = torch.randn(1000, WIDTH, generator=torch.Generator().manual_seed(0)) + 0.3
    network = network_of(1)
    stepper = build_stepper(network, cls, [{"lr": 1e-3, "weight_decay": 1e-2, **options}], [math.inf])
    objective: Any = SimpleNamespace(gradients=lambda step: network.gradients.copy_(recorded[step]))
    parameter = nn.Parameter(torch.ones(WIDTH))
    optimizer = cls([parameter], lr=1e-3, weight_decay=1e-2, **options)
    rates = np.full((len(recorded), 1), 1e-3)
    for step, numbers in enumerate(stepper.plan(len(rates), rates, np.ones_like(rates)).numbers()):
        number: Any = step  # in the place of a batch
        stepper.step(objective, number, numbers)
        parameter.grad = recorded[step].clone()
        optimizer.step()
    moved = (parameter.detach() - 1.0).abs().max()
    torch.testing.assert_close(network.parameters[0], parameter.detach(), rtol=1e-5, atol=1e-5 * float(moved))


@pytest.mark.parametrize(("cls", "options"), TABLE)
def test_who_leaves_does_not_move_the_others(
    cls: Callable[..., torch.optim.Optimizer], options: Mapping[str, Any]
) -> None:
    whole = stacked_trajectory(cls, options, clips=True)
    alone = stacked_trajectory(cls, options, clips=True, members=[2])
    for leave_at in (0, 1, 9):
        shrunk = stacked_trajectory(cls, options, clips=True, leave_at=leave_at)
        assert len(shrunk[1]) == leave_at
        for member in (0, 2):
            assert all(torch.equal(a, b) for a, b in zip(shrunk[member], whole[member], strict=True)), leave_at
    assert all(torch.equal(a, b) for a, b in zip(alone[2], whole[2], strict=True))


@pytest.mark.parametrize("cls", RULES)
def test_a_weight_decay_that_is_not_given_is_the_classs_own(cls: Callable[..., torch.optim.Optimizer]) -> None:
    network = network_of(1)
    stepper = build_stepper(network, cls, [{"lr": 0.5}], [math.inf])
    objective: Any = SimpleNamespace(gradients=lambda _: torch.zeros(1))
    batch: Any = None
    (numbers,) = stepper.plan(1, np.array([[0.5]]), np.ones((1, 1))).numbers()
    stepper.step(objective, batch, numbers)
    parameter = nn.Parameter(torch.ones(WIDTH))
    parameter.grad = torch.zeros(WIDTH)
    cls([parameter], lr=0.5).step()
    torch.testing.assert_close(network.parameters[0], parameter.detach())


# ---- classes that take one member ----

SINGLE: dict[str, tuple[Callable[..., torch.optim.Optimizer], float, dict[str, Any]]] = {
    "Rprop": (torch.optim.Rprop, 1e-2, {}),
    "ASGD": (torch.optim.ASGD, 1e-2, {"weight_decay": 0.1, "t0": 2.0, "alpha": 0.5}),
    "LBFGS": (torch.optim.LBFGS, 0.1, {"max_iter": 4, "history_size": 3}),
    "Adafactor": (torch.optim.Adafactor, 1e-2, {"weight_decay": 0.1}),
}


def alone_of_torch(
    module: nn.Module,
    member: Trainee,
    cls: Callable[..., torch.optim.Optimizer],
    options: Mapping[str, Any],
    epochs: int,
    clip: float | None,
) -> tuple[list[float], list[dict[str, Any]]]:
    """Loss before each epoch's one step and state after it, by torch's own means."""
    inputs = member.data.inputs[member.data.train]
    targets = member.data.targets[member.data.train]
    criterion = nn.BCEWithLogitsLoss()
    optimizer = cls(module.parameters(), **options)
    scheduler = ExponentialLR(optimizer, gamma=0.9)
    losses, states = [], []
    for _ in range(epochs):
        evaluations: list[float] = []

        def closure(evaluations: list[float] = evaluations) -> float:
            optimizer.zero_grad()
            loss: Tensor = criterion(module(inputs), targets)
            loss.backward()  # type: ignore[no-untyped-call]
            if clip:
                nn.utils.clip_grad_norm_(module.parameters(), clip)
            evaluations.append(loss.item())
            return evaluations[-1]

        optimizer.step(closure)
        scheduler.step()
        losses.append(evaluations[0])
        states.append(copy.deepcopy(module.state_dict()))
    return losses, states


@pytest.mark.parametrize("clip", [None, 0.3], ids=["free", "clipped"])
@pytest.mark.parametrize("own_module", [False, True], ids=["mlp", "own-module"])
@pytest.mark.parametrize("name", SINGLE)
def test_any_other_class_trains_a_member_alone(name: str, own_module: bool, clip: float | None) -> None:
    cls, lr, options = SINGLE[name]
    how: dict[str, Any] = {"optimizer": cls, "lr": lr, "options": options, "epochs": 4, "clip_grad_norm": clip}
    module = nn.Sequential(make_member(seed=3, model={"activation": "tanh"}).module)
    plain = copy.deepcopy(module)
    member = make_member(
        module=module if own_module else module[0],
        scheduler=lambda optimizer: ExponentialLR(optimizer, gamma=0.9),
        **how,
    )
    (records,) = histories([member], None)
    losses, states = alone_of_torch(plain, member, cls, {"lr": lr, **options}, 4, clip)
    assert [record.train_loss for record in records] == pytest.approx(losses, rel=1e-4)
    assert losses[-1] < losses[0]
    best = states[member.early_stopping.best_epoch - 1]
    for key, tensor in module.state_dict().items():
        torch.testing.assert_close(tensor, best[key], rtol=1e-3, atol=1e-5)


def test_only_classes_that_are_linear_in_their_rate_stack() -> None:
    classes = {
        cls for cls in vars(torch.optim).values() if isinstance(cls, type) and issubclass(cls, torch.optim.Optimizer)
    }
    assert {cls for cls in classes if stacks(cls)} == set(RULES)

    class Own(torch.optim.Adam):
        """May do anything."""

    assert not stacks(Own)
    assert not stacks(functools.partial(torch.optim.Adam, amsgrad=True))


def test_a_users_own_class_gets_the_real_parameters() -> None:
    seen: list[tuple[int, ...]] = []

    class Own(torch.optim.SGD):
        def __init__(self, parameters: Iterable[nn.Parameter], **options: Any) -> None:
            parameters = list(parameters)
            seen.extend(tuple(parameter.shape) for parameter in parameters)
            super().__init__(parameters, **options)

    how: dict[str, Any] = {"lr": 0.1, "options": {"momentum": 0.9, "weight_decay": 0.01}}
    own, stock = make_member(optimizer=Own, **how), make_member(optimizer=torch.optim.SGD, **how)
    (found,), (expected,) = histories([own]), histories([stock])
    assert seen == [tuple(parameter.shape) for parameter in own.module.parameters()]
    assert [r.train_loss for r in found] == pytest.approx([r.train_loss for r in expected], rel=1e-5)
    assert [r.val_loss for r in found] == pytest.approx([r.val_loss for r in expected], rel=1e-5)


class NoClosure(torch.optim.SGD):
    """As for a loop that computes the gradients before each step."""

    def step(self) -> None:  # type: ignore[override]
        super().step()


class Deaf(torch.optim.SGD):
    """Takes a closure and does not call it."""

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        super().step()


class ZeroGrads(torch.optim.SGD):
    """Drops the gradients and evaluates them anew, as sharpness-aware ones do."""

    def step(self, closure: Any) -> Any:  # type: ignore[override]
        def inner() -> Any:
            self.zero_grad()
            return closure()

        return super().step(inner)


class Splits(torch.optim.SGD):
    """Makes groups of its own."""

    def __init__(self, params: Any, lr: float, **options: Any) -> None:
        own = list(params)
        super().__init__(
            [{"params": [p for p in own if p.ndim == 2]}, {"params": [p for p in own if p.ndim < 2]}], lr=lr, **options
        )


@pytest.mark.parametrize("cls", [NoClosure, Deaf, ZeroGrads, Splits])
@pytest.mark.parametrize("clip", [None, 0.05])
def test_an_optimizer_of_ones_own_trains_however_it_gets_its_gradients(cls: Any, clip: float | None) -> None:
    """As the class of torch on which it is based, its momentum and decay among it; also from a checkpoint on."""
    how: dict[str, Any] = {"options": {"momentum": 0.9, "weight_decay": 0.1}, "clip_grad_norm": clip, "lr": 0.05}
    (expected,) = histories([make_member(optimizer=torch.optim.SGD, **how)])
    (found,) = histories([make_member(optimizer=cls, **how)])
    assert [r.val_loss for r in found] == pytest.approx([r.val_loss for r in expected], rel=1e-5)

    first, second = (make_member(optimizer=cls, **how) for _ in "ab")
    epochs = train([first], 10, CPU)
    next(epochs)
    second.state = next(epochs)[0].state()
    epochs.close()
    second.learning_rate.advance(0.0)
    second.learning_rate.advance(0.0)
    (rest,) = histories([second])
    assert [r.val_loss for r in rest] == [r.val_loss for r in found[2:]]


class Slows(torch.optim.SGD):
    """Changes its own learning rate."""

    def step(self, closure: Any) -> Any:  # type: ignore[override]
        loss = super().step(closure)
        self.param_groups[0]["lr"] *= 0.5
        return loss


def test_an_optimizer_may_change_its_rate_within_an_epoch() -> None:
    """Four steps at 1, ½, ¼ and ⅛ of the rate, as a schedule by step gives them."""
    slowing, scheduled = (StackEngine([make_member(optimizer=cls)], 10, CPU) for cls in (Slows, torch.optim.SGD))
    for _ in range(2):
        expected = scheduled.train_epoch([[0.5], [0.25], [0.125], [0.0625]])
        assert slowing.train_epoch([0.5]) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("cls", "options", "text"),
    [
        (
            torch.optim.SGD,
            {"nesterov": True},
            "optimizer: SGD refuses its options: Nesterov momentum requires a momentum and zero dampening",
        ),
        (torch.optim.Adam, {"betas": [2.0, 0.9]}, "optimizer: Adam refuses its options: Invalid beta parameter"),
        (torch.optim.AdamW, {"speed": 3}, "optimizer: AdamW refuses its options: .*unexpected keyword.*speed"),
        (torch.optim.Rprop, {"momentum": 3}, "optimizer: Rprop refuses its options: .*unexpected keyword.*momentum"),
        (torch.optim.Muon, {}, "optimizer: Muon refuses its options: Muon only supports 2D parameters"),
        (torch.optim.SparseAdam, {}, "SparseAdam does not support dense gradients"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
def test_an_optimizer_that_does_not_fit_is_reported(
    cls: Callable[..., torch.optim.Optimizer], options: Mapping[str, Any], text: str
) -> None:
    member = make_member(optimizer=cls, options=options)
    with pytest.raises(TrainingError, match=text):
        next(train([member], 10, CPU))


def test_members_of_a_class_that_does_not_stack_are_refused_together() -> None:
    members = [make_member(optimizer=torch.optim.Rprop, seed=seed) for seed in (1, 2)]
    with pytest.raises(TrainingError, match=re.escape("Rprop")):
        next(train(members, 10, CPU))


def test_a_stack_of_one_is_stepped_by_the_real_parameters_where_needed() -> None:
    module = nn.ParameterList([nn.Parameter(torch.ones(WIDTH))])
    network = AutogradNetwork(module, CPU, seed=0)
    stepper = build_stepper(network, torch.optim.ASGD, [{"lr": 0.1}], [math.inf])
    assert type(stepper) is SingleStepper
    plan = stepper.plan(2, np.full((1, 1), 0.025), np.ones((1, 1)))

    def gradients(_: object) -> Tensor:
        network.gradients.fill_(2.0)
        return torch.tensor([1.0])

    objective: Any = SimpleNamespace(gradients=gradients, value=lambda logits, _: float(logits.sum()))
    batch: Any = None
    for numbers in plan.numbers():
        stepper.step(objective, batch, numbers)
    reference = nn.Parameter(torch.ones(WIDTH))
    optimizer = torch.optim.ASGD([reference], lr=0.1)
    optimizer.param_groups[0]["lr"] = 0.025
    for _ in range(2):
        reference.grad = torch.full((WIDTH,), 2.0)
        optimizer.step()
    torch.testing.assert_close(network.parameters[0], reference.detach())
    assert torch.equal(module[0], network.parameters[0])


FACTORS: list[dict[str, Factors]] = [
    {"blocks.0.linear.bias": Factors(rate=0.1, decay=0.0), "head.weight": Factors(rate=6.0)},
    {"blocks.0.linear.weight": Factors(decay=3.0), "head.bias": Factors(0.5, 0.5)},
]


DECAYS = [
    pytest.param(cls, decoupled, id=f"{cls.__name__}{'-decoupled' * decoupled}")
    for cls in (*RULES, torch.optim.ASGD, torch.optim.Adafactor)
    for decoupled in (False, True)
    if not decoupled or "decoupled_weight_decay" in inspect.signature(cls).parameters
]


@pytest.mark.parametrize(("cls", "decoupled"), DECAYS)
def test_parameters_have_rates_and_decays_of_their_own_in_every_step(cls: Any, decoupled: bool) -> None:
    """As torch's groups, whose options are changed before each step."""
    own = {"decoupled_weight_decay": True} if decoupled else {}
    rng = np.random.default_rng(0)
    members = range(2 if stacks(cls) else 1)
    modules = [MLP(3, 1, (4,), 0.0) for _ in members]
    options = [{"lr": 0.1, "weight_decay": 0.02 * (m + 1), **own} for m in members]
    lr, decay = rng.uniform(0.01, 0.1, (2, STEPS, len(members)))
    gradients = [
        [{n: torch.from_numpy(rng.normal(size=p.shape)).float() for n, p in m.named_parameters()} for m in modules]
        for _ in range(STEPS)
    ]
    expected = copy.deepcopy(modules)
    for member, module in enumerate(expected):
        factors = {name: FACTORS[member].get(name, Factors()) for name, _ in module.named_parameters()}
        reference = cls([{"params": [p], "name": n} for n, p in module.named_parameters()], **options[member])
        for step in range(STEPS):
            for (name, parameter), group in zip(module.named_parameters(), reference.param_groups, strict=True):
                parameter.grad = gradients[step][member][name].clone()
                group["lr"] = lr[step, member] * factors[name].rate
                group["weight_decay"] = options[member]["weight_decay"] * decay[step, member] * factors[name].decay
            reference.step()

    network: Network = (
        StackedMLP(modules, CPU) if stacks(cls) else AutogradNetwork(copy.deepcopy(modules[0]), CPU, seed=0)
    )
    stepper = build_stepper(network, cls, options, [math.inf] * len(members), FACTORS[: len(members)])

    def fill(step: int) -> Tensor:
        for name, view in network.parameter_rows.views(network.gradients).items():
            for member in members:
                view[member] = gradients[step][member][name]
        return torch.zeros(1)

    objective: Any = SimpleNamespace(gradients=fill, value=lambda logits, _: 0.0)
    for step, numbers in enumerate(stepper.plan(STEPS, lr, decay).numbers()):
        number: Any = step  # in the place of a batch
        stepper.step(objective, number, numbers)
    for name, view in network.parameter_rows.views(network.parameters).items():
        for member in members:
            torch.testing.assert_close(view[member], expected[member].get_parameter(name).detach())


def test_a_gradient_of_infinite_norm_beside_one_that_is_clipped_is_as_alone() -> None:
    """Its numbers are finite; the sum of their squares is not."""

    def moved(max_norm: list[float]) -> Tensor:
        members = len(max_norm)
        network = network_of(members)
        stepper = build_stepper(network, torch.optim.SGD, [{"lr": 1e-20}] * members, max_norm)
        objective: Any = SimpleNamespace(gradients=lambda _: network.gradients.fill_(1e20))
        batch: Any = None
        (numbers,) = stepper.plan(1, np.full((1, members), 1e-20), np.ones((1, members))).numbers()
        stepper.step(objective, batch, numbers)
        parameters: Tensor = network.parameters[0]
        return parameters

    assert torch.equal(moved([math.inf, 1.0]), moved([math.inf]))
    torch.testing.assert_close(moved([math.inf, 1.0]), torch.zeros(WIDTH))


def test_a_factor_that_all_parameters_have_is_kept() -> None:
    """Also by classes that get the parameters themselves."""
    factors = {name: Factors(rate=0.5) for name, _ in make_member().module.named_parameters()}
    halved = StackEngine([make_member(optimizer=NoClosure, factors=factors)], 10, CPU)
    expected = StackEngine([make_member(optimizer=NoClosure)], 10, CPU)
    for _ in range(2):
        assert halved.train_epoch([0.5]) == expected.train_epoch([0.25])

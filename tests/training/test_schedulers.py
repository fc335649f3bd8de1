import math
import re
from collections.abc import Callable, Mapping, Sequence
from pkgutil import resolve_name
from typing import Any

import pytest
import torch
from omegaconf import DictConfig, OmegaConf
from support.compositions import Compose
from support.members import histories, make_member, timeless
from support.project import CONF
from support.specs import build
from torch import Tensor

from mlp_exp.errors import ConfigError, TrainingError
from mlp_exp.training.loop import Trainee
from mlp_exp.training.schedulers import CurveRate, LearningRate, warmup_cosine

pytestmark = pytest.mark.usefixtures("one_thread")
EPOCHS = 12
LR = 0.02
OPTIONS = sorted(file.stem for file in (CONF / "scheduler").glob("*.yaml"))
OF_TORCH = [name for name in OPTIONS if name != "log_cosine"]
OVERRIDES = {"step": ["scheduler.step_size=3"], "reduce_on_plateau": ["scheduler.patience=1"]}
WATCHED = [1.0, 0.9, 0.95, 0.93, 0.92, 0.5, 0.5, 0.6, 0.7, 0.2, 0.3, 0.1]
"""A validation loss for each epoch."""


def composed(compose: Compose, name: str) -> DictConfig:
    overrides = [f"scheduler={name}", f"trainer.epochs={EPOCHS}", f"optimizer.lr={LR}", *OVERRIDES.get(name, [])]
    return compose(overrides)


def rates(learning_rate: LearningRate | CurveRate, watched: Sequence[float] = WATCHED) -> list[float]:
    found = []
    for value in watched:
        found.append(learning_rate.value)
        learning_rate.advance(value)
    return found


def rates_of_torch(cls: Callable[..., Any], options: Mapping[str, Any]) -> list[float]:
    """The rates of an optimizer that really steps."""
    parameter = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.Adam([parameter], lr=LR)
    scheduler = cls(optimizer, **options)
    found = []
    for value in WATCHED:
        found.append(optimizer.param_groups[0]["lr"])
        parameter.grad = torch.ones(3)
        optimizer.step()
        scheduler.step(*[value] * (cls is torch.optim.lr_scheduler.ReduceLROnPlateau))
    return found


def test_there_are_options() -> None:
    assert len(OPTIONS) >= 7


@pytest.mark.parametrize("name", OF_TORCH)
def test_an_option_gives_the_rates_of_its_class(compose: Compose, name: str) -> None:
    cfg = composed(compose, name)
    options: dict[str, Any] = dict(OmegaConf.to_container(cfg.scheduler, resolve=True))  # type: ignore[arg-type]
    cls = resolve_name(options.pop("_target_"))
    assert options.pop("interval") == "epoch"
    found = rates(build(cfg).learning_rate(EPOCHS, 1))
    assert found == pytest.approx(rates_of_torch(cls, options), rel=1e-12)
    assert all(rate > 0 for rate in found)
    assert len(set(found)) == 1 if name == "none" else len(set(found)) > 1


@pytest.mark.parametrize("name", OPTIONS)
def test_a_schedule_is_as_long_as_the_training_whatever_the_configuration_says(compose: Compose, name: str) -> None:
    """The data may ask for more epochs: trainer.steps."""
    cfg = composed(compose, name)
    expected = rates(build(cfg).learning_rate(EPOCHS, 1))
    cfg.trainer.epochs = 3
    assert rates(build(cfg).learning_rate(EPOCHS, 1)) == expected
    assert cfg.trainer.epochs == 3


def test_a_constant_factor_holds_in_every_epoch_or_in_some(compose: Compose) -> None:
    cfg = composed(compose, "none")
    cfg.scheduler.factor = 0.5
    assert rates(build(cfg).learning_rate(EPOCHS, 1)) == [LR / 2] * EPOCHS
    cfg.scheduler.total_iters = 3
    assert rates(build(cfg).learning_rate(EPOCHS, 1)) == [LR / 2] * 3 + [LR] * (EPOCHS - 3)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("none", [LR] * EPOCHS),
        ("step", [LR * 0.1 ** (epoch // 3) for epoch in range(EPOCHS)]),
        ("exponential", [LR * 0.97**epoch for epoch in range(EPOCHS)]),
        ("cosine", [LR * (1 + math.cos(math.pi * epoch / EPOCHS)) / 2 for epoch in range(EPOCHS)]),
        # 0.95 and 0.93 are no better than 0.9, so the cut comes after the fourth epoch; 0.92 is the first bad one then
        ("reduce_on_plateau", [LR] * 4 + [LR / 2] * 4 + [LR / 4] * 4),
    ],
)
def test_the_rates_in_numbers(compose: Compose, name: str, expected: list[float]) -> None:
    found = rates(build(composed(compose, name)).learning_rate(EPOCHS, 1))
    assert found == pytest.approx(expected, rel=1e-9)


def warm(epoch: int, epochs: int, warmup: int, start: float, eta_min: float, lr: float = LR) -> float:
    """The rate of an epoch, from 0."""
    if epoch < warmup:
        return lr * (start + (1 - start) * epoch / warmup)
    return eta_min + (lr - eta_min) * (1 + math.cos(math.pi * (epoch - warmup) / (epochs - warmup))) / 2


@pytest.mark.parametrize(
    ("epochs", "warmup", "start", "eta_min"),
    [(12, 5, 0.1, 0.0), (12, 1, 0.5, 0.001), (12, 0, 0.1, 0.0), (3, 2, 0.2, 0.0), (2, 1, 0.1, 0.0), (1, 0, 0.1, 0.0)],
)
def test_warmup_and_cosine(epochs: int, warmup: int, start: float, eta_min: float) -> None:
    learning_rate = LearningRate(LR, lambda optimizer: warmup_cosine(optimizer, epochs, warmup, start, eta_min))
    expected = [warm(epoch, epochs, warmup, start, eta_min) for epoch in range(epochs)]
    assert rates(learning_rate, [1.0] * epochs) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("epochs", "cut"), [(1, 0), (3, 2), (5, 4)])
def test_a_warmup_longer_than_the_training_leaves_an_epoch_for_the_whole_rate(epochs: int, cut: int) -> None:
    learning_rate = LearningRate(LR, lambda optimizer: warmup_cosine(optimizer, epochs, 5, 0.1))
    expected = [warm(epoch, epochs, cut, 0.1, 0.0) for epoch in range(epochs)]
    found = rates(learning_rate, [1.0] * epochs)
    assert found == pytest.approx(expected, rel=1e-9)
    assert found[-1] == pytest.approx(LR)


@pytest.mark.parametrize("val_rows", [11, 0])
def test_the_plateau_is_that_of_the_validation_loss_or_else_of_the_training_loss(val_rows: int) -> None:
    def plateau(optimizer: torch.optim.Optimizer) -> torch.optim.lr_scheduler.ReduceLROnPlateau:
        return torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=0, threshold=0.0)

    member = make_member(val_rows=val_rows, lr=0.3, epochs=12, scheduler=plateau)
    (records,) = histories([member])
    expected, lr, best = [], 0.3, math.inf
    for record in records:
        expected.append(lr)
        watched = record.train_loss if record.val_loss is None else record.val_loss
        lr, best = (lr, watched) if watched < best else (lr / 2, best)
    assert [record.lr for record in records] == expected
    assert len(set(expected)) > 1


def test_a_training_goes_by_the_rates_of_its_scheduler() -> None:
    """With rates 0.1, 0, 0 … the weights move in the first epoch only."""
    member = make_member(
        lr=0.1, epochs=3, scheduler=lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda epoch: float(epoch == 0))
    )
    (records,) = histories([member])
    assert [record.lr for record in records] == [0.1, 0.0, 0.0]
    first, second, third = (record.val_loss for record in records)
    assert first == second == third
    assert member.early_stopping.best_epoch == 1


def test_the_cycle_is_used_up_by_the_last_epoch(compose: Compose) -> None:
    """The last step of a training is not one too many for OneCycleLR."""
    learning_rate = build(composed(compose, "one_cycle")).learning_rate(EPOCHS, 1)
    found = rates(learning_rate)
    assert found[0] == pytest.approx(LR / 25)
    assert max(found) == pytest.approx(LR, rel=0.05)
    assert found[-1] == pytest.approx(LR / 25 / 1e4)


# ---- after every step

STEPS = 4


def by_step(compose: Compose, name: str, *overrides: str) -> LearningRate | CurveRate:
    words = [f"scheduler={name}", "scheduler.interval=step", f"trainer.epochs={EPOCHS}", f"optimizer.lr={LR}"]
    return build(compose([*words, *overrides])).learning_rate(EPOCHS, STEPS)


def all_rates(learning_rate: LearningRate | CurveRate) -> list[float]:
    found: list[float] = []
    for epoch in range(1, EPOCHS + 1):
        assert len(learning_rate.rates) == STEPS
        assert learning_rate.value == learning_rate.rates[0]
        found += learning_rate.rates
        learning_rate.advance(1.0, last=epoch == EPOCHS)
    return found


@pytest.mark.parametrize(
    ("name", "key", "expected"),
    [
        ("none", None, [LR] * EPOCHS * STEPS),
        ("exponential", None, [LR * 0.97**step for step in range(EPOCHS * STEPS)]),
        ("step", None, [LR * 0.1 ** (step // 30) for step in range(EPOCHS * STEPS)]),
        (
            "cosine",
            "T_max",
            [LR * (1 + math.cos(math.pi * step / (EPOCHS * STEPS))) / 2 for step in range(EPOCHS * STEPS)],
        ),
        ("warmup_cosine", "epochs", [warm(step, EPOCHS * STEPS, 5, 0.1, 0.0) for step in range(EPOCHS * STEPS)]),
        ("one_cycle", "total_steps", None),
    ],
)
def test_a_scheduler_may_step_after_every_step(
    compose: Compose, name: str, key: str | None, expected: list[float] | None
) -> None:
    """`auto` is the number of all steps."""
    found = all_rates(by_step(compose, name, *[f"scheduler.{key}=auto"] * bool(key)))
    if expected:
        assert found == pytest.approx(expected, rel=1e-9)
    else:
        assert (found[0], max(found), found[-1]) == pytest.approx((LR / 25, LR, LR / 25 / 1e4), rel=1e-2)
    if key:
        assert all_rates(by_step(compose, name, f"scheduler.{key}={EPOCHS * STEPS}")) == found


@pytest.mark.parametrize(
    ("name", "key", "override", "got"),
    [
        ("cosine", "T_max", [], EPOCHS),
        ("one_cycle", "total_steps", [], EPOCHS),
        ("warmup_cosine", "epochs", [], EPOCHS),
        ("cosine", "T_max", ["scheduler.T_max=47"], 47),
    ],
)
def test_a_schedule_that_is_over_before_the_training_is_refused(
    compose: Compose, name: str, key: str, override: list[str], got: int
) -> None:
    with pytest.raises(ConfigError) as caught:
        by_step(compose, name, *override)
    assert caught.value.problems == [
        f"scheduler.{key}: with scheduler.interval=step it is a number of steps, of which the training has 48 (12 "
        f"epochs of 4); expected auto, which is all of them, or as many or more, got {got}"
    ]


def test_auto_is_the_number_of_epochs_where_a_scheduler_steps_by_epoch(compose: Compose) -> None:
    cfg = composed(compose, "cosine")
    expected = rates(build(cfg).learning_rate(EPOCHS, STEPS))
    cfg.scheduler.T_max = "auto"
    assert rates(build(cfg).learning_rate(EPOCHS, STEPS)) == expected


def test_the_plateau_of_a_loss_is_one_of_epochs(compose: Compose) -> None:
    text = r"^scheduler.interval: ReduceLROnPlateau watches the loss of an epoch; expected epoch, got step$"
    with pytest.raises(TrainingError, match=text):
        by_step(compose, "reduce_on_plateau")


def halved_by_step(steps: int | None) -> LearningRate:
    return LearningRate(0.1, lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.5), steps)


def test_steps_are_taken_at_their_own_rates_alone_and_in_company() -> None:
    """37 rows in batches of 10: four steps an epoch."""

    def member(seed: int, steps: int | None) -> Trainee:
        made = make_member(seed=seed, lr=0.1, optimizer=torch.optim.SGD, epochs=3)
        made.learning_rate = halved_by_step(steps)
        return made

    kinds = [(1, 4), (2, None), (3, 4)]
    together = histories([member(*kind) for kind in kinds])
    for kind, found in zip(kinds, together, strict=True):
        (alone,) = histories([member(*kind)])
        assert timeless(found) == timeless(alone)
        factor = 0.5 ** (kind[1] or 1)
        assert [record.lr for record in found] == pytest.approx([0.1 * factor**epoch for epoch in range(3)])
    single = member(1, 4)
    single.optimizer = torch.optim.Rprop
    assert [record.lr for record in histories([single])[0]] == [record.lr for record in together[0]]


def test_rates_of_zero_after_the_first_step_leave_one_step() -> None:
    member = make_member(lr=0.1, optimizer=torch.optim.SGD, epochs=1)
    member.learning_rate = LearningRate(
        0.1, lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda step: float(step == 0)), 4
    )
    start = member.module.get_parameter("head.bias").detach().clone()
    gradients: list[Tensor] = []

    class Watched(torch.optim.SGD):
        def step(self, closure: Any = None) -> None:  # type: ignore[override]
            super().step(closure)
            gradients.append(self.param_groups[0]["params"][-1].grad.clone())

    member.optimizer = Watched
    histories([member])
    assert len(gradients) > 3
    torch.testing.assert_close(member.module.get_parameter("head.bias").detach(), start - 0.1 * gradients[0])


def test_a_schedule_that_ends_in_the_training_fails_its_run_alone() -> None:
    """Of a scheduler whose length is not known beforehand."""
    member, other = make_member(seed=1, epochs=5), make_member(seed=2, epochs=5)
    member.learning_rate = LearningRate(
        0.01, lambda o: torch.optim.lr_scheduler.OneCycleLR(o, max_lr=0.01, total_steps=10, cycle_momentum=False), 4
    )
    found, expected = histories([member, other])
    assert [record.status for record in found] == [None, "failed"]
    assert re.match(r"scheduler: OneCycleLR: Tried to step 11 times", str(found[-1].error))
    assert [record.status for record in expected][-1] == "finished"

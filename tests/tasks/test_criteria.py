"""Criteria of torch, and modules of a user, as losses."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.commands import Command, mistakes, refusal
from support.folders import history_of, result_of
from support.members import CPU, histories, make_member
from torch import Tensor, nn

from mlp_exp.config.trust import TORCH_LOSSES, is_trusted
from mlp_exp.data.dataset import TaskName
from mlp_exp.engine.stack_engine import StackEngine
from mlp_exp.errors import ConfigError, TrainingError
from mlp_exp.tasks.calls import AllAtOnce, ForRows, RowByRow, RowCall, row_call
from mlp_exp.tasks.criteria import CRITERIA, OF_TORCH, Criterion, as_loss
from mlp_exp.tasks.losses import BinaryCrossEntropy, CrossEntropy, Huber, Loss, SquaredError
from mlp_exp.tasks.rowwise import is_rowwise
from mlp_exp.training.loop import Trainee

CLASSES: dict[TaskName, int] = {"regression": 0, "multilabel": 0, "binary": 2, "multiclass": 3, "ordinal": 3}
EQUALS: list[tuple[nn.Module, TaskName, Loss]] = [
    (nn.MSELoss(), "regression", SquaredError("regression")),
    (nn.HuberLoss(delta=0.3), "regression", Huber("regression", 0.3)),
    (nn.BCEWithLogitsLoss(), "binary", BinaryCrossEntropy("binary")),
    (nn.CrossEntropyLoss(), "binary", CrossEntropy("binary", 2)),
    (nn.CrossEntropyLoss(), "multiclass", CrossEntropy("multiclass", 3)),
]


@pytest.mark.parametrize(("criterion", "task", "own"), EQUALS, ids=lambda value: type(value).__name__)
def test_a_criterion_of_torch_is_our_loss_of_that_name(criterion: nn.Module, task: TaskName, own: Loss) -> None:
    loss = as_loss(criterion, task, CLASSES[task])
    rng = np.random.default_rng(0)
    target = rng.standard_normal(12) if task == "regression" else rng.integers(CLASSES[task], size=12)
    encoded = torch.from_numpy(loss.encode(target)).view(3, 4, -1)
    assert torch.equal(encoded, torch.from_numpy(own.encode(target)).view(3, 4, -1))
    logits = 2 * torch.randn(3, 4, loss.out_features, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(loss.value(logits, encoded), own.value(logits, encoded))
    torch.testing.assert_close(loss.gradient(logits, encoded), own.gradient(logits, encoded))
    assert torch.equal(loss.predict(logits), own.predict(logits))


def test_a_function_of_torch_is_its_module() -> None:
    rng = np.random.default_rng(0)
    for task, modules in OF_TORCH.items():
        n_targets = 3 if task == "multilabel" else 1
        shape = (12, 3) if task == "multilabel" else (12,)
        target = rng.standard_normal(shape) if task == "regression" else rng.integers(2, size=shape)
        for module, function in modules.items():
            first, second = (
                as_loss(built, task, CLASSES[task], n_targets)
                for built in (getattr(nn, module)(), partial(getattr(nn.functional, function)))
            )
            encoded = torch.from_numpy(first.encode(target))
            logits = torch.randn(12, first.out_features, generator=torch.Generator().manual_seed(0))
            assert first.out_features == second.out_features
            assert torch.equal(first.value(logits, encoded), second.value(logits, encoded))


def test_those_of_torch_are_trusted_in_saved_runs() -> None:
    functions = {f"torch.nn.functional.{name}" for modules in OF_TORCH.values() for name in modules.values()}
    assert functions == TORCH_LOSSES
    assert all(is_trusted(path) for path in CRITERIA)


class Broken(nn.Module):
    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        raise RuntimeError("no such thing")


class Returns(nn.Module):
    """What a function makes of squared errors."""

    def __init__(self, change: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.change = change

    def forward(self, logits: Tensor, target: Tensor) -> Any:
        return self.change((logits - target).square())


@pytest.mark.parametrize(
    ("built", "task", "text"),
    [
        (
            Returns(lambda _: None),
            "binary",
            "to return a loss for each row, of 2 rows [2], or one number, got NoneType",
        ),
        (
            Returns(lambda error: error.detach().numpy()),
            "binary",
            "for each row, of 2 rows [2], or one number, got ndarray",
        ),
        (Returns(lambda error: error[:3]), "regression", "loss for each row, of 5 rows [5], or one number, got [3, 1]"),
        (Returns(lambda error: error[:5]), "regression", "for each row, of 37 rows [37], or one number, got [5, 1]"),
        (Returns(lambda error: error.detach()), "regression", "got one without a gradient: it is detached from the"),
        (
            nn.NLLLoss(),
            "multiclass",
            "loss: of torch, expected torch.nn.CrossEntropyLoss or torch.nn.MultiMarginLoss for a multiclass target, "
            "got NLLLoss",
        ),
        (nn.CrossEntropyLoss(), "regression", "for a regression target, got CrossEntropyLoss"),
        (
            nn.PoissonNLLLoss(),
            "regression",
            "loss: of torch, expected torch.nn.MSELoss, torch.nn.L1Loss, torch.nn.SmoothL1Loss or torch.nn.HuberLoss "
            "for a regression target, got PoissonNLLLoss; use loss=poisson",
        ),
        (
            partial(nn.functional.gaussian_nll_loss),
            "regression",
            "loss: of torch, expected torch.nn.functional.mse_loss, torch.nn.functional.l1_loss, "
            "torch.nn.functional.smooth_l1_loss or torch.nn.functional.huber_loss for a regression target, got "
            "gaussian_nll_loss; use loss=gaussian",
        ),
        (
            partial(nn.functional.kl_div),
            "multilabel",
            "loss: of torch, expected torch.nn.functional.binary_cross_entropy_with_logits or "
            "torch.nn.functional.multilabel_soft_margin_loss for a multilabel target, got kl_div",
        ),
        (Broken(), "binary", "loss: Broken refuses logits [2, 1]: no such thing"),
        (
            3,
            "binary",
            "loss._target_: expected a mlp_exp.components.Loss, or a function or torch.nn.Module of logits and "
            "targets, to be built, got int",
        ),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else None,
)
def test_what_is_no_loss_is_refused(built: object, task: TaskName, text: str) -> None:
    with pytest.raises(ConfigError) as error:
        as_loss(built, task, CLASSES[task])
    assert text in str(error.value)


def test_a_loss_stays_what_it_is() -> None:
    loss = SquaredError("regression")
    assert as_loss(loss, "regression", 0) is loss
    assert isinstance(as_loss(nn.L1Loss(), "regression", 0), Criterion)


# ---- functions


def each_element(prediction: Tensor, target: Tensor, power: float = 2.0) -> Tensor:
    return (prediction - target).abs().pow(power)


def mean(prediction: Tensor, target: Tensor) -> Tensor:
    return each_element(prediction, target).mean()


def total(prediction: Tensor, target: Tensor) -> Tensor:
    return each_element(prediction, target).sum()


def mean_of_vectors(prediction: Tensor, target: Tensor) -> Tensor:
    assert prediction.ndim == target.ndim == 1
    return torch.dot(prediction - target, prediction - target) / len(target)


def by_python(prediction: Tensor, target: Tensor) -> Tensor:
    return mean(prediction, target) if target.sum().item() > -1e9 else prediction.sum()


def reduced(prediction: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    error = each_element(prediction, target)
    return error if reduction == "none" else error.mean()


def mean_entropy(prediction: Tensor, target: Tensor) -> Tensor:
    return nn.functional.cross_entropy(prediction, target)


class Mean(nn.Module):
    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return mean(logits, target)


def correlation(prediction: Tensor, target: Tensor) -> Tensor:
    p, t = prediction - prediction.mean(), target - target.mean()
    return 1 - (p * t).sum() / (p.square().sum() * t.square().sum()).sqrt()


ROWWISE: list[tuple[Any, type[RowCall]]] = [
    (each_element, ForRows),
    (partial(each_element, power=2), ForRows),
    (mean, AllAtOnce),
    (total, AllAtOnce),
    (mean_of_vectors, AllAtOnce),
    (Mean(), AllAtOnce),
    (by_python, RowByRow),
]


@pytest.mark.parametrize(("function", "how"), ROWWISE)
def test_how_a_function_is_called(function: Any, how: type[RowCall]) -> None:
    def example(rows: int) -> tuple[Tensor, Tensor]:
        return torch.linspace(-1, 2, rows)[:, None].requires_grad_(), torch.linspace(0, 1, rows)[:, None]

    assert type(row_call(function, "f", example)) is how


@pytest.mark.parametrize("function", [*(each for each, _ in ROWWISE), reduced, partial(reduced, reduction="mean")])
def test_whatever_a_function_returns_it_gives_the_loss_of_each_row(function: Any) -> None:
    loss, expected = as_loss(function, "regression", 0), SquaredError("regression")
    encoded = torch.from_numpy(loss.encode(np.random.default_rng(0).standard_normal(12))).view(3, 4, 1)
    logits = torch.randn(3, 4, 1, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(loss.value(logits, encoded), expected.value(logits, encoded))
    torch.testing.assert_close(loss.gradient(logits, encoded), expected.gradient(logits, encoded))
    assert is_rowwise(loss)
    assert loss.takes_weights
    loss.check_weights(np.array([1.0, 2.0]))


def test_of_several_targets_and_of_classes_it_is_the_same() -> None:
    values = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    several = as_loss(mean, "regression", 0, 3)
    torch.testing.assert_close(several.value(values, -values), SquaredError("regression", 3).value(values, -values))
    classes = as_loss(mean_entropy, "ordinal", 3)
    codes = np.array([0, 1, 2, 2, 1, 0])
    encoded = torch.from_numpy(classes.encode(codes))
    torch.testing.assert_close(
        classes.value(values, encoded), nn.functional.cross_entropy(values, torch.from_numpy(codes), reduction="none")
    )


def test_a_number_of_the_whole_batch_stands_for_each_row() -> None:
    loss = as_loss(correlation, "regression", 0)
    assert not is_rowwise(loss)
    logits = torch.randn(2, 6, 1, generator=torch.Generator().manual_seed(0))
    encoded = torch.from_numpy(loss.encode(np.arange(12.0))).view(2, 6, 1)
    values = loss.value(logits, encoded)
    for batch, target, found in zip(logits, encoded, values, strict=True):
        assert found.tolist() == [pytest.approx(correlation(batch, target).item())] * 6
    leaf = logits[0].clone().requires_grad_()
    (expected,) = torch.autograd.grad(correlation(leaf, encoded[0]), leaf)
    torch.testing.assert_close(loss.gradient(logits[0], encoded[0]), 6 * expected)  # the engine divides by the rows


def test_its_rows_cannot_have_weights() -> None:
    loss = as_loss(correlation, "regression", 0)
    loss.check_weights(np.ones(4))
    with pytest.raises(ConfigError) as caught:
        loss.check_weights(np.array([1.0, 2.0]))
    assert caught.value.problems == [
        "loss: expected a loss for each row, or their mean or sum, since the rows have weights; got one that belongs "
        "to a batch as a whole"
    ]


def test_it_trains_alone_and_learns() -> None:
    def member(seed: int) -> Trainee:
        return make_member("regression", seed=seed, loss=as_loss(correlation, "regression", 0), epochs=20)

    ((*_, last),) = histories([member(0)])
    assert 0 < last.train_loss < 0.5
    with pytest.raises(TrainingError, match=r"^loss: Criterion trains alone, and 2 were given together$"):
        StackEngine([member(0), member(1)], 10, CPU)


def test_trying_a_function_leaves_no_trace() -> None:
    class Counting(nn.Module):
        calls = 0

        def forward(self, logits: Tensor, target: Tensor) -> Tensor:
            self.calls += 1
            return (logits - target + torch.randn(1)).square().mean()

    module, state = Counting(), torch.get_rng_state()
    assert not is_rowwise(as_loss(module, "regression", 0))
    assert module.calls == 0
    assert torch.equal(torch.get_rng_state(), state)


MINE = """
import torch
from mlp_exp.components import SquaredError

def distance(prediction, target, power=2.0):
    return (prediction - target).abs().pow(power).mean()

def factory(power):
    return lambda prediction, target: distance(prediction, target, power)

def makes_ours(task, n_targets):
    return SquaredError(task, n_targets)

def correlation(prediction, target):
    p, t = prediction - prediction.mean(), target - target.mean()
    return 1 - (p * t).sum() / (p.norm() * t.norm())
"""
SHORT = ["data=diabetes", "trainer.epochs=2", "trainer.plots=never", "trainer.device=cpu"]


@pytest.mark.slow
def test_functions_and_what_makes_them_are_told_apart(command: Command, tmp_path: Path) -> None:
    """All of these are the squared error, so that the runs are nearly the same."""
    (tmp_path / "mine_losses.py").write_text(MINE, encoding="utf-8")
    same = [
        ["loss._target_=mine_losses.distance"],
        ["loss._target_=mine_losses.distance", "+loss.power=2.0"],
        ["loss._target_=mine_losses.factory", "+loss.power=2.0"],
        ["loss._target_=mine_losses.makes_ours"],
        ["loss._target_=torch.nn.functional.mse_loss"],
        ["loss._target_=torch.nn.functional.mse_loss", "+loss.reduction=mean"],
        ["loss=squared_error"],
    ]
    found = []
    for number, words in enumerate(same):
        done = command("run", *SHORT, *words, f"hydra.run.dir={number}")
        assert (done.returncode, done.stderr) == (0, "")
        found.append(result_of(tmp_path / str(number))["metrics"]["test"]["rmse"])
    assert found == [pytest.approx(found[-1], rel=1e-4)] * len(same)
    done = command("run", *SHORT, "loss._target_=mine_losses.distance", "+loss.power=4", "hydra.run.dir=other")
    assert result_of(tmp_path / "other")["metrics"]["test"]["rmse"] != pytest.approx(found[-1], rel=1e-4)


@pytest.mark.slow
def test_runs_with_a_function_train_alone_and_in_a_sweep_alike(command: Command, tmp_path: Path) -> None:
    (tmp_path / "mine_losses.py").write_text(MINE, encoding="utf-8")
    for name, stacks in (
        ("distance", "1 stack"),
        ("correlation", "2 stacks: 2 alone (a row's Criterion depends on other rows)"),
    ):
        words = [*SHORT, f"loss._target_=mine_losses.{name}"]
        swept = command("run", "-m", *words, "seed=0,1", f"hydra.sweep.dir=sweep-{name}")
        alone = command("run", *words, "seed=1", f"hydra.run.dir=alone-{name}")
        assert (swept.returncode, swept.stderr, alone.returncode, alone.stderr) == (0, "", 0, "")
        assert f"2 runs in {stacks}" in swept.stdout
        now, then = history_of(tmp_path / f"sweep-{name}/1"), history_of(tmp_path / f"alone-{name}")
        assert [row[:-1] for row in now] == [row[:-1] for row in then]


@pytest.mark.slow
def test_mistakes_in_the_settings_of_a_function(command: Command, tmp_path: Path) -> None:
    (tmp_path / "mine_losses.py").write_text(MINE, encoding="utf-8")
    function = "loss._target_=mine_losses.distance"
    for words, line in [
        ([function, "+loss.powr=2"], "loss.powr: distance takes no 'powr'. Did you mean 'power'?"),
        (
            [function, "loss.class_weight=balanced"],
            "loss.class_weight: distance takes no 'class_weight'. Known: power.",
        ),
        (["loss._target_=mine_losses.factory"], "loss.power: factory needs 'power'. Add it: +loss.power=…"),
        (
            ["loss._target_=torch.nn.functional.smooth_l1_loss", "+loss.bet=1"],
            "loss.bet: smooth_l1_loss takes no 'bet'. Did you mean 'beta'?",
        ),
        *(
            (
                [f"loss._target_=torch.nn.{name}", "+loss.reduction=sum"],
                "loss.reduction: expected mean or none, since a loss is the mean over rows, got 'sum'; for larger "
                "steps raise optimizer.lr",
            )
            for name in ("L1Loss", "functional.l1_loss")
        ),
    ]:
        assert refusal(command("run", *SHORT, *words)) == mistakes(line)


@pytest.mark.slow
def test_runs_with_a_criterion_train_alone_and_in_a_sweep_alike_and_predict(command: Command, tmp_path: Path) -> None:
    words = ["loss._target_=torch.nn.SmoothL1Loss", "+loss.beta=0.5", "data=diabetes", "trainer.epochs=3"]
    words += ["trainer.plots=never", "trainer.device=cpu"]
    swept = command("run", "-m", *words, "seed=0,1", "hydra.sweep.dir=sweep")
    alone = command("run", *words, "seed=1", "hydra.run.dir=alone")
    assert (swept.returncode, swept.stderr, alone.returncode, alone.stderr) == (0, "", 0, "")
    now, then = history_of(tmp_path / "sweep/1"), history_of(tmp_path / "alone")
    assert [row[:-1] for row in now] == [row[:-1] for row in then]
    (tmp_path / "rows.csv").write_text(
        "age,sex,bmi,bp,s1,s2,s3,s4,s5,s6\n" + ",".join(["0.01"] * 10) + "\n", encoding="utf-8"
    )
    assert command("predict", "alone", "rows.csv", "-o", "out.csv").returncode == 0

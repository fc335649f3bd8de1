"""Losses whose rows depend on each other, on chance or on the past train alone, and on real rows."""

from pathlib import Path

import pytest
import torch
from support.commands import Command
from support.folders import history_of
from support.members import CPU, histories, make_member, timeless
from torch import Tensor, nn

from mlp_exp.engine.stack_engine import StackEngine
from mlp_exp.errors import TrainingError
from mlp_exp.tasks.criteria import Criterion
from mlp_exp.tasks.losses import BinaryCrossEntropy, CrossEntropy, Huber, Loss, SquaredError
from mlp_exp.tasks.rowwise import is_rowwise
from mlp_exp.training.loop import Trainee


class OfTheBatch(nn.Module):
    """Errors in units of their mean."""

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        error = (logits - target).square()
        return (error / (error.mean() + 1e-3)).flatten(1).mean(1)


class Noisy(nn.Module):
    """Errors against labels with noise."""

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return (logits - target + 0.1 * torch.randn_like(target)).square().flatten(1).mean(1)


class Remembering(nn.Module):
    """Errors against a running mean of the targets."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(()))

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        self.mean = 0.9 * self.mean + 0.1 * target.mean()
        return (logits - self.mean).square().flatten(1).mean(1)


class Plain(nn.Module):
    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return (logits - target).abs().flatten(1).mean(1)


MIXED = [OfTheBatch, Noisy, Remembering]


@pytest.mark.parametrize("kind", MIXED)
def test_they_are_told_from_others(kind: type[nn.Module]) -> None:
    module = kind()
    state = torch.get_rng_state()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    assert not is_rowwise(Criterion(module, "regression", 0))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())


@pytest.mark.parametrize(
    "loss",
    [
        Criterion(Plain(), "binary", 2),
        Criterion(Plain(), "multilabel", 0, 3),
        Criterion(nn.SmoothL1Loss(), "regression", 0),
        Criterion(nn.CrossEntropyLoss(), "multiclass", 3),
        Criterion(nn.MultiMarginLoss(), "multiclass", 3),
        BinaryCrossEntropy("binary", label_smoothing=0.1, class_weight="balanced"),
        CrossEntropy("multiclass", 4),
        SquaredError("regression"),
        Huber("regression"),
    ],
    ids=lambda loss: type(loss).__name__,
)
def test_others_are_not_held_back(loss: Loss) -> None:
    assert is_rowwise(loss)


def test_they_are_refused_together() -> None:
    members = [make_member("regression", seed=seed, loss=Criterion(OfTheBatch(), "regression", 0)) for seed in (0, 1)]
    with pytest.raises(TrainingError, match=r"^loss: Criterion trains alone, and 2 were given together$"):
        StackEngine(members, 10, CPU)


def test_a_loss_of_the_batch_gets_the_rows_that_are_there() -> None:
    """37 rows in one batch, which others are padded to 64; the history has the loss before the step."""
    member = make_member("regression", loss=Criterion(OfTheBatch(), "regression", 0), optimizer=torch.optim.SGD)
    logits = member.module(member.data.inputs[member.data.train])
    targets = member.data.targets[member.data.train]
    expected = OfTheBatch()(logits, targets).mean().item()
    (gradient,) = torch.autograd.grad(OfTheBatch()(logits, targets).mean(), member.module.get_parameter("head.bias"))
    before = member.module.get_parameter("head.bias").detach().clone()
    engine = StackEngine([member], None, CPU)
    assert engine.train_epoch([0.5]) == pytest.approx([expected], rel=1e-5)
    engine.evaluate()
    engine.remember([0])
    engine.write_best(0)
    torch.testing.assert_close(member.module.get_parameter("head.bias").detach(), before - 0.5 * gradient)


@pytest.mark.parametrize("kind", MIXED)
def test_partial_batches_and_chunks_are_trained_alike_again(kind: type[nn.Module]) -> None:
    """What a loss draws comes from the run's own stream."""

    def member() -> Trainee:
        return make_member("regression", seed=3, loss=Criterion(kind(), "regression", 0), val_rows=11)

    (first,), (second,) = histories([member()]), histories([member()])
    assert timeless(first) == timeless(second)
    assert len(first) == 4


@pytest.mark.slow
def test_in_a_sweep_they_train_as_alone(command: Command, tmp_path: Path) -> None:
    tmp_path.joinpath("of_the_batch.py").write_text(
        "from torch import nn\n"
        "class OfTheBatch(nn.Module):\n"
        "    def forward(self, logits, target):\n"
        "        error = (logits - target).square()\n"
        "        return (error / (error.mean() + 1e-3)).flatten(1).mean(1)\n"
    )
    words = ["data=diabetes", "loss._target_=of_the_batch.OfTheBatch", "trainer.epochs=3", "trainer.plots=never"]
    sweep = command("run", "-m", *words, "seed=0,1", "hydra.sweep.dir=sweep")
    assert sweep.returncode == 0, sweep.stderr
    assert "2 runs in 2 stacks: 2 alone (a row's Criterion depends on other rows)" in sweep.stdout
    alone = command("run", *words, "seed=1", "hydra.run.dir=alone")
    assert alone.returncode == 0, alone.stderr
    now, then = history_of(tmp_path / "sweep/1"), history_of(tmp_path / "alone")
    assert [row[:-1] for row in now] == [row[:-1] for row in then]

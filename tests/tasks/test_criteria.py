"""Criteria of torch, and modules of a user, as losses."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.commands import Command
from support.folders import history_of
from torch import Tensor, nn

from mlp_exp.data.dataset import TaskName
from mlp_exp.errors import ConfigError
from mlp_exp.tasks.criteria import Criterion, as_loss
from mlp_exp.tasks.losses import BinaryCrossEntropy, CrossEntropy, Huber, Loss, SquaredError

CLASSES: dict[TaskName, int] = {"regression": 0, "binary": 2, "multiclass": 3}
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


class Mean(nn.Module):
    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return (logits - target).abs().mean()


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
        (Returns(lambda _: None), "binary", "to return a loss for each row, of 2 rows [2], got NoneType"),
        (Returns(lambda error: error.detach().numpy()), "binary", "for each row, of 2 rows [2], got ndarray"),
        (Returns(lambda error: error[:3]), "regression", "loss for each row, of 5 rows [5], got [3, 1]"),
        (Returns(lambda error: error.detach()), "regression", "got one without a gradient: it is detached from the"),
        (
            nn.NLLLoss(),
            "multiclass",
            "loss: of torch, expected torch.nn.CrossEntropyLoss or torch.nn.MultiMarginLoss for a multiclass target, "
            "got NLLLoss",
        ),
        (nn.CrossEntropyLoss(), "regression", "for a regression target, got CrossEntropyLoss"),
        (Mean(), "regression", "loss: expected Mean to return a loss for each row, of 2 rows [2], got []"),
        (Broken(), "binary", "loss: Broken refuses logits [2, 1]: no such thing"),
        (
            3,
            "binary",
            "loss._target_: expected a mlp_exp.components.Loss, or a torch.nn.Module of logits and targets, to be "
            "built, got int",
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

"""Members train with each loss in a stack of five as alone, to the last bit; where a loss may differ, they still do."""

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from support.members import CPU, histories, make_member, same_weights, timeless
from torch import Tensor, nn

from mlp_exp.data.dataset import TaskName
from mlp_exp.engine.stack_engine import StackEngine
from mlp_exp.errors import TrainingError
from mlp_exp.tasks.criteria import Criterion
from mlp_exp.tasks.losses import (
    BinaryCrossEntropy,
    CrossEntropy,
    Focal,
    Gamma,
    Gaussian,
    Huber,
    Loss,
    Ordinal,
    Poisson,
    Quantile,
    SquaredError,
)
from mlp_exp.training.loop import Trainee

ROWS = 48


def wing(prediction: Tensor, target: Tensor) -> Tensor:
    """A user's own, as the mean over rows."""
    return (1 + (prediction - target).abs()).log().mean()


def summed(prediction: Tensor, target: Tensor) -> Tensor:
    """A user's own, as the sum over rows, which `torch.func.vmap` cannot call."""
    factor = 2.0 if target.abs().sum().item() >= 0 else 1.0
    return factor * (prediction - target).square().sum()


LOSSES: dict[str, tuple[TaskName, Callable[[], Loss]]] = {
    "squared of several": ("regression", lambda: SquaredError("regression", 3)),
    "huber of several": ("regression", lambda: Huber("regression", 0.5, 2)),
    "labels": ("multilabel", lambda: BinaryCrossEntropy("multilabel", n_targets=3)),
    "ordinal": ("ordinal", lambda: Ordinal("ordinal", 4)),
    "focal binary": ("binary", lambda: Focal("binary", 2)),
    "focal": ("multiclass", lambda: Focal("multiclass", 3)),
    "quantile": ("regression", lambda: Quantile("regression")),
    "nll": ("regression", lambda: Gaussian("regression")),
    "crps": ("regression", lambda: Gaussian("regression", "crps")),
    "poisson": ("regression", lambda: Poisson("regression")),
    "gamma of several": ("regression", lambda: Gamma("regression", 2)),
    "function": ("regression", lambda: Criterion(wing, "regression", 0)),
    "function of classes": ("multiclass", lambda: Criterion(nn.functional.cross_entropy, "multiclass", 3)),
    "function row by row": ("regression", lambda: Criterion(summed, "regression", 0)),
}


def member(name: str, seed: int) -> Trainee:
    task, build = LOSSES[name]
    loss = build()
    made = make_member(loss=loss, seed=seed, lr=0.01 * (1 + seed), dropout=0.1)
    rng = np.random.default_rng(0)
    shape = (ROWS, loss.n_targets) if loss.n_targets > 1 else (ROWS,)
    classes = {"binary": 2, "multilabel": 2, "multiclass": 3, "ordinal": 4}.get(task, 0)
    target = rng.integers(classes, size=shape) if classes else rng.gamma(1.0, size=shape)
    data = replace(made.data, targets=torch.from_numpy(loss.encode(target)))
    return replace(made, data=data, validation=None)


@pytest.mark.parametrize("name", LOSSES)
def test_members_train_in_a_stack_as_alone(name: str) -> None:
    stack = [member(name, seed) for seed in range(5)]
    for seed, records in enumerate(histories(stack)):
        alone = member(name, seed)
        assert timeless(histories([alone])[0]) == timeless(records)
        assert same_weights(alone.module, stack[seed].module)
        assert records[-1].train_loss < records[0].train_loss


def test_members_may_differ_in_the_weights_of_classes() -> None:
    losses = [CrossEntropy("binary", 2, class_weight=weight) for weight in (None, "balanced", {"1": 3.0})]
    StackEngine([make_member(loss=loss) for loss in losses], 10, CPU)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Quantile("regression", [0.1, 0.9]), Quantile("regression", [0.2, 0.8])),
        (Gaussian("regression"), Gaussian("regression", "crps")),
        (Criterion(wing, "regression", 0), Criterion(summed, "regression", 0)),
    ],
)
def test_they_may_not_differ_in_other_settings(one: Loss, other: Loss) -> None:
    members = [make_member("regression", loss=loss) for loss in (one, other)]
    with pytest.raises(TrainingError, match=re.escape("must be alike, and one has another loss")):
        StackEngine(members, 10, CPU)

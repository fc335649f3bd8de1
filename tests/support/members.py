"""Members of small random data, and what training makes of them."""

import copy
import functools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mlp_exp.data.dataset import TaskName
from mlp_exp.data.target_scaling import TargetScaling
from mlp_exp.engine.batches import MemberData
from mlp_exp.engine.engine import Factors
from mlp_exp.engine.streams import Streams
from mlp_exp.model.embedding import EmbeddedNetwork
from mlp_exp.model.mlp import MLP, Block
from mlp_exp.tasks.head import Head
from mlp_exp.tasks.losses import Loss, auto_loss
from mlp_exp.training.curves import Curve
from mlp_exp.training.early_stopping import NoEarlyStopping
from mlp_exp.training.loop import Trainee, logits_of, train
from mlp_exp.training.records import EpochRecord
from mlp_exp.training.schedulers import CurveRate, LearningRate
from mlp_exp.training.validation import Validation
from support.tasks import task_for

CPU = torch.device("cpu")
CONSTANT = functools.partial(torch.optim.lr_scheduler.ConstantLR, factor=1.0)
STEPS = 4
"""In an epoch of 37 rows in batches of 10."""
N_CLASSES: dict[TaskName, int] = {"binary": 2, "multiclass": 3, "regression": 0}


class Embeddings(NamedTuple):
    """Of the last `columns` features, which then are numbers of trained rows."""

    columns: int = 2
    rows: int = 9
    width: int = 3
    never_trained: tuple[int, ...] = (0, 4)


@functools.cache
def table(task: TaskName, rows: int, features: int, seed: int) -> tuple[Tensor, np.ndarray]:
    """Random features and a target that depends on them; the same object for the same arguments."""
    rng = np.random.default_rng(seed)
    inputs = rng.standard_normal((rows, features))
    score = inputs.sum(axis=1) / math.sqrt(features) + 0.3 * rng.standard_normal(rows)
    if task == "regression":
        target = score
    else:
        target = np.digitize(score, np.quantile(score, np.arange(1, N_CLASSES[task]) / N_CLASSES[task]))
    return torch.from_numpy(inputs.astype(np.float32)), target


@functools.cache
def _encoded(
    task: TaskName, rows: int, features: int, seed: int, embeddings: Embeddings | None
) -> tuple[Tensor, Tensor, Tensor]:
    inputs, target = table(task, rows, features, seed)
    if embeddings:
        trained = sorted(set(range(embeddings.rows)) - set(embeddings.never_trained))
        codes = np.random.default_rng(seed).choice(trained, (rows, embeddings.columns)).astype(np.float32)
        inputs = torch.cat([inputs[:, : -embeddings.columns], torch.from_numpy(codes)], dim=1)
    loss = auto_loss(task, N_CLASSES[task])
    return inputs, torch.from_numpy(loss.encode(target)), torch.ones(rows)


def make_member(
    task: TaskName = "binary",
    seed: int = 0,
    *,
    train_rows: int = 37,
    val_rows: int = 11,
    features: int = 5,
    data_seed: int = 0,
    model: Mapping[str, Any] | None = None,
    embeddings: Embeddings | None = None,
    dropout: float | Sequence[float] = 0.0,
    module: nn.Module | None = None,
    loss: Loss | None = None,
    weights: Tensor | None = None,
    optimizer: Callable[..., Any] = torch.optim.Adam,
    lr: float = 1e-2,
    options: Mapping[str, Any] | None = None,
    scheduler: Callable[..., Any] = CONSTANT,
    early_stopping: Callable[[], NoEarlyStopping] = NoEarlyStopping,
    epochs: int = 4,
    clip_grad_norm: float | None = None,
    target: TargetScaling | None = None,
    factors: Mapping[str, Factors] | None = None,
    rate_curve: Curve | None = None,
    decay_curve: Curve | None = None,
    dropout_curve: Curve | None = None,
) -> Trainee:
    """A member whose split, first weights, order of batches and dropout all come from `seed`."""
    streams = Streams(seed)
    inputs, targets, ones = _encoded(task, train_rows + val_rows, features, data_seed, embeddings)
    loss = loss or auto_loss(task, N_CLASSES[task])
    order = streams.split.permutation(train_rows + val_rows)
    if module is None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(streams.weights)
            shape = {"hidden_sizes": (7, 3), **(model or {})}
            wider = embeddings.columns * (embeddings.width - 1) if embeddings else 0
            module = MLP(features + wider, loss.out_features, dropout=dropout, **shape)
            if embeddings:
                module = EmbeddedNetwork(module, **embeddings._asdict())
    stopping = early_stopping()
    stopping.begin(task_for(task), validates=val_rows > 0, epochs=1)
    return Trainee(
        data=MemberData(inputs, targets, ones if weights is None else weights, order[:train_rows], order[train_rows:]),
        module=module,
        validation=_validation(
            task, loss, table(task, train_rows + val_rows, features, data_seed)[1][order[train_rows:]], target
        ),
        loss=loss,
        optimizer=optimizer,
        optimizer_options={"lr": lr, **(options or {})},
        learning_rate=CurveRate(lr, rate_curve, epochs, STEPS) if rate_curve else LearningRate(lr, scheduler),
        early_stopping=stopping,
        streams=streams,
        epochs=epochs,
        clip_grad_norm=clip_grad_norm,
        factors=factors or {},
        decay_curve=decay_curve,
        dropout_curve=dropout_curve,
    )


def _validation(task: TaskName, loss: Loss, truth: np.ndarray, scaling: TargetScaling | None) -> Validation | None:
    scaling = scaling or TargetScaling()
    head = Head(loss, task_for(task), scaling)
    return (
        Validation(head, (head.task.history_metric,), scaling.unit(truth) if task == "regression" else truth)
        if len(truth)
        else None
    )


def predict(member: Trainee, rows: np.ndarray) -> Tensor:
    """The answers `[n, A]` for rows, of the scaled target."""
    assert member.validation
    return member.validation.head.predict(logits_of(member, rows))


def val_metric(record: EpochRecord) -> float | None:
    """The only metric of the history."""
    return next(iter(record.metrics.values()), None)


def histories(members: Sequence[Trainee], batch_size: int | None = 10) -> list[list[EpochRecord]]:
    """Trains to the end; each member's records."""
    found: list[list[EpochRecord]] = [[] for _ in members]
    for records in train(members, batch_size, CPU):
        for record in records:
            found[record.member].append(record)
    return found


def timeless(records: Sequence[EpochRecord]) -> list[str]:
    """The records as text, to the last bit, but for the time and the member's place; NaN equals NaN."""
    return [repr(replace(record, member=0, seconds=0.0)) for record in records]


def same_weights(first: nn.Module, second: nn.Module) -> bool:
    """To the last bit."""
    a, b = first.state_dict(), second.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def sequential_of(mlp: nn.Module) -> nn.Sequential:
    """The same network from torch's own layers, with the same weights."""
    layers: list[nn.Module] = []
    assert isinstance(mlp, MLP)
    for block in mlp.blocks:
        assert isinstance(block, Block)
        layers += [block.linear, block.norm, block.activation]
    return copy.deepcopy(nn.Sequential(*layers, mlp.head))


def assert_fails_alone(how: Mapping[str, Any], epoch: int, judged: int, error: type[Exception], text: str) -> None:
    """The member fails in this epoch, with the best weights of those judged; a companion does not notice."""
    member, companion = make_member(seed=3, epochs=8, **how), make_member(seed=4, epochs=8)
    records, others = histories([member, companion])
    assert [record.epoch for record in records] == list(range(1, epoch + 1))
    assert [record.status for record in records] == [None] * (epoch - 1) + ["failed"]
    assert [record.error for record in records[:-1]] == [None] * (epoch - 1)
    assert type(records[-1].error) is error
    assert re.search(text, str(records[-1].error))
    assert math.isfinite(records[-1].train_loss)

    alone = make_member(seed=3, epochs=8, **how)
    assert timeless(histories([alone])[0]) == timeless(records)
    assert same_weights(alone.module, member.module)
    losses = [float(record.val_loss or math.nan) for record in records[:judged]]
    assert member.early_stopping.best_epoch == 1 + losses.index(min(losses))
    assert member.early_stopping.best_value == min(losses)
    part = member.data.val
    chance = predict(member, part)[:, 1].double()
    target = member.data.targets[part].double().squeeze(-1)
    assert float(nn.functional.binary_cross_entropy(chance, target)) == pytest.approx(min(losses), rel=1e-5)

    unbothered = make_member(seed=4, epochs=8)
    (expected,) = histories([unbothered])
    assert timeless(others) == timeless(expected)
    assert others[-1].status == "finished"
    assert [record.error for record in others] == [None] * 8
    assert same_weights(companion.module, unbothered.module)

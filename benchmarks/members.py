"""Members of a stack for the benchmarks: an MLP each, trained by Adam on the same rows."""

import time
from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from torch.optim.lr_scheduler import ConstantLR
from work import Work, make_rows

from mlp_exp.model.mlp import MLP
from mlp_exp.training.batches import MemberData
from mlp_exp.training.early_stopping import Never
from mlp_exp.training.loop import EpochRecord, Member, train
from mlp_exp.training.losses import BinaryCrossEntropy
from mlp_exp.training.schedulers import LearningRate
from mlp_exp.training.streams import Streams

TIMED = 5
"""Epochs, of which the fastest counts."""


def make_members(count: int, work: Work) -> list[Member]:
    """`count` members that do this work, without a validation part."""
    rows = make_rows(work.rows, work.features)
    loss = BinaryCrossEntropy("binary")
    features, targets = torch.from_numpy(rows.train_x), torch.from_numpy(loss.encode(rows.train_y))
    order = np.arange(work.rows)
    return [
        Member(
            data=MemberData(features, targets, torch.ones(work.rows), order, order[:0]),
            module=MLP(work.features, 1, work.hidden),
            loss=loss,
            optimizer=torch.optim.Adam,
            optimizer_options={"lr": work.lr},
            learning_rate=LearningRate(work.lr, partial(ConstantLR, factor=1.0)),
            early_stopping=Never(),
            streams=Streams(seed),
            epochs=TIMED + 3,
        )
        for seed in range(count)
    ]


def timed_step(count: int, work: Work) -> tuple[float, Iterator[list[EpochRecord]]]:
    """Microseconds of a step of all members together, and the epochs that are left."""
    epochs = train(make_members(count, work), work.batch, torch.device("cpu"))
    next(epochs)  # warms up
    times = []
    for _ in range(TIMED):
        start = time.perf_counter()
        next(epochs)
        times.append(time.perf_counter() - start)
    return min(times) / work.steps_of_an_epoch * 1e6, epochs

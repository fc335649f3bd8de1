"""Members of a stack for the benchmarks: an MLP each, trained by Adam on the same rows.

`python benchmarks/members.py WORK COUNT` trains them for some seconds, for a profile.
"""

import argparse
import time
from collections.abc import Generator
from functools import partial

import numpy as np
import torch
from torch.optim.lr_scheduler import ConstantLR
from work import WORKS, Work, make_rows

from mlp_exp.engine.batches import MemberData
from mlp_exp.engine.streams import Streams
from mlp_exp.engine.threads import set_threads
from mlp_exp.model.mlp import MLP
from mlp_exp.multirun.executors.stacks import most_in_cache
from mlp_exp.tasks.losses import BinaryCrossEntropy
from mlp_exp.training.early_stopping import NoEarlyStopping
from mlp_exp.training.loop import Trainee, train
from mlp_exp.training.records import EpochRecord
from mlp_exp.training.schedulers import LearningRate

CPU = torch.device("cpu")
TIMED = 5
"""Epochs, of which the fastest counts."""
PROFILED_SECONDS = 5.0


def make_members(count: int, work: Work, epochs: int = TIMED + 3, dropout: float = 0.0) -> list[Trainee]:
    """`count` members that do this work, without a validation part."""
    rows = make_rows(work.rows, work.features)
    loss = BinaryCrossEntropy("binary")
    features, targets = torch.from_numpy(rows.train_x), torch.from_numpy(loss.encode(rows.train_y))
    order = np.arange(work.rows)
    return [
        Trainee(
            data=MemberData(features, targets, torch.ones(work.rows), order, order[:0]),
            module=MLP(work.features, 1, work.hidden, dropout),
            loss=loss,
            optimizer=torch.optim.Adam,
            optimizer_options={"lr": work.lr},
            learning_rate=LearningRate(work.lr, partial(ConstantLR, factor=1.0)),
            early_stopping=NoEarlyStopping(),
            streams=Streams(seed),
            epochs=epochs,
        )
        for seed in range(count)
    ]


def launcher_stack(work: Work) -> int:
    """How many members the launcher stacks at most."""
    width = work.features + sum(work.hidden) + 1
    return max(1, most_in_cache(work.parameters, width, work.batch))


def timed_step(
    count: int, work: Work, dropout: float = 0.0, device: torch.device = CPU
) -> tuple[float, Generator[list[EpochRecord]]]:
    """Microseconds of a step of all members together, and the epochs that are left."""
    epochs = train(make_members(count, work, dropout=dropout), work.batch, device)
    next(epochs)  # warms up
    times = []
    for _ in range(TIMED):
        start = time.perf_counter()
        next(epochs)
        times.append(time.perf_counter() - start)
    return min(times) / work.steps_of_an_epoch * 1e6, epochs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", choices=WORKS)
    parser.add_argument("count", type=int)
    asked = parser.parse_args()
    set_threads(1)
    work = WORKS[asked.work]
    end = time.perf_counter() + PROFILED_SECONDS
    for _ in train(make_members(asked.count, work, epochs=100_000), work.batch, torch.device("cpu")):
        if time.perf_counter() > end:
            break


if __name__ == "__main__":
    main()

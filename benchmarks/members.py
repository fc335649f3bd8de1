"""Members of a stack for the benchmarks: an MLP each, trained by Adam on the same rows."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch.optim.lr_scheduler import ConstantLR

from mlp_exp.model.mlp import MLP
from mlp_exp.training.batches import MemberData
from mlp_exp.training.early_stopping import Never
from mlp_exp.training.loop import Member
from mlp_exp.training.losses import BinaryCrossEntropy
from mlp_exp.training.schedulers import LearningRate
from mlp_exp.training.streams import Streams


def make_members(
    count: int, features: torch.Tensor, target: NDArray[np.int64], hidden: Sequence[int], dropout: float, epochs: int
) -> list[Member]:
    """`count` members for features `[N, F]` and a target of two classes `[N]`, without a validation part."""
    loss = BinaryCrossEntropy("binary")
    targets, weights = torch.from_numpy(loss.encode(target)), torch.ones(len(target))
    rows = np.arange(len(target))
    return [
        Member(
            data=MemberData(features, targets, weights, rows, rows[:0]),
            module=MLP(features.shape[1], 1, hidden, dropout),
            loss=loss,
            optimizer=torch.optim.Adam,
            optimizer_options={"lr": 0.001},
            learning_rate=LearningRate(0.001, partial(ConstantLR, factor=1.0)),
            early_stopping=Never(),
            streams=Streams(seed),
            epochs=epochs,
        )
        for seed in range(count)
    ]

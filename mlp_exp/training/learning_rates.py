"""What a run's first epochs make of other learning rates, trained side by side."""

import copy
from collections.abc import Sequence
from dataclasses import replace

import torch

from mlp_exp.engine.stack_engine import StackEngine
from mlp_exp.engine.streams import Streams
from mlp_exp.errors import TrainingError
from mlp_exp.training.loop import Trainee


def losses_by_rate(
    trainee: Trainee, seed: int, rates: Sequence[float], epochs: int, batch_size: int, device: torch.device
) -> list[float]:
    """The loss that copies of a run reach with these learning rates: of the validation part, or else of training.

    All begin with the run's initial weights and see its batches; the run itself is left as it is. The copies train as
    one stack where the run can, else one after another.
    """
    plain = replace(trainee, latest=None, state=None, keeps_gradients=False)
    copies = [replace(plain, module=copy.deepcopy(trainee.module), streams=Streams(seed)) for _ in rates]
    try:
        return _final_losses(copies, rates, epochs, batch_size, device)
    except TrainingError:  # it trains alone
        return [
            _final_losses([one], [rate], epochs, batch_size, device)[0] for one, rate in zip(copies, rates, strict=True)
        ]


def _final_losses(
    copies: Sequence[Trainee], rates: Sequence[float], epochs: int, batch_size: int, device: torch.device
) -> list[float]:
    engine = StackEngine(copies, batch_size, device)
    losses: list[float] = []
    for _ in range(epochs):
        losses = engine.train_epoch(rates)
    found = engine.evaluate()
    return losses if found is None else found.losses

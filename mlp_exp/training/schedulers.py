"""Learning rates by epoch: one of torch's own schedulers for each member."""

from collections.abc import Callable

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler, ReduceLROnPlateau, SequentialLR

from mlp_exp.engine.single_stepper import without_compiler
from mlp_exp.errors import TrainingError

SchedulerFactory = Callable[[Optimizer], LRScheduler]


class _NothingToOptimize(torch.optim.SGD):
    def step(self, closure: object = None) -> None:  # type: ignore[override]
        """Spares the import of torch's compiler by the step of SGD, which takes longer than many a run."""


class LearningRate:
    """A member's learning rate: a scheduler of torch on an optimizer that has nothing to optimize.

    Attributes:
        value: the rate of the coming epoch.
    """

    def __init__(self, lr: float, factory: SchedulerFactory) -> None:
        self._optimizer = without_compiler(_NothingToOptimize)([torch.zeros(1)], lr=lr)
        self._scheduler = factory(self._optimizer)
        self._optimizer.step()  # schedulers warn unless the optimizer steps first

    @property
    def value(self) -> float:
        return float(self._optimizer.param_groups[0]["lr"])

    def advance(self, watched: float) -> None:
        """Ends an epoch.

        Args:
            watched: its validation loss; the training loss where there is no validation part.

        Raises:
            TrainingError: the schedule is shorter than the training.
        """
        try:
            if isinstance(self._scheduler, ReduceLROnPlateau):
                self._scheduler.step(watched)
            else:
                self._scheduler.step()
        except ValueError as error:  # a schedule shorter than the training
            raise TrainingError(f"scheduler: {type(self._scheduler).__name__}: {error}") from error


def warmup_cosine(
    optimizer: Optimizer, epochs: int, warmup_epochs: int = 5, start_factor: float = 0.1, eta_min: float = 0.0
) -> LRScheduler:
    """A linear warm-up, then half a cosine down to `eta_min` (Loshchilov & Hutter, 2017).

    Args:
        epochs: all epochs, the warm-up among them.
        start_factor: factor of the learning rate in the first epoch.
    """
    warmup_epochs = min(warmup_epochs, epochs - 1)
    cosine = CosineAnnealingLR(optimizer, T_max=max(epochs - warmup_epochs, 1), eta_min=eta_min)
    if warmup_epochs == 0:
        return cosine
    warmup = LinearLR(optimizer, start_factor=start_factor, total_iters=warmup_epochs)
    return SequentialLR(optimizer, [warmup, cosine], milestones=[warmup_epochs])

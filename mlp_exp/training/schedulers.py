"""Learning rates by epoch or by step: one of torch's own schedulers, or a curve, for each member."""

from collections.abc import Callable

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import (
    ConstantLR,
    CosineAnnealingLR,
    LinearLR,
    LRScheduler,
    ReduceLROnPlateau,
    SequentialLR,
)

from mlp_exp.engine.single_stepper import without_compiler
from mlp_exp.errors import TrainingError
from mlp_exp.training.curves import Curve

SchedulerFactory = Callable[[Optimizer], LRScheduler]


class _NothingToOptimize(torch.optim.SGD):
    def step(self, closure: object = None) -> None:  # type: ignore[override]
        """Spares the import of torch's compiler by the step of SGD, which takes longer than many a run."""


class LearningRate:
    """A member's learning rate: a scheduler of torch on an optimizer that has nothing to optimize.

    Args:
        steps: in an epoch, where the scheduler steps after each of them; None where it steps after an epoch.

    Attributes:
        rates: of each step of the coming epoch; a single one where all have the same.

    Raises:
        TrainingError: the scheduler watches a loss, which only an epoch has, and is to step more often.
    """

    def __init__(self, lr: float, factory: SchedulerFactory, steps: int | None = None) -> None:
        self._optimizer = without_compiler(_NothingToOptimize)([torch.zeros(1)], lr=lr)
        self._scheduler = factory(self._optimizer)
        self._steps = steps
        if steps and isinstance(self._scheduler, ReduceLROnPlateau):
            name = type(self._scheduler).__name__
            raise TrainingError(f"scheduler.interval: {name} watches the loss of an epoch; expected epoch, got step")
        self._optimizer.step()  # schedulers warn unless the optimizer steps first
        self.rates = self._coming()

    @property
    def value(self) -> float:
        """The rate of the coming epoch, or of its first step."""
        return self.rates[0]

    def _coming(self) -> list[float]:
        found = [self._now()]
        for _ in range((self._steps or 1) - 1):
            self._step()
            found.append(self._now())
        return found

    def _now(self) -> float:
        return float(self._optimizer.param_groups[0]["lr"])

    def _step(self, *watched: float) -> None:
        step: Callable[..., None] = self._scheduler.step
        try:
            step(*watched)
        except ValueError as error:  # a schedule shorter than the training
            raise TrainingError(f"scheduler: {type(self._scheduler).__name__}: {error}") from error

    def advance(self, watched: float, *, last: bool = False) -> None:
        """Ends an epoch.

        Args:
            watched: its validation loss; the training loss where there is no validation part.
            last: whether no epoch follows.

        Raises:
            TrainingError: the schedule is shorter than the training.
        """
        self._step(*[watched] * isinstance(self._scheduler, ReduceLROnPlateau))
        self.rates = [self._now()] if last else self._coming()


class CurveRate:
    """A member's learning rate by a curve over the training; as `LearningRate`.

    Args:
        steps: in an epoch, where each has a rate of its own; None where all have that of the middle of the epoch.
    """

    def __init__(self, lr: float, curve: Curve, epochs: int, steps: int | None = None) -> None:
        self._lr = lr
        self._curve = curve
        self._epochs = epochs
        self._steps = steps
        self._epoch = 1
        self.rates = self._coming()

    @property
    def value(self) -> float:
        """The rate of the coming epoch, or of its first step."""
        return self.rates[0]

    def _coming(self) -> list[float]:
        found: list[float] = (self._lr * self._curve.of_epoch(self._epoch, self._epochs, self._steps or 1)).tolist()
        return found

    def advance(self, watched: float, *, last: bool = False) -> None:
        """Ends an epoch."""
        self._epoch += not last
        self.rates = self._coming()


def constant_rate(lr: float) -> LearningRate:
    """The same learning rate in all epochs."""
    return LearningRate(lr, lambda optimizer: ConstantLR(optimizer, factor=1.0))


def warmup_cosine(
    optimizer: Optimizer, epochs: int, warmup_epochs: int = 5, start_factor: float = 0.1, eta_min: float = 0.0
) -> LRScheduler:
    """A linear warm-up, then half a cosine down to `eta_min` (Loshchilov & Hutter, 2017).

    Args:
        epochs: all epochs, the warm-up among them; steps where the scheduler steps after each.
        start_factor: factor of the learning rate in the first epoch.
    """
    warmup_epochs = min(warmup_epochs, epochs - 1)
    cosine = CosineAnnealingLR(optimizer, T_max=max(epochs - warmup_epochs, 1), eta_min=eta_min)
    if warmup_epochs == 0:
        return cosine
    warmup = LinearLR(optimizer, start_factor=start_factor, total_iters=warmup_epochs)
    return SequentialLR(optimizer, [warmup, cosine], milestones=[warmup_epochs])

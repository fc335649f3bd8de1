"""Which epoch was best, and when to stop waiting for a better one."""

import math
from typing import Literal

from mlp_exp.tasks.task import Task
from mlp_exp.training.records import Decider, EpochRecord

Mode = Literal["auto", "min", "max"]


class EarlyStopping(Decider):
    """Watches one column of the history and knows its best epoch. Base of one's own; by itself it never stops.

    Args:
        monitor: `train_loss`, `val_loss`, `val_` with a metric's name after it, or a column of a callback. `val_metric`
            is the history's own, as `val_accuracy` for classes and `val_rmse` for values.
        mode: whether small or large values are better; `auto` knows it of losses and metrics.
        latest: whether of equally good epochs the latest is the best, rather than the first.

    Attributes:
        column: that is read of the records: the monitor, or its mean over the networks of an ensemble.
        monitor: the column that is watched. Without a validation part, `val_loss` and `val_metric` mean `train_loss`.
        larger_is_better: whether larger values of it are better.
        best_value, best_epoch: the best so far; NaN and 0 before the first epoch.
        improved: whether the latest epoch was the best so far.

    One's own overrides `stops`:

        class After(EarlyStopping):
            @property
            def stops(self) -> bool:
                return self.best_epoch >= 5
    """

    def __init__(self, monitor: str = "val_loss", mode: Mode = "auto", latest: bool = False) -> None:
        self.monitor = monitor
        self.larger_is_better = mode == "max"
        self._mode = mode
        self._latest = latest
        self._min_delta = 0.0
        self.best_value = math.nan
        self.best_epoch = 0
        self.improved = False
        self._improved_epoch = 0
        self._epoch = 0
        self._epochs = 1
        self.column = monitor

    def begin(self, task: Task, *, validates: bool, epochs: int, in_the_mean: bool = False) -> None:
        """Learns what the columns mean.

        Args:
            epochs: of the whole training.
            in_the_mean: whether the mean over an ensemble's networks is watched (`mean_column`).

        Raises:
            ValueError: the mode is `auto`, and the column is of unknown direction.
        """
        if self.monitor == "val_metric":
            self.monitor = task.history_column if validates else "train_loss"
        if self._mode == "auto":
            self.larger_is_better = task.larger_is_better(self.monitor)
        self.column = mean_column(self.monitor) if in_the_mean else self.monitor
        self._epochs = epochs

    def judge(self, record: EpochRecord) -> bool:
        self.improved = self.update(record.value(self.column))
        return self.stops

    def update(self, value: float) -> bool:
        """Takes the value of the next epoch; whether it is the best so far, which one that is not finite never is."""
        self._epoch += 1
        if not math.isfinite(value):
            return False
        sign = self._sign
        improved = not self.best_epoch or sign * value < sign * self.best_value - self._min_delta
        if improved:
            self._improved_epoch = self._epoch
        best = improved or (self._latest and value == self.best_value)
        if best:
            self.best_value, self.best_epoch = value, self._epoch
        return best

    @property
    def _sign(self) -> float:
        return -1.0 if self.larger_is_better else 1.0

    @property
    def score(self) -> float:
        """The best value so that lower is better; infinite before the first epoch."""
        return self._sign * self.best_value if self.best_epoch else math.inf

    @property
    def stops(self) -> bool:
        """Whether the run ends with the latest epoch."""
        return False


def mean_column(monitor: str) -> str:
    """Of the history of a network: the mean of what is watched over all networks of its ensemble."""
    return f"mean_{monitor}"


class NoEarlyStopping(EarlyStopping):
    """Trains all epochs."""


class Patience(EarlyStopping):
    """Stops after `patience` epochs in a row without an improvement of more than `min_delta` (Prechelt, 1998).

    A patience below 1 is a fraction of all epochs.
    """

    def __init__(
        self,
        patience: float = 10,
        min_delta: float = 0.0,
        monitor: str = "val_loss",
        mode: Mode = "auto",
        latest: bool = False,
    ) -> None:
        super().__init__(monitor, mode, latest)
        self._patience = patience
        self._min_delta = min_delta

    @property
    def stops(self) -> bool:
        patience = self._patience if self._patience >= 1 else self._patience * self._epochs
        return self._epoch - self._improved_epoch >= patience

"""Which epoch was best, and when to stop waiting for a better one."""

import math
from typing import Literal

Monitor = Literal["val_loss", "train_loss", "val_accuracy", "val_rmse"]


class Never:
    """Watches one column of the history and knows its best epoch; never stops.

    Attributes:
        monitor: the column that is watched. Without a validation part `val_loss` means `train_loss`.
        best_value, best_epoch: the best so far; NaN and 0 before the first epoch.
    """

    def __init__(self, monitor: Monitor = "val_loss", mode: Literal["auto", "min", "max"] = "auto") -> None:
        self.monitor = monitor
        larger = mode == "max" or (mode == "auto" and monitor == "val_accuracy")
        self._sign = -1.0 if larger else 1.0
        self._min_delta = 0.0
        self.best_value = math.nan
        self.best_epoch = 0
        self._epoch = 0

    def update(self, value: float) -> bool:
        """Takes the value of the next epoch; whether it is the best so far."""
        self._epoch += 1
        improved = not self.best_epoch or self._sign * value < self._sign * self.best_value - self._min_delta
        if improved:
            self.best_value, self.best_epoch = value, self._epoch
        return improved

    @property
    def stops(self) -> bool:
        return False


class Patience(Never):
    """Stops after `patience` epochs in a row without an improvement of more than `min_delta` (Prechelt, 1998)."""

    def __init__(
        self,
        patience: int = 10,
        min_delta: float = 0.0,
        monitor: Monitor = "val_loss",
        mode: Literal["auto", "min", "max"] = "auto",
    ) -> None:
        super().__init__(monitor, mode)
        self._patience = patience
        self._min_delta = min_delta

    @property
    def stops(self) -> bool:
        return self._epoch - self.best_epoch >= self._patience

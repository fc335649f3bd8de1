"""A learning-rate range test at the beginning of a run."""

import csv
import logging
import math

import numpy as np

from mlp_exp.training.callbacks.callback import Callback, RunView

log = logging.getLogger(__name__)


class LearningRateFinder(Callback):
    """Trains copies of the run for an epoch each with growing learning rates, and says which one to try.

    Smith's range test (2017) raises the rate within one training; here each rate has a training of its own, from the
    same initial weights, side by side in one stack. The losses are written to `learning_rates.csv`. The run itself
    trains with the rate of its configuration, whatever is found.

    Args:
        low, high: the range of rates.
        rates: how many, at equal ratios.
        epochs: for which each trains.
    """

    def __init__(self, low: float = 1e-5, high: float = 1.0, rates: int = 32, epochs: int = 1) -> None:
        if not 0 < low < high or rates < 2 or epochs < 1:
            raise ValueError(
                f"expected 0 < low < high, 2 rates and 1 epoch or more, got {low}, {high}, {rates}, {epochs}"
            )
        self._rates = np.geomspace(low, high, rates).tolist()
        self._epochs = epochs

    def on_begin(self, run: RunView) -> None:
        if run.history:  # it is resumed
            return
        losses = run.try_rates(self._rates, self._epochs)
        with (run.folder / "learning_rates.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["lr", "loss"])
            writer.writerows(zip(self._rates, losses, strict=True))
        finite = [(loss, rate) for loss, rate in zip(losses, self._rates, strict=True) if math.isfinite(loss)]
        if not finite:
            log.info("learning rates: the loss is finite with none of %g … %g", self._rates[0], self._rates[-1])
            return
        loss, rate = min(finite)
        log.info(
            "learning rates: the lowest loss after %d epoch%s, %.4f, is that of optimizer.lr=%.2g",
            self._epochs,
            "s" * (self._epochs > 1),
            loss,
            rate,
        )

"""Tables drawn from a known distribution, and runs on them through the command line."""

import csv
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from support.commands import Command
from support.folders import result_of

Floats = NDArray[np.float64]
QUIET = ("trainer.device=cpu", "trainer.plots=never", "baselines=none", "metrics.intervals=0")
PLAIN = (
    "experiment=table_quick",
    *("preprocess.ranks=false", "trainer.average=0", "scheduler=cosine", "optimizer=adam", "optimizer.lr=0.01"),
    *("early_stopping.monitor=val_loss", "early_stopping.latest=false", "trainer.epochs=60"),
)
"""In place of the settings of the preset of tables: a plain training."""


def write_csv(path: Path, columns: Mapping[str, Any]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def read_csv(path: Path) -> dict[str, list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        names, *rows = csv.reader(file)
    return {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def numbers(column: list[str]) -> Floats:
    return np.array(column, dtype=np.float64)


def parts(train: int, val: int, test: int) -> NDArray[Any]:
    """The column of a split, in this order."""
    return np.repeat(["train", "val", "test"], [train, val, test])


def features(rng: np.random.Generator, rows: int) -> dict[str, Floats]:
    return {f"x{place}": rng.normal(size=rows).round(6) for place in (1, 2, 3)}


class Runs:
    """Runs of a folder's table `drawn.csv`, whose features are x1, x2 and x3 and whose split is a column."""

    def __init__(self, command: Command, folder: Path) -> None:
        self._command, self.folder = command, folder

    def __call__(self, name: str, target: str, *overrides: str) -> dict[str, Any]:
        """The result of a run in the folder `name`."""
        data = ("data=table", "data.path=drawn.csv", f"data.target={target}", "data.columns=[x1,x2,x3]")
        done = self._command("run", *data, "split=column", *PLAIN, *QUIET, *overrides, f"hydra.run.dir={name}")
        assert (done.returncode, done.stderr) == (0, "")
        return result_of(self.folder / name)

    def predict(self, name: str, table: str = "drawn.csv") -> dict[str, list[str]]:
        """What a run predicts for a table."""
        done = self._command("predict", name, table, "-o", f"{name}.csv")
        assert done.returncode == 0, done.stderr
        return read_csv(self.folder / f"{name}.csv")


def normal_crps(deviation: Floats) -> float:
    """The mean CRPS of true normal distributions: σ / √π each."""
    return float(deviation.mean() / math.sqrt(math.pi))


def normal_nll(deviation: Floats) -> float:
    """The mean negative log-likelihood that true normal distributions have on average."""
    return float(np.log(deviation).mean() + 0.5 * math.log(2 * math.pi) + 0.5)

"""A table with a target for each task, and runs that predict them."""

from pathlib import Path

import numpy as np

from support.drawn_sets import features, write_csv
from support.predictions import as_job, train

ROWS = 160
FEATURES = "data.columns=[x1,x2,x3]"


def write_tasks(folder: Path) -> Path:
    """`tasks.csv`: targets of all tasks, of the same features; a column of weights, and one to split by."""
    rng = np.random.default_rng(0)
    x = features(rng, ROWS)
    value = x["x1"] - x["x2"] + rng.normal(size=ROWS)
    columns = {
        **x,
        "value": value,
        "other": 100 * x["x3"] + rng.normal(size=ROWS),
        "amount": np.exp(value),
        "larger": 5 + np.exp(x["x3"]),
        "count": rng.poisson(np.exp(0.5 * value)),
        "two": np.where(value > 0, "yes", "no"),
        "three": np.array(["a", "b", "c"])[np.digitize(value, [-0.7, 0.7])],
        "grade": np.digitize(value, [-1, 0, 1]),
        "label": (x["x3"] > 0).astype(int),
        "w": rng.integers(1, 4, ROWS) / 2,
        "below": np.where(np.arange(ROWS) == 3, -1, 1),
        "split": np.array(["train", "train", "val", "train", "test"])[np.arange(ROWS) % 5],
    }
    write_csv(folder / "tasks.csv", columns)
    return folder / "tasks.csv"


TASKS: dict[str, tuple[str, ...]] = {
    "binary": ("two", "inference.threshold=f1", "inference.calibrate=true"),
    "multiclass": ("three", "inference.calibrate=true"),
    "ordinal": ("grade", "data.task=ordinal"),
    "labels": ("[two,label]", "inference.threshold=f1"),
    "value": ("value",),
    "values": ("[value,other]",),
    "logarithms": ("[amount,larger]", "preprocess.log_target=true"),
    "quantiles": ("value", "loss=quantile", "loss.quantiles=[0.1,0.4,0.8]"),
    "distribution": ("value", "loss=gaussian"),
    "counts": ("count", "data.task=regression", "loss=poisson"),
    "amounts": ("[amount,larger]", "loss=gamma"),
}
"""What is predicted, and the settings that this takes."""


class TaskRuns:
    """Sweeps of two runs of each task, trained when they are first asked for, in a folder with `tasks.csv`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.table = write_tasks(folder)

    def __call__(self, task: str) -> Path:
        """The folder of a sweep, with the runs `0` and `1`."""
        sweep = self.folder / task
        if not sweep.exists():
            target, *settings = TASKS[task]
            data = (
                "data=table",
                "experiment=table_quick",
                f"data.path={self.table}",
                f"data.target={target}",
                FEATURES,
            )
            split = ("split=column", "split.column=split", "metrics.intervals=0", "baselines=none")
            for seed in (0, 1):
                train(sweep / str(seed), *data, *split, "optimizer.lr=0.02", *settings, f"seed={seed}")
                as_job(sweep / str(seed), seed, f"seed={seed}")
        return sweep

    def targets(self, task: str) -> list[str]:
        return TASKS[task][0].strip("[]").split(",")

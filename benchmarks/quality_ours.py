"""The columns of this project: presets as they are, and the greedy choice among the runs of a sweep."""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from commands import mlp_exp
from harness import measured
from tables import metric, planned, preset

from mlp_exp.experiment.plan import Plan

Score = tuple[float, float]
"""Of the test part, and seconds of processor time."""
SWEEP = ("optimizer.lr=0.005,0.01,0.02,0.04", "model.dropout=0,0.1", "model.hidden_sizes=[128,128],[256,256]")
SEEDS = 2
"""With each of these values: 32 runs."""
HELD_OUT = 8
"""One of so many training rows, where a split has no validation part to choose by."""


def timed(work: Callable[[], float]) -> Score:
    start = time.process_time()
    value = work()
    return value, time.process_time() - start


def of_preset(words: Sequence[str], run: Plan, overrides: Sequence[str]) -> Score:
    """Without baselines, which are no part of the answer."""
    same = planned([*overrides, "baselines=none", *words])
    return timed(lambda: preset(same)[0])


def greedy(run: Plan, overrides: Sequence[str]) -> Score:
    """Eight picks among 32 runs of version 0.1's preset; the seconds are those of both commands as a whole."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = [word for word in overrides if not word.startswith(("split", "seed"))]
        seeds = f"seed=range({SEEDS * run.components.seed},{SEEDS * (run.components.seed + 1)})"
        how = ["experiment=table_quick", "baselines=none", "trainer.device=cpu", "hydra.sweep.dir=sweep"]
        swept = mlp_exp("-m", *data, *_split(run, folder), *how, *SWEEP, seeds, folder=folder)
        chosen = measured([sys.executable, "-m", "mlp_exp.predict", "sweep", "--greedy", "8", "-o", "chosen"], folder)
        result = json.loads((folder / "chosen" / "result.json").read_text(encoding="utf-8"))
    return result["metrics"]["test"][metric(run)], swept.processor + chosen.processor


def _split(run: Plan, folder: Path) -> list[str]:
    """The run's parts, with some of the training rows to choose by where it has none."""
    parts = {"train": run.parts.train, "val": run.parts.val, "test": run.parts.test}
    if not len(parts["val"]):
        rows = np.random.default_rng(run.components.seed).permutation(parts["train"])
        count = len(rows) // HELD_OUT
        parts |= {"train": np.sort(rows[count:]), "val": np.sort(rows[:count])}
    for part, rows in parts.items():
        np.save(folder / f"{part}.npy", rows)
    return ["split=files", *(f"split.{part}={folder / part}.npy" for part in parts)]


OURS: dict[str, Callable[[Plan, Sequence[str]], Score]] = {
    "version 0.1": partial(of_preset, ["experiment=table_quick"]),
    "single": partial(of_preset, ["experiment=table"]),
    "ensemble of 4": partial(of_preset, ["experiment=table_best", "ensemble.members=4"]),
    "ensemble of 8": partial(of_preset, ["experiment=table_best", "ensemble.members=8"]),
    "greedy choice": greedy,
}
"""Given a plan that has the run's rows, and the overrides of the case, which name no preset."""

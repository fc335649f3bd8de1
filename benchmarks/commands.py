"""The command line of mlp_exp for the work of the benchmarks, and what its run folders say."""

import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from harness import HERE, Process, measured
from work import TEST_ROWS, Work


def mlp_exp(*words: str, folder: Path, core: int | None = None) -> Process:
    """`python -m mlp_exp.run …`"""
    return measured([sys.executable, "-m", "mlp_exp.run", *words], folder, core)


def words_for(work: Work, folder: Path) -> list[str]:
    """The overrides that make a run do this work; row numbers of the parts are written into a folder."""
    parts = {"train": np.arange(work.rows), "test": np.arange(work.rows, work.rows + TEST_ROWS)}
    for part, numbers in parts.items():
        np.save(folder / f"{part}.npy", numbers)
    return [
        *("--config-dir", str(HERE / "conf")),
        *("data=made", f"data.rows={work.rows}", f"data.features={work.features}"),
        *("split=files", *(f"split.{part}={folder / part}.npy" for part in parts), "preprocess=none"),
        *("model.dropout=0", f"model.hidden_sizes={list(work.hidden)}".replace(" ", "")),
        *(f"optimizer.lr={work.lr}", f"trainer.batch_size={work.batch}", f"trainer.epochs={work.epochs}"),
        *("trainer.device=cpu", "trainer.plots=never"),
    ]


def result_of(folder: Path) -> dict[str, float]:
    """`seconds` of the training and test `accuracy` of a run."""
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return {"seconds": result["seconds"], "accuracy": result["metrics"]["test"]["accuracy"]}


def leaderboard_of(sweep: Path) -> Sequence[dict[str, str]]:
    with (sweep / "leaderboard.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))

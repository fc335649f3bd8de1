"""A learning-rate range test: the rates that are tried, and the curve of the losses that they leave.

Smith's test (2017) raises the rate within one training; here each rate has a training of its own, from the same initial
weights, side by side in one stack.
"""

import csv
import io
import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlp_exp.config.search_settings import NODE, LrRangeSettings
from mlp_exp.display.numbers import in_sentence
from mlp_exp.errors import ConfigError
from mlp_exp.leaderboard.entry import read_entries
from mlp_exp.storage.atomic import atomic, write_text
from mlp_exp.storage.run_folder import RunFolder

RATE, EPOCHS = "optimizer.lr", "trainer.epochs"
log = logging.getLogger(__name__)
Curves = dict[str, list[tuple[float, float]]]
"""By what else was typed: rates and losses, in order."""


def overrides(low: Any, high: Any, rates: Any, epochs: Any, typed: Sequence[str]) -> list[str]:
    """The overrides that try the rates; ConfigError for settings that are wrong."""
    try:
        LrRangeSettings.read({"low": low, "high": high, "rates": rates, "epochs": epochs})
        problems = []
    except ConfigError as error:
        problems = error.problems
    keys = [word.lstrip("+").partition("=")[0] for word in typed]
    problems += [f"{RATE}: is what is tried; expected {NODE}.low and {NODE}.high"] * (RATE in keys)
    problems += [f"{EPOCHS}: expected {NODE}.epochs, for which each rate trains"] * (EPOCHS in keys)
    if problems:
        raise ConfigError(problems)
    values = ",".join(f"{rate:.6g}" for rate in np.geomspace(low, high, rates).tolist())
    return [f"{RATE}={values}", f"{EPOCHS}={epochs}", "trainer.plots=never", "baselines=none"]


def write_curves(folder: str) -> None:
    """Writes `learning_rates.csv` and `learning_rates.png` into the sweep's folder, and says which rate is best."""
    curves = _curves(Path(folder))
    if not curves:
        return
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["runs", "lr", "loss"])
    writer.writerows([name, rate, loss] for name, points in curves.items() for rate, loss in points)
    write_text(Path(folder, "learning_rates.csv"), text.getvalue())
    _draw(Path(folder, "learning_rates.png"), curves)
    for name, points in curves.items():
        loss, rate = min((loss, rate) for rate, loss in points)
        found = f"the lowest loss, {in_sentence(loss)}, is that of {RATE}={rate:.2g}"
        log.info("%s%s", f"{name}: " * bool(name), found if loss < math.inf else "the loss is finite with no rate")


def _curves(folder: Path) -> Curves:
    """Of the runs in a sweep; a loss that is not finite is infinite."""
    found: Curves = {}
    for entry in sorted(read_entries(folder, configs=False), key=lambda entry: entry.job or 0):
        if RATE in entry.overrides and "best_value" in entry.result:
            loss = _loss(RunFolder(entry.folder))
            found.setdefault(_name(entry.overrides), []).append((float(entry.overrides[RATE]), loss))
    words = {name: name.split() for name in found}
    shared = set.intersection(*map(set, words.values())) if words else set()
    return {" ".join(word for word in words[name] if word not in shared): found[name] for name in found}


def _name(typed: Mapping[str, str]) -> str:
    """What else than the rate was typed."""
    return " ".join(f"{key}={value}" for key, value in typed.items() if key != RATE)


def _loss(folder: RunFolder) -> float:
    """Of the last epoch: of the validation part, or of the training part where there is none."""
    columns = folder.history_columns
    rows = folder.read_history(columns)
    loss = rows[-1][columns.index("val_loss" if "val_loss" in columns else "train_loss")] if rows else math.inf
    return loss if math.isfinite(loss) else math.inf


def _draw(path: Path, curves: Curves) -> None:
    from mlp_exp.display.learning_rates import learning_rates  # imports matplotlib
    from mlp_exp.display.plots import encoded

    with atomic(path) as temporary:
        temporary.write_bytes(encoded(learning_rates(curves)))

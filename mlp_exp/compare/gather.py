"""What a page shows of runs, as plain values."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlp_exp.artefacts.run_folder import DONE, RunFolder
from mlp_exp.sweep.leaderboard import Entry, repeated

MOST_POINTS = 200
"""Of a learning curve; of a longer one, epochs at equal distances and the last."""
DIGITS = 5
"""Significant ones of what is drawn."""


@dataclass(frozen=True)
class Curves:
    """The history of a run.

    Attributes:
        columns: by name, a value an epoch.
    """

    epochs: list[int]
    columns: dict[str, list[float | None]]


def read_curves(entry: Entry) -> Curves:
    """A run's history, thinned to what a screen can show; empty where there is none.

    Raises:
        RunFolderError: it is damaged.
    """
    folder = RunFolder(entry.folder)
    names = folder.history_columns
    if "epoch" not in names:
        return Curves([], {})
    rows = folder.read_history(names)
    step = -(-len(rows) // MOST_POINTS) or 1
    kept = rows[:-1:step] + rows[-1:]
    by_name = {name: [_drawn(row[index]) for row in kept] for index, name in enumerate(names)}
    epochs = [int(value) for value in by_name.pop("epoch") if value is not None]
    return Curves(epochs, {name: values for name, values in by_name.items() if name != "seconds"})


def _drawn(value: float) -> float | None:
    """As JSON can hold it."""
    return float(f"{value:.{DIGITS}g}") if abs(value) < float("inf") else None


def again(entry: Entry) -> str:
    """The command that trains a run again."""
    if entry.result["status"] in DONE:
        return shlex.join(["python", "-m", "mlp_exp.run", f"rerun={entry.folder}"])
    return shlex.join(["python", "-m", "mlp_exp.run", *(f"{key}={value}" for key, value in entry.overrides.items())])


def gather(entries: Sequence[Entry]) -> dict[str, Any]:
    """All that the page shows.

    Args:
        entries: best first, one at least.
    """
    keys = list(dict.fromkeys(key for entry in entries for key in entry.overrides))
    varying = [key for key in keys if len({entry.overrides.get(key) for entry in entries}) > 1]
    first = entries[0]
    metrics = list(dict.fromkeys(name for entry in entries for name in entry.metrics))
    metrics.sort(key=lambda name: name != first.judged_by)
    groups = repeated(entries)
    return {
        "metric": first.judged_by,
        "keys": varying,
        "constants": {key: first.overrides[key] for key in keys if key not in varying},
        "metrics": metrics,
        "runs": [_run(entry) for entry in entries],
        "groups": [[entries.index(entry) for entry in group.entries] for group in groups],
    }


def _run(entry: Entry) -> Mapping[str, Any]:
    curves = read_curves(entry)
    return {
        "name": entry.folder.name if entry.job is None else str(entry.job),
        "overrides": dict(entry.overrides),
        "status": entry.result["status"],
        "reason": entry.result.get("reason", ""),
        "best_epoch": entry.result.get("best_epoch"),
        "epochs": entry.result.get("epochs"),
        "seconds": entry.result.get("seconds"),
        "metrics": entry.metrics,
        "again": again(entry),
        "at": curves.epochs,
        "curves": curves.columns,
    }

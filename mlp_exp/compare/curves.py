"""Learning curves, thinned to as many points as a screen can show."""

from dataclasses import dataclass

from mlp_exp.errors import RunFolderError
from mlp_exp.storage.run_folder import RunFolder

DIGITS = 5
"""Significant digits of the values."""


@dataclass(frozen=True)
class Curves:
    """The history of a run.

    Attributes:
        epochs: from 1.
        columns: by name, a value for each of `epochs`; None where it is no finite number.
    """

    epochs: list[int]
    columns: dict[str, list[float | None]]


def read_curves(folder: RunFolder, most: int) -> Curves:
    """A run's history; of a long one `most` epochs at equal distances, and the last. Empty without one.

    Raises:
        RunFolderError: it is damaged.
    """
    names = folder.history_columns
    if "epoch" not in names:
        return Curves([], {})
    rows = folder.read_history(names)
    step = max(1, -(-len(rows) // most))
    kept = rows[:-1:step] + rows[-1:]
    by_name = dict(zip(names, zip(*kept, strict=True), strict=True)) if kept else {}
    epochs = by_name.get("epoch", ())
    if not all(epoch.is_integer() for epoch in epochs):
        raise RunFolderError(f"{folder.path}: expected the history of a run, with whole numbers as epochs")
    drawn = {name: values for name, values in by_name.items() if name not in ("epoch", "seconds")}
    return Curves(
        [int(epoch) for epoch in epochs], {name: [_drawn(value) for value in values] for name, values in drawn.items()}
    )


def _drawn(value: float) -> float | None:
    return float(f"{value:.{DIGITS}g}") if abs(value) < float("inf") else None

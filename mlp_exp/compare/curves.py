"""Learning curves, thinned to as many points as a screen can show."""

from dataclasses import dataclass

from mlp_exp.errors import RunFolderError
from mlp_exp.storage.run_folder import RunFolder

SIGNIFICANT_DIGITS = 5


@dataclass(frozen=True)
class Curves:
    """Columns of a history by name, a value for each of the epochs, from 1; None where it is no finite number."""

    epochs: list[int]
    columns: dict[str, list[float | None]]


def read_curves(folder: RunFolder, most: int) -> Curves:
    """A run's history; of a long one `most` epochs at equal distances, and the last. Empty without one.

    RunFolderError if it is damaged.
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
    columns = {name: [_drawn(value) for value in by_name[name]] for name in by_name if name not in ("epoch", "seconds")}
    return Curves([int(epoch) for epoch in epochs], columns)


def _drawn(value: float) -> float | None:
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}") if abs(value) < float("inf") else None

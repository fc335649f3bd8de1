"""Checks that an exported file predicts what its run predicts, on random rows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from mlp_exp.data.statistics import Floats
from mlp_exp.data.table.misfits import Misfits
from mlp_exp.errors import ExportError
from mlp_exp.inference.ensemble import Ensemble
from mlp_exp.inference.export.random_rows import Arrays, as_table, random_rows
from mlp_exp.inference.export.raw_columns import RawColumns
from mlp_exp.inference.predictor import IN_MEMORY
from mlp_exp.inference.trained_run import TrainedRun

Predict = Callable[[Arrays], NDArray[Any]]

TOLERANCE = 1e-4
"""Allowed difference from the run's own prediction, in probability or in standard deviations of the target …"""
SENSITIVITY = 30
"""… plus so many times the changes when each input, and when each logit, becomes the next larger float32 …"""
LARGEST_TOLERANCE = 0.01
"""… but no more than this in probability."""
BATCHES = (1, 2, 7, 1000)
"""Numbers of rows that are predicted at once."""


def largest_difference(ensemble: Ensemble, raw: RawColumns, predict: Predict, path: Path) -> float:
    """The largest difference, in the unit of `TOLERANCE`; ExportError if it is no rounding, or the file fails."""
    rng = np.random.default_rng(0)
    batches = [random_rows(raw, ensemble, count, rng) for count in BATCHES]
    return max(_difference(ensemble, predict, rows, as_table(raw, rows), path) for rows in batches)


def _difference(ensemble: Ensemble, predict: Predict, rows: Arrays, table: pa.Table, path: Path) -> float:
    expected, tolerances = _expected(ensemble, table)
    count = f"{len(expected)} row{'s' * (len(expected) > 1)}"
    wrong = f"{path}: not written, since the exported file"
    try:
        found = predict(rows)
    except Exception as error:  # a runtime raises whatever its operators do
        raise ExportError(f"{wrong} fails on {count}: {first_paragraph(error)}") from error
    if ensemble.task.answers_width == 1:
        found = found[..., None]
    if found.shape != expected.shape:
        raise ExportError(
            f"{wrong} predicts {count} with the shape {list(found.shape)}; expected {list(expected.shape)}"
        )
    distances = _distances(ensemble.first, found, expected)
    worst = int((distances / tolerances).argmax())
    if distances[worst] > tolerances[worst]:
        raise ExportError(
            f"{wrong} predicts differently from the run: in a batch of {count} there is a difference of "
            f"{distances[worst]:.3g}; up to {tolerances[worst]:.3g} would be rounding"
        )
    return float(distances.max())


def _expected(ensemble: Ensemble, table: pa.Table) -> tuple[Floats, Floats]:
    """The own predictions of the runs for a table, and the tolerance of each row `[B]`."""
    with np.errstate(over="ignore"):  # of a logarithm's inverse
        groups = list(ensemble.inputs(table, Misfits(IN_MEMORY)))
        expected = ensemble.mean(ensemble.answers(groups))
        larger = ((runs, np.nextafter(rows, np.float32(np.inf))) for runs, rows in groups)
        nudged = ensemble.mean(ensemble.answers(larger))
        rounded = ensemble.mean([_of_next_logits(run, rows) for runs, rows in groups for run in runs])
    changes = _distances(ensemble.first, nudged, expected) + _distances(ensemble.first, rounded, expected)
    tolerances = TOLERANCE + SENSITIVITY * changes
    return expected, np.minimum(tolerances, LARGEST_TOLERANCE) if ensemble.task.has_classes else tolerances


def _of_next_logits(run: TrainedRun, rows: NDArray[np.float32]) -> Floats:
    """The answers if each logit were the next larger float32: behind an exponential that is more than rounding."""
    logits = run.logits_of_inputs(rows)
    return run.head.answers(torch.nextafter(logits, torch.full_like(logits, torch.inf)))


def _distances(run: TrainedRun, found: Floats, expected: Floats) -> Floats:
    """`[B]`, in probability or in standard deviations of the target; infinite where only one is a number.

    Relative for a value many standard deviations from 0, or whose logarithm was learned.
    """
    target = run.head.scaling
    with np.errstate(invalid="ignore"):
        distances = np.abs(found - expected)
        if not run.task.has_classes:
            distances /= target.scale * np.maximum(1.0, np.abs(expected / (1.0 if target.log else target.scale)))
    same = (found == expected) | (np.isnan(found) & np.isnan(expected))
    distances = np.where(same, 0.0, np.where(np.isnan(distances), np.inf, distances))
    largest: Floats = distances.reshape(len(distances), -1).max(axis=1)
    return largest


def first_paragraph(error: BaseException) -> str:
    """The first paragraph of an exporter's or runtime's root error; pages of advice follow it."""
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(str(error).partition("\n\n")[0].split()) or type(error).__name__

"""Checks that an exported file predicts what its run predicts, on random rows."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlp_exp.data.dataset import Category
from mlp_exp.data.preprocessing import Preprocessing
from mlp_exp.data.scaler import Scaler
from mlp_exp.data.statistics import Floats
from mlp_exp.data.vocabulary import Vocabulary
from mlp_exp.errors import ExportError
from mlp_exp.inference.export.deployed import UNSEEN_INDEX
from mlp_exp.inference.trained_run import TrainedRun

Arrays = dict[str, NDArray[Any]]
Predict = Callable[[Arrays], NDArray[Any]]

TOLERANCE = 1e-4
"""Allowed difference from the run's own prediction, in probability or in standard deviations of the target …"""
SENSITIVITY = 30
"""… plus so many times the change when each input becomes the next larger float32 …"""
LARGEST_TOLERANCE = 0.01
"""… but no more than this in probability."""
BATCHES = (1, 2, 7, 1000)
"""Numbers of rows that are predicted at once."""
GAPS = 0.1
"""Fraction of the numbers that are missing."""
EXTREMES = 0.1
"""Fraction of the rows with numbers far outside the training part."""


def random_rows(preprocessing: Preprocessing, count: int, rng: np.random.Generator) -> Arrays:
    """Inputs of an exported file by name, with gaps, ties, extremes, and unseen and missing categories."""
    rows: Arrays = {}
    if len(preprocessing.numbers.fill):
        rows["numbers"] = _random_numbers(preprocessing.numbers, count, rng)
    if vocabularies := preprocessing.vocabularies:
        columns = [rng.integers(UNSEEN_INDEX, len(v.texts), count, dtype=np.int64) for v in vocabularies]
        rows["categories"] = np.stack(columns, axis=1)
    return rows


def _random_numbers(scaler: Scaler, count: int, rng: np.random.Generator) -> Floats:
    shape = (count, len(scaler.fill))
    if scaler.quantiles is None:
        spread = np.where(np.isfinite(scaler.scale), scaler.scale, 1.0)
        numbers = scaler.fill + spread * rng.normal(size=shape)
    else:
        spread = scaler.quantiles[-1] - scaler.quantiles[0]
        places = rng.integers(0, len(scaler.quantiles), (2, *shape))
        one, other = (np.take_along_axis(scaler.quantiles, place, axis=0) for place in places)
        numbers = np.where(rng.random(shape) < 0.5, one, (one + other) / 2)
    extreme = (rng.random((count, 1)) < EXTREMES) & (rng.random(shape) < 0.5)
    extreme[0] = False  # so that a batch of one row has the small tolerance
    far = scaler.fill + spread * rng.choice([-1.0, 1.0], shape) * 10 ** rng.uniform(0, 6, shape)
    return np.where(rng.random(shape) < GAPS, np.nan, np.where(extreme, far, numbers))


def largest_difference(run: TrainedRun, predict: Predict, path: Path) -> float:
    """The largest difference, in the unit of `TOLERANCE`; ExportError if it is no rounding, or the file fails."""
    rng = np.random.default_rng(0)
    return max(_difference(run, predict, random_rows(run.preprocessing, count, rng), path) for count in BATCHES)


def _difference(run: TrainedRun, predict: Predict, rows: Arrays, path: Path) -> float:
    expected, tolerances = _expected(run, rows)
    count = f"{len(expected)} row{'s' * (len(expected) > 1)}"
    wrong = f"{path}: not written, since the exported file"
    try:
        found = predict(rows)
    except Exception as error:  # a runtime raises whatever its operators do
        raise ExportError(f"{wrong} fails on {count}: {first_paragraph(error)}") from error
    if found.shape != expected.shape:
        raise ExportError(
            f"{wrong} predicts {count} with the shape {list(found.shape)}; expected {list(expected.shape)}"
        )
    distances = _distances(run, found, expected)
    worst = int((distances / tolerances).argmax())
    if distances[worst] > tolerances[worst]:
        raise ExportError(
            f"{wrong} predicts differently from the run: in a batch of {count} there is a difference of "
            f"{distances[worst]:.3g}; up to {tolerances[worst]:.3g} would be rounding"
        )
    return float(distances.max())


def _expected(run: TrainedRun, rows: Mapping[str, NDArray[Any]]) -> tuple[Floats, Floats]:
    """The run's own predictions by NumPy, and the tolerance of each row `[B]`."""
    vocabularies = run.preprocessing.vocabularies
    indices = rows.get("categories", np.zeros((len(rows.get("numbers", ())), 0)))
    numbers = rows.get("numbers", np.zeros((len(indices), 0)))
    categories = [_category(v, column) for v, column in zip(vocabularies, indices.T, strict=True)]
    inputs = run.preprocessing.inputs(numbers, categories)
    with np.errstate(over="ignore"):  # of a logarithm's inverse
        expected = run.outputs_of_inputs(inputs)
        nudged = run.outputs_of_inputs(np.nextafter(inputs, np.float32(np.inf)))
    tolerances = TOLERANCE + SENSITIVITY * _distances(run, nudged, expected)
    return expected, np.minimum(tolerances, LARGEST_TOLERANCE) if run.class_names else tolerances


def _category(vocabulary: Vocabulary, indices: NDArray[np.int64]) -> Category:
    unseen = max(vocabulary.texts, key=len, default="") + "?"  # longer than every text of training
    codes = np.where(indices == UNSEEN_INDEX, len(vocabulary.texts), indices)
    return Category(vocabulary.name, codes.astype(np.int32), (*vocabulary.texts, unseen))


def _distances(run: TrainedRun, found: Floats, expected: Floats) -> Floats:
    """`[B]`, in probability or in standard deviations of the target; infinite where only one is a number.

    Relative for a value many standard deviations from 0, or whose logarithm was learned.
    """
    target = run.preprocessing.target
    with np.errstate(invalid="ignore"):
        distances = np.abs(found - expected)
        if not run.class_names:
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

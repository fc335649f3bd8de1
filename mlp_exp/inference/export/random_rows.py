"""Random rows of the columns that an exported file takes, with what is rare in a table."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlp_exp.data.dataset import Column
from mlp_exp.data.statistics import Floats
from mlp_exp.data.table.schema import arrow_type
from mlp_exp.data.table.values import MICROSECONDS_A_DAY
from mlp_exp.inference.ensemble import Ensemble
from mlp_exp.inference.export.raw_columns import RawColumns, is_seconds

Arrays = dict[str, NDArray[Any]]

GAPS = 0.1
"""Fraction of the numbers that are missing, and of the texts that are missing or unseen."""
EXTREMES = 0.1
"""Fraction of the rows with numbers far outside the training part."""
FIRST_DAY, LAST_DAY = -719_162, 2_932_896
"""1 January of the year 1 and 31 December 9999, in days since 1970."""
MICRO = 1_000_000


def random_rows(raw: RawColumns, ensemble: Ensemble, count: int, rng: np.random.Generator) -> Arrays:
    """Inputs of an exported file by name, categories as texts: with gaps, ties, extremes, and unseen texts."""
    rows: Arrays = {}
    if raw.numbers:
        is_extreme = rng.random((count, 1)) < EXTREMES
        is_extreme[0] = False  # so that a batch of one row has the small tolerance
        is_extreme = is_extreme & (rng.random((count, len(raw.numbers))) < 0.5)
        rows["numbers"] = np.empty((count, len(raw.numbers)))
        for place, column in enumerate(raw.numbers):
            usual, far = _usual_and_far(ensemble, column, count, rng)
            numbers = _possible(column, np.where(is_extreme[:, place], far, usual), rng)
            missing = rng.choice([np.nan, *_numbers_for_gaps(raw, column)], count)
            rows["numbers"][:, place] = np.where(rng.random(count) < GAPS, missing, numbers)
    if raw.categories:
        columns = [_texts(raw, texts, count, rng) for texts in raw.texts]
        rows["categories"] = np.stack(columns, axis=1)
    return rows


def as_table(raw: RawColumns, rows: Arrays) -> pa.Table:
    """Such rows as a table, with the type of each column in training; a column may be a number and a category."""
    columns = {c.name: _typed(c, rows["numbers"][:, place]) for place, c in enumerate(raw.numbers)}
    texts = {c.name: pa.array(rows["categories"][:, place], pa.string()) for place, c in enumerate(raw.categories)}
    return pa.table(columns | texts)


def with_places(raw: RawColumns, rows: Arrays) -> Arrays:
    """Such rows with the places of their texts, as a file without texts takes them."""
    return rows | ({"categories": raw.places(rows["categories"])} if raw.categories else {})


def _usual_and_far(ensemble: Ensemble, column: Column, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Numbers `[N]` like those of training, and others far outside."""
    run = next(run for run in ensemble.runs if column.name in run.feature_names)
    scaler, place = run.preprocessing.numbers, run.feature_names.index(column.name)
    if scaler.quantiles is None:
        spread = scaler.scale[place] if np.isfinite(scaler.scale[place]) else 1.0
        usual = scaler.fill[place] + spread * rng.normal(size=count)
    else:
        own = scaler.quantiles[:, place]
        spread = own[-1] - own[0]
        one, other = own[rng.integers(0, len(own), (2, count))]
        usual = np.where(rng.random(count) < 0.5, one, (one + other) / 2)
    return usual, scaler.fill[place] + spread * rng.choice([-1.0, 1.0], count) * 10 ** rng.uniform(0, 6, count)


def _possible(column: Column, numbers: Floats, rng: np.random.Generator) -> Floats:
    """The nearest numbers that a table can hold in this column; half of the dates are whole days."""
    if column.kind == "boolean":
        return np.asarray(numbers > 0.5, dtype=np.float64)
    if column.kind == "date":
        numbers = numbers.clip(FIRST_DAY, LAST_DAY)
        numbers = np.where(rng.random(len(numbers)) < 0.5, numbers.round(), numbers)
        return _whole(numbers, MICROSECONDS_A_DAY) / MICROSECONDS_A_DAY
    if not is_seconds(column):
        return numbers
    most = 86_399 if pa.types.is_time(arrow_type(column.type)) else 10**12
    least = 0 if pa.types.is_time(arrow_type(column.type)) else -most
    return _whole(numbers.clip(least, most), MICRO) / MICRO


def _whole(numbers: Floats, unit: int) -> NDArray[np.int64]:
    return np.asarray((numbers * unit).round(), dtype=np.int64)


def _numbers_for_gaps(raw: RawColumns, column: Column) -> Sequence[float]:
    return raw.format.missing_numbers if column.kind == "number" and not is_seconds(column) else ()


def _texts(raw: RawColumns, texts: Sequence[str], count: int, rng: np.random.Generator) -> NDArray[np.object_]:
    unseen = max(texts, key=len, default="") + "?"  # longer than every text of training
    rare = np.array(["", unseen, *raw.format.missing], dtype=object)
    usual = np.array(texts or [""], dtype=object)
    found: NDArray[np.object_] = np.where(rng.random(count) < GAPS, rng.choice(rare, count), rng.choice(usual, count))
    return found


def _typed(column: Column, numbers: Floats) -> pa.Array:
    """Numbers `[N]` of a column as they stand in a table, null where NaN."""
    kind, missing = arrow_type(column.type), np.isnan(numbers)
    given = np.where(missing, 0.0, numbers)
    if column.kind == "boolean":
        return pa.array(given > 0.5, pa.bool_(), mask=missing)
    if column.kind == "date":
        zone = kind.tz if pa.types.is_timestamp(kind) else None
        return pa.array(_whole(given, MICROSECONDS_A_DAY), mask=missing).cast(pa.timestamp("us", zone))
    if is_seconds(column):
        fine = pa.time64("us") if pa.types.is_time(kind) else pa.duration("us")
        return pa.array(_whole(given, MICRO), mask=missing).cast(fine)
    return pa.array(given, mask=missing)

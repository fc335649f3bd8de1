"""Arrow columns as numbers, times and category codes."""

from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlp_exp.errors import DataError

Floats = NDArray[np.float64]

MICROSECONDS_A_DAY = 86_400_000_000


def type_family(kind: pa.DataType) -> Literal["text", "date", "boolean", "number"] | None:
    """The family that an Arrow type belongs to; None for types that cannot be a feature, such as lists and bytes."""
    if pa.types.is_dictionary(kind) or pa.types.is_string(kind):
        return "text"
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return "date"
    if pa.types.is_boolean(kind):
        return "boolean"
    numbers = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_time, pa.types.is_duration)
    return "number" if any(is_one(kind) for is_one in numbers) else None


def mask_nan(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column with null for NaN."""
    if not pa.types.is_floating(values.type):
        return values
    return pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)


def as_numbers(name: str, values: pa.ChunkedArray) -> Floats:
    """A column of numbers, booleans, times of day or durations as floats `[N]`, NaN where missing; times in seconds.

    Raises DataError for a column of another type.
    """
    kind = values.type
    if pa.types.is_time(kind) or pa.types.is_duration(kind):
        fine = pa.time64("us") if pa.types.is_time(kind) else pa.duration("us")
        micros = pc.cast(pc.cast(values, fine, safe=False), pa.int64())
        values = pc.divide(pc.cast(micros, pa.float64(), safe=False), 1e6)  # also of centuries
    elif type_family(kind) != "number":
        if not (pa.types.is_boolean(kind) or pa.types.is_null(kind)):
            raise DataError(f"column '{name}' holds {kind}, which is not a number")
        values = pc.cast(values, pa.int8())
    numbers: Floats = pc.cast(values, pa.float64(), safe=False).to_numpy()
    return numbers


def timestamps(values: pa.ChunkedArray) -> NDArray[np.datetime64]:
    """Dates and timestamps as `[N]` datetime64 in microseconds; NaT where missing."""
    times: NDArray[np.datetime64] = pc.cast(values, pa.timestamp("us"), safe=False).to_numpy()
    return times.astype("datetime64[us]")


def cycle_phases(times: NDArray[np.datetime64]) -> dict[str, Floats]:
    """Position `[N]` within the year, the week and the day, each in [0, 1); NaN where missing."""
    day = times.astype("datetime64[D]")
    missing = np.isnat(times)
    number = day.astype(np.int64)
    phases = {
        "year": (day - times.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.int64) / 366,
        "weekday": (number + 3) % 7 / 7,  # 1 January 1970 was a Thursday
        "hour": (times - day).astype(np.int64) / MICROSECONDS_A_DAY,
    }
    return {part: np.where(missing, np.nan, phase) for part, phase in phases.items()}


def category_codes(name: str, values: pa.ChunkedArray, key: str) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """A category as codes `[N]` into its sorted texts, -1 where missing; DataError if a type has no texts."""
    if type_family(values.type) is None and not pa.types.is_null(values.type):
        raise DataError(f"{key}: column '{name}' holds {values.type}, which cannot be a category")
    codes, texts = sorted_codes(pc.cast(mask_nan(values), pa.string()))
    return codes, tuple(texts)


def sorted_codes(values: pa.ChunkedArray) -> tuple[NDArray[np.int32], list[Any]]:
    """Codes `[N]` into the sorted distinct values; -1 where missing."""
    encoded = values.combine_chunks().dictionary_encode()
    found = encoded.dictionary.to_pylist()
    order = sorted(range(len(found)), key=found.__getitem__)
    rank = np.empty(len(found) + 1, dtype=np.int32)
    rank[order] = np.arange(len(found), dtype=np.int32)
    rank[-1] = -1
    return rank[encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)], [found[index] for index in order]

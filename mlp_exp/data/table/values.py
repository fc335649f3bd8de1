"""Values of Arrow columns as numbers and codes."""

from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlp_exp.data.table.source import shown
from mlp_exp.errors import DataError

Floats = NDArray[np.float64]

NUMBER = r"^-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
MEND = "Mend it, or leave it empty"
"""What to do about a value of a table that is to be predicted."""
MICROSECONDS_A_DAY = 86_400_000_000


def family_of(kind: pa.DataType) -> Literal["text", "date", "boolean", "number"] | None:
    """What values of an Arrow type can serve as; None for lists, bytes and their like."""
    if is_declared_category(kind) or pa.types.is_string(kind):
        return "text"
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return "date"
    if pa.types.is_boolean(kind):
        return "boolean"
    numbers = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_time, pa.types.is_duration)
    return "number" if any(is_one(kind) for is_one in numbers) else None


def is_declared_category(kind: pa.DataType) -> bool:
    """Whether a Parquet file says that its column is a category."""
    return bool(pa.types.is_dictionary(kind))


def plain(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Texts of a declared category; any other column as it is."""
    return pc.cast(values, pa.string()) if is_declared_category(values.type) else values


def without_nan(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column with what is not a number as missing."""
    if not pa.types.is_floating(values.type):
        return values
    return pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)


def as_numbers(name: str, values: pa.ChunkedArray, key: str = "data.numeric", first_row: int = 0) -> Floats:
    """The column as floats `[N]`, NaN where missing; times and durations in seconds.

    Args:
        key: what a message begins with: that of the configuration, or the table that is to be predicted.
        first_row: the number of the first value's row.

    Raises:
        DataError: a value is no number, or is infinite.
    """
    values = plain(values)
    kind = values.type
    if family_of(kind) == "text":
        wrong = pc.invert(pc.match_substring_regex(values, NUMBER))
        row = pc.index(wrong, True).as_py()
        if row >= 0:
            word = shown(values[row].as_py())
            way = f"Mend it; data.missing=['{word}'] takes it for a missing value"
            if key == "data.target":
                way = "For classes: data.task=classification"
            elif not key.startswith("data."):
                way = MEND
            raise DataError(f"{key}: column '{name}', row {first_row + row}: expected a number, found '{word}'. {way}")
    elif pa.types.is_time(kind) or pa.types.is_duration(kind):
        fine = pa.time64("us") if pa.types.is_time(kind) else pa.duration("us")
        values = pc.divide(pc.cast(pc.cast(values, fine, safe=False), pa.int64()), 1e6)
    elif family_of(kind) != "number":
        if not (pa.types.is_boolean(kind) or pa.types.is_null(kind)):
            raise DataError(f"{key}: column '{name}' holds {kind}, which is no number")
        values = pc.cast(values, pa.int8())
    numbers: Floats = pc.cast(values, pa.float64(), safe=False).to_numpy()
    infinite = np.isinf(numbers)
    if infinite.any():
        row = int(infinite.argmax())
        way = "" if key == "data.target" else f", leave the column out (data.drop=['{name}'])"
        way = f"Mend it{way}, or take it for a missing value: data.missing=[inf,-inf]"
        if not key.startswith("data."):
            way = MEND
        raise DataError(
            f"{key}: column '{name}', row {first_row + row}: expected a finite number, found {numbers[row]}. {way}"
        )
    return numbers


def times_of(values: pa.ChunkedArray) -> NDArray[np.datetime64]:
    times: NDArray[np.datetime64] = pc.cast(values, pa.timestamp("us"), safe=False).to_numpy()
    return times.astype("datetime64[us]")


def phases_of(times: NDArray[np.datetime64]) -> dict[str, Floats]:
    """Position within the year, the week and the day, each in [0, 1)."""
    day = times.astype("datetime64[D]")
    missing = np.isnat(times)
    number = day.astype(np.int64)
    phases = {
        "year": (day - times.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.int64) / 366,
        "weekday": (number + 3) % 7 / 7,  # 1970 began on a Thursday
        "hour": (times - day).astype(np.int64) / MICROSECONDS_A_DAY,
    }
    return {part: np.where(missing, np.nan, phase) for part, phase in phases.items()}


def codes_of(name: str, values: pa.ChunkedArray, key: str) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """A category as codes `[N]` into its texts, which are sorted; -1 where missing.

    Raises:
        DataError: the values have no texts.
    """
    if family_of(values.type) is None and not pa.types.is_null(values.type):
        raise DataError(f"{key}: column '{name}' holds {values.type}, which is no category")
    codes, texts = sorted_codes(pc.cast(without_nan(values), pa.string()))
    return codes, tuple(texts)


def sorted_codes(values: pa.ChunkedArray) -> tuple[NDArray[np.int32], list[Any]]:
    """Codes `[N]` into the different values, which are sorted; -1 where missing."""
    encoded = values.combine_chunks().dictionary_encode()
    found = encoded.dictionary.to_pylist()
    order = sorted(range(len(found)), key=found.__getitem__)
    rank = np.empty(len(found) + 1, dtype=np.int32)
    rank[order] = np.arange(len(found), dtype=np.int32)
    rank[-1] = -1
    return rank[encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)], [found[index] for index in order]

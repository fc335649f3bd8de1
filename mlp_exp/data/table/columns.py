"""Infers what each column of a table is, and computes numeric features from it.

A column is a number, a boolean, a date, a category, a text, or left out, with a reason. A date becomes several numbers.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlp_exp.data.dataset import Column
from mlp_exp.data.table.file import shorten
from mlp_exp.data.table.texts import is_text, text_column
from mlp_exp.data.table.values import (
    MICROSECONDS_A_DAY,
    NUMBER,
    Floats,
    as_numbers,
    category_codes,
    cycle_phases,
    decode,
    timestamps,
    type_family,
)
from mlp_exp.errors import DataError

DECIMAL_COMMA = r"^[+-]?\d+(,\d+)?$"
DRESSED_NUMBER = r"^[$€£¥]?\s?[+-]?(\d{1,3}([.,' ]\d{3})+|\d+)([.,]\d+)?\s?[$€£¥%]?$"
"""A number with a thousands separator, a currency or a percent sign."""
IDENTIFIER_FRACTION = 0.95
"""A text column with at least this fraction of distinct texts identifies its rows."""
NUMERIC_FRACTION = 0.8
"""A text column with at least this fraction of numbers is an error: numbers with stray words …"""
FEW_TEXTS = 10
"""… unless it has at most this many distinct texts, and so can be a category."""


@dataclass(frozen=True)
class ColumnOptions:
    """Columns for which the user has said what they are, by name: `data.numeric` and so on."""

    numeric: Sequence[str] = ()
    categorical: Sequence[str] = ()
    drop: Sequence[str] = ()
    text: Sequence[str] = ()

    def check(self, names: Sequence[str], target: str) -> None:
        """Raises DataError for a name that the table does not have, that is the target, or that is listed twice."""
        owner: dict[str, str] = {}
        for key, listed in vars(self).items():
            for name in listed:
                find_column(name, names, f"data.{key}")
                if name == target:
                    raise DataError(f"data.{key}: '{name}' is the target (data.target); list only features")
                if owner.setdefault(name, key) != key:
                    raise DataError(f"data.{key}: '{name}' stands in data.{owner[name]} too; name it in one of them")


def find_column(name: str, names: Sequence[str], key: str) -> str:
    """`name`, if the table has such a column; else raises DataError, with similar names."""
    if name in names:
        return name
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    near += [n for n in names if n.lower() == name.lower() and n not in near]
    hint = f"Did you mean {' or '.join(repr(n) for n in near)}?" if near else f"It has {', '.join(names[:20])}."
    if len(names) == 1:
        hint = f"Its one column is '{names[0]}'; if these are several, name the separator: data.separator=…"
    raise DataError(f"{key}: the table has no column '{name}'. {hint}")


def infer_column(name: str, values: pa.ChunkedArray, options: ColumnOptions) -> Column:
    """What a column is, without its type; DataError for a few stray words among numbers, or texts as `data.numeric`."""
    missing = int(pc.sum(pc.is_null(values, nan_is_null=True)).as_py() or 0)
    if name in options.categorical:
        return _category(name, values, missing)
    if name in options.numeric:
        return Column(name, "number", _span(as_numbers(name, values)), missing)
    if name in options.text or (name not in options.drop and is_text(values)):
        return text_column(name, values, missing)
    reason = "data.drop" if name in options.drop else _reason_to_leave_out(name, values, missing)
    if reason:
        return Column(name, "left out", reason, missing)
    return _detected(name, values, missing)


def _detected(name: str, values: pa.ChunkedArray, missing: int) -> Column:
    family = type_family(values.type)
    if family == "text":
        return _category(name, values, missing)
    if family == "date":
        times = timestamps(values)
        parts = tuple(part for part, phase in cycle_phases(times).items() if np.nanmin(phase) < np.nanmax(phase))
        return Column(name, "date", _period(times), missing, parts)
    numbers = as_numbers(name, values, "data.path")
    return Column(name, "boolean" if family == "boolean" else "number", _span(numbers), missing)


def _reason_to_leave_out(name: str, values: pa.ChunkedArray, missing: int) -> str | None:
    kind, given = values.type, len(values) - missing
    if not given:
        return "all missing"
    if type_family(kind) is None:
        return f"holds {kind}"
    distinct = pc.count_distinct(decode(values), mode="only_valid").as_py()
    if distinct == 1 and not missing:
        return "constant"
    if type_family(kind) == "text":
        refuse_stray_words(name, values, "a feature")
        if distinct >= IDENTIFIER_FRACTION * given:
            return "an identifier: a different text in (nearly) every row"
    if pa.types.is_integer(kind) and distinct == len(values) > 2:
        numbers = as_numbers(name, values)
        if numbers[0] in (0, 1) and (np.diff(numbers) == 1).all():
            return "an identifier: it counts the rows"
    return None


def _category(name: str, values: pa.ChunkedArray, missing: int) -> Column:
    _, texts = category_codes(name, values, "data.categorical")
    return Column(name, "category", f"{len(texts)} {'category' if len(texts) == 1 else 'categories'}", missing)


def _span(numbers: Floats) -> str:
    return f"{np.nanmin(numbers):g} … {np.nanmax(numbers):g}" if not np.isnan(numbers).all() else ""


def _period(times: NDArray[np.datetime64]) -> str:
    """The first and the last time; as days if all are at midnight."""
    days = times.astype("datetime64[D]")
    given = ~np.isnat(times)
    fine = days if (days == times)[given].all() else times.astype("datetime64[s]")
    return f"{fine[given].min()} … {fine[given].max()}"


def refuse_stray_words(name: str, values: pa.ChunkedArray, role: Literal["a feature", "the target"]) -> None:
    """Raises DataError for texts that are mostly numbers, or numbers in a notation that is not read as such."""
    texts = pc.drop_null(values)
    if pa.types.is_dictionary(values.type) or not len(texts):  # declared as a category by the file
        return
    key = "data.path" if role == "a feature" else "data.target"
    way = f"; data.categorical=['{name}'] takes the whole column as categories" if role == "a feature" else ""
    is_number = pc.match_substring_regex(texts, NUMBER)
    fraction = pc.mean(is_number).as_py()
    if fraction == 1:
        raise DataError(
            f"{key}: column '{name}', row {pc.index(values, texts[0]).as_py()}: found '{shorten(texts[0].as_py())}', a "
            f"number with a decimal point, where a comma was asked for. Say so: data.decimal=.{way}"
        )
    if fraction >= NUMERIC_FRACTION and pc.count_distinct(texts).as_py() > FEW_TEXTS:
        word = pc.filter(texts, pc.invert(is_number))[0].as_py()
        row, word = pc.index(values, word).as_py(), shorten(word)
        count = len(texts) - pc.sum(is_number).as_py()
        raise DataError(
            f"{key}: column '{name}', row {row}: expected a number as in {min(fraction, 0.99):.0%} of the rows, found "
            f"'{word}' ({count} such). Fix it; data.missing=['{word}'] takes it for a missing value{way}"
        )
    comma = pc.index(pc.match_substring(values, ","), True).as_py()
    if comma >= 0 and pc.all(pc.match_substring_regex(texts, DECIMAL_COMMA)).as_py():
        raise DataError(
            f"{key}: column '{name}', row {comma}: found '{shorten(values[comma].as_py())}', a number with a comma. If "
            f"decimals follow it: 'data.decimal=\",\"'; else write the numbers without{way}"
        )
    dressed = pc.match_substring_regex(texts, DRESSED_NUMBER)
    if pc.count_distinct(texts).as_py() > FEW_TEXTS and pc.all(dressed).as_py():
        word = pc.filter(texts, pc.invert(is_number))[0].as_py()
        raise DataError(
            f"{key}: column '{name}', row {pc.index(values, word).as_py()}: found '{shorten(word)}', a number with "
            f"thousands marked, a currency or a percent sign. Write plain numbers{way}"
        )


def numeric_features(
    column: Column, values: pa.ChunkedArray, key: str = "data.path", first_row: int = 0
) -> list[Floats]:
    """One array `[N]` for each of the column's `number_names`, NaN where missing.

    A date becomes days since 1970 and, for each of its parts, sine and cosine, so that December is close to January.
    `key` and `first_row` as in `as_numbers`.
    """
    if column.kind != "date":
        return [as_numbers(column.name, values, key, first_row)]
    times = timestamps(values)
    days = np.where(np.isnat(times), np.nan, times.astype(np.int64) / MICROSECONDS_A_DAY)
    phases = cycle_phases(times)
    waves = (wave(2 * np.pi * phases[part]) for part in column.parts for wave in (np.sin, np.cos))
    return [days, *waves]

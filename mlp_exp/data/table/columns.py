"""What each column of a table is, and the numbers that come of it.

A column is a number, a boolean, a date, a category, or left out, with a reason. Dates become several numbers.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlp_exp.data.dataset import Column
from mlp_exp.data.table.source import shown
from mlp_exp.data.table.values import (
    MICROSECONDS_A_DAY,
    NUMBER,
    Floats,
    as_numbers,
    codes_of,
    family_of,
    is_declared_category,
    phases_of,
    plain,
    times_of,
)
from mlp_exp.errors import DataError

DECIMAL_COMMA = r"^[+-]?\d+(,\d+)?$"
DRESSED_NUMBER = r"^[$€£¥]?\s?[+-]?(\d{1,3}([.,' ]\d{3})+|\d+)([.,]\d+)?\s?[$€£¥%]?$"
"""A number with thousands marked, a currency or a percent sign."""
IDENTIFIER_SHARE = 0.95
"""From this share of different texts on, a column names its rows."""
STRAY_SHARE = 0.8
"""From this share of numbers on, a text column is taken for numbers with stray words, which is an error …"""
FEW_TEXTS = 10
"""… unless it has so few different texts that categories say as much."""


@dataclass(frozen=True)
class Wishes:
    """What the user says of columns, by their names."""

    numeric: Sequence[str] = ()
    categorical: Sequence[str] = ()
    drop: Sequence[str] = ()

    def check(self, names: Sequence[str], target: str) -> None:
        """Raises DataError for a name that is not there, is the target, or is listed twice."""
        owner: dict[str, str] = {}
        for key, wished in (("numeric", self.numeric), ("categorical", self.categorical), ("drop", self.drop)):
            for name in wished:
                find(name, names, f"data.{key}")
                if name == target:
                    raise DataError(f"data.{key}: '{name}' is the target (data.target); list features alone")
                if owner.setdefault(name, key) != key:
                    raise DataError(f"data.{key}: '{name}' stands in data.{owner[name]} too; name it in one of them")


def find(name: str, names: Sequence[str], key: str) -> str:
    """`name`, if the table has such a column; raises DataError with the nearest ones."""
    if name in names:
        return name
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    near += [n for n in names if n.lower() == name.lower() and n not in near]
    some = f"Did you mean {' or '.join(repr(n) for n in near)}?" if near else f"It has {', '.join(names[:20])}."
    if len(names) == 1:
        some = f"Its one column is '{names[0]}'; if these are several, name the separator: data.separator=…"
    raise DataError(f"{key}: the table has no column '{name}'. {some}")


def decide(name: str, values: pa.ChunkedArray, wishes: Wishes) -> Column:
    """What one column is.

    Raises:
        DataError: it holds numbers and a few stray words, or is not the number that it was said to be.
    """
    return replace(_decide(name, values, wishes), type=str(values.type))


def _decide(name: str, values: pa.ChunkedArray, wishes: Wishes) -> Column:
    missing = int(pc.sum(pc.is_null(values, nan_is_null=True)).as_py() or 0)
    if name in wishes.categorical:
        return _category(name, values, missing)
    if name in wishes.numeric:
        return Column(name, "number", _span(as_numbers(name, values)), missing)
    reason = "data.drop" if name in wishes.drop else _reason_to_leave_out(name, values, missing)
    if reason:
        return Column(name, "left out", reason, missing)
    family = family_of(values.type)
    if family == "text":
        return _category(name, values, missing)
    if family == "date":
        return Column(name, "date", _period(times_of(values)), missing, _date_parts(values))
    numbers = as_numbers(name, values, "data.path")
    return Column(name, "boolean" if family == "boolean" else "number", _span(numbers), missing)


def _reason_to_leave_out(name: str, values: pa.ChunkedArray, missing: int) -> str | None:
    kind, given = values.type, len(values) - missing
    if not given:
        return "all missing"
    if family_of(kind) is None:
        return f"holds {kind}"
    distinct = pc.count_distinct(plain(values), mode="only_valid").as_py()
    if distinct == 1 and not missing:
        return "constant"
    if family_of(kind) == "text":
        refuse_stray_words(name, values, "a feature")
        if distinct >= IDENTIFIER_SHARE * given:
            return "an identifier: a different text in (nearly) every row"
    if pa.types.is_integer(kind) and distinct == len(values) > 2 and _counts_rows(as_numbers(name, values)):
        return "an identifier: it counts the rows"
    return None


def _category(name: str, values: pa.ChunkedArray, missing: int) -> Column:
    _, texts = codes_of(name, values, "data.categorical")
    return Column(name, "category", f"{len(texts)} {'category' if len(texts) == 1 else 'categories'}", missing)


def _span(numbers: Floats) -> str:
    return f"{np.nanmin(numbers):g} … {np.nanmax(numbers):g}" if not np.isnan(numbers).all() else ""


def _period(times: NDArray[np.datetime64]) -> str:
    """The first and the last time, as days where all are at midnight."""
    days = times.astype("datetime64[D]")
    given = ~np.isnat(times)
    fine = days if (days == times)[given].all() else times.astype("datetime64[s]")
    return f"{fine[given].min()} … {fine[given].max()}"


def _counts_rows(numbers: Floats) -> bool:
    return numbers[0] in (0, 1) and bool((np.diff(numbers) == 1).all())


def refuse_stray_words(name: str, values: pa.ChunkedArray, role: Literal["a feature", "the target"]) -> None:
    """Raises DataError for a text column of numbers with a few words among them, or with the other decimal sign."""
    texts = pc.drop_null(values)
    if is_declared_category(values.type) or not len(texts):
        return
    key = "data.path" if role == "a feature" else "data.target"
    way = f" data.categorical=['{name}'] takes the whole column as categories" if role == "a feature" else ""
    is_number = pc.match_substring_regex(texts, NUMBER)
    share = pc.mean(is_number).as_py()
    if share == 1:
        raise DataError(
            f"{key}: column '{name}', row {pc.index(values, texts[0]).as_py()}: found '{shown(texts[0].as_py())}', a "
            f"number with a decimal point, where a comma was asked for. Say so: data.decimal=.{way and ';'}{way}"
        )
    if share >= STRAY_SHARE and pc.count_distinct(texts).as_py() > FEW_TEXTS:
        word = pc.filter(texts, pc.invert(is_number))[0].as_py()
        row, word = pc.index(values, word).as_py(), shown(word)
        count = len(texts) - pc.sum(is_number).as_py()
        raise DataError(
            f"{key}: column '{name}', row {row}: expected a number as in {_percent(share)} of the rows, found "
            f"'{word}' ({count} such). Mend it; data.missing=['{word}'] takes it for a missing value{way and ';'}{way}"
        )
    comma = pc.index(pc.match_substring(values, ","), True).as_py()
    if comma >= 0 and pc.all(pc.match_substring_regex(texts, DECIMAL_COMMA)).as_py():
        raise DataError(
            f"{key}: column '{name}', row {comma}: found '{shown(values[comma].as_py())}', a number with a comma. If "
            f"decimals follow it: 'data.decimal=\",\"'; else write the numbers without{way and ';'}{way}"
        )
    dressed = pc.match_substring_regex(texts, DRESSED_NUMBER)
    if pc.count_distinct(texts).as_py() > FEW_TEXTS and pc.all(dressed).as_py():
        word = pc.filter(texts, pc.invert(is_number))[0].as_py()
        raise DataError(
            f"{key}: column '{name}', row {pc.index(values, word).as_py()}: found '{shown(word)}', a number with "
            f"thousands marked, a currency or a percent sign. Write plain numbers{way and ';'}{way}"
        )


def _percent(share: float) -> str:
    """Rounded, but not to 100 %."""
    return f"{min(share, 0.99):.0%}" if share > 0.99 else f"{share:.0%}"


def _date_parts(values: pa.ChunkedArray) -> tuple[str, ...]:
    phases = phases_of(times_of(values))
    return tuple(part for part, phase in phases.items() if np.nanmin(phase) < np.nanmax(phase))


def numbers_of(column: Column, values: pa.ChunkedArray, key: str = "data.path", first_row: int = 0) -> list[Floats]:
    """One array `[N]` for each of the column's `number_names`, NaN where missing.

    A date is days since 1970 and, for each of its parts, a point on the unit circle, so that December is near January.
    `key` and `first_row` are those of `as_numbers`.
    """
    if column.kind != "date":
        return [as_numbers(column.name, values, key, first_row)]
    times = times_of(values)
    days = np.where(np.isnat(times), np.nan, times.astype(np.int64) / MICROSECONDS_A_DAY)
    phases = phases_of(times)
    waves = (wave(2 * np.pi * phases[part]) for part in column.parts for wave in (np.sin, np.cos))
    return [days, *waves]

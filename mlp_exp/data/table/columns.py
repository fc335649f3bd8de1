"""Decides what each column of a table is, and computes numeric features from it.

A column is a number, a boolean, a date, a category, a text, or left out, with a reason. A date becomes several numbers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlp_exp.data.dataset import Column
from mlp_exp.data.table.cleaning import Texts, clean_names, clean_texts, is_text, mask_dates, mask_numbers
from mlp_exp.data.table.find_column import find_column
from mlp_exp.data.table.format import Format
from mlp_exp.data.table.forms import Asked, Reading, form_of_type, read_texts
from mlp_exp.data.table.numbers import NumberForm
from mlp_exp.data.table.problems import ColumnError, mixed
from mlp_exp.data.table.remarks import code_remarks, far_dates, form_remarks, texts_remarks
from mlp_exp.data.table.sentences import DIFFERENT, holds_sentences
from mlp_exp.data.table.values import (
    MICROSECONDS_A_DAY,
    Floats,
    as_numbers,
    category_codes,
    cycle_phases,
    timestamps,
    type_family,
)
from mlp_exp.errors import DataError

IDENTIFIER_FRACTION = 0.95
"""A text column with at least this fraction of distinct texts identifies its rows."""
MANY_CATEGORIES = 64
"""With more of them, it is said how many occur once."""


@dataclass(frozen=True)
class ColumnOptions:
    """What the user has said of columns, by name.

    Attributes:
        numeric, categorical, dates, text: what they are.
        drop: those that are no features.
        columns: the only ones that are; None for all.
    """

    numeric: Sequence[str] = ()
    categorical: Sequence[str] = ()
    dates: Sequence[str] = ()
    drop: Sequence[str] = ()
    text: Sequence[str] = ()
    columns: Sequence[str] | None = None

    def check(self, names: Sequence[str], roles: Mapping[str, str]) -> None:
        """Raises DataError for a name that the table does not have, that has a role, or that is listed twice.

        `roles` say what columns are that are no features, by name.
        """
        owner: dict[str, str] = {}
        for field in fields(self):
            for name in getattr(self, field.name) or ():
                find_column(name, names, f"data.{field.name}")
                if name in roles:
                    raise DataError(f"data.{field.name}: '{name}' is {roles[name]}; list only features")
                if field.name != "columns" and owner.setdefault(name, field.name) != field.name:
                    raise DataError(
                        f"data.{field.name}: '{name}' stands in data.{owner[name]} too; name it in one of them"
                    )

    def asked(self, name: str) -> Asked | None:
        """What the user says that a column is."""
        kinds: list[tuple[Asked, Sequence[str]]] = [
            ("number", self.numeric),
            ("category", self.categorical),
            ("date", self.dates),
            ("text", self.text),
        ]
        return next((kind for kind, names in kinds if name in names), None)

    def reason_to_leave_out(self, name: str) -> str | None:
        if name in self.drop:
            return "data.drop"
        return None if self.columns is None or name in self.columns else "not in data.columns"


@dataclass(frozen=True)
class Decided:
    """What a column is, and its values with their type; None where it is left out."""

    column: Column
    values: pa.ChunkedArray | None = None


def decide(name: str, values: pa.ChunkedArray, options: ColumnOptions, format: Format, decimal: str) -> Decided:
    """What a column is.

    Args:
        decimal: sign that other columns of the file have, for texts that allow both.

    Raises:
        ColumnError: it cannot be used as it is.
    """
    asked, reason = options.asked(name), options.reason_to_leave_out(name)
    texts = reading = None
    if asked == "date" and type_family(values.type) == "number":
        values = pc.cast(values, pa.string())
    declared = pa.types.is_dictionary(values.type)
    if is_text(values.type):
        texts = clean_texts(values, format)
        reading = Reading(texts.column()) if declared and asked is None else read_texts(texts, format, asked, decimal)
        values = reading.values
        if reason:
            return Decided(Column(name, "left out", reason, values.null_count))
        _require_one_form(name, reading, texts, asked, format, decimal)
    values = mask_dates(mask_numbers(values, format.missing_numbers), format.missing_days)
    missing = int(pc.sum(pc.is_null(values, nan_is_null=True)).as_py() or 0)
    if missing == len(values):
        reason = reason or "all missing"
    if asked is None and texts is not None and not declared and _are_sentences(texts, reading):
        asked = "text"
    reason = reason or (None if asked else _reason_to_leave_out(values, missing))
    if reason:
        return Decided(Column(name, "left out", reason, missing))
    column = _column(name, values, missing, "category" if declared and asked is None else asked)
    if texts is not None and column.kind == "category":
        column = replace(column, remarks=texts_remarks(texts, format))
    if column.kind in ("number", "date"):
        form = reading.form if reading else form_of_type(values.type, format)
        far = far_dates(values) if column.kind == "date" else ()
        codes = code_remarks(name, texts) if column.kind == "number" and asked is None else ()
        column = replace(column, form=form, remarks=(*form_remarks(reading), *far, *codes))
    return Decided(replace(column, type=str(values.type)), values)


def _require_one_form(
    name: str, reading: Reading, texts: Texts, asked: Asked | None, format: Format, decimal: str
) -> None:
    """Raises ColumnError for texts that are mostly numbers, or dates, but not of one form, or not as asked."""
    if asked in ("category", "text") or type_family(reading.values.type) != "text":
        return
    if format.decimal and isinstance(read_texts(texts, replace(format, decimal=None), asked, decimal).form, NumberForm):
        example = reading.values.drop_null()[0].as_py()
        says = f"numbers as '{example}', which do not have the decimal sign '{format.decimal}' of data.decimal"
        raise ColumnError(name, says, {"data.decimal": ()})
    if reading.groups:
        raise mixed(name, reading.groups, asked)


def _column(name: str, values: pa.ChunkedArray, missing: int, asked: Asked | None) -> Column:
    family = type_family(values.type)
    if asked == "text":
        return _text(name, values, missing)
    if asked == "category" or (family == "text" and asked is None):
        return _category(name, values, missing)
    if family == "date" and asked != "number":
        times = timestamps(values)
        parts = tuple(part for part, phase in cycle_phases(times).items() if np.nanmin(phase) < np.nanmax(phase))
        return Column(name, "date", _period(times), missing, parts)
    if asked == "date" or family not in ("number", "boolean"):
        expected, listed = ("dates", "data.dates") if asked == "date" else ("numbers", "data.numeric")
        raise ColumnError(name, f"expected {expected}, found {values.type}; take it out of {listed}", {})
    numbers = as_numbers(name, values)
    infinite = np.isinf(numbers)
    if infinite.any():
        row = int(infinite.argmax())
        more = f" ({infinite.sum()} such rows)" if infinite.sum() > 1 else ""
        says = f"expected finite numbers, found {numbers[row]} in row {row}, from 0{more}"
        raise ColumnError(name, says, {"data.missing": ["inf", "-inf"]})
    return Column(name, "boolean" if family == "boolean" and not asked else "number", _span(numbers), missing)


def _reason_to_leave_out(values: pa.ChunkedArray, missing: int) -> str | None:
    kind, given = values.type, len(values) - missing
    family = type_family(kind)
    if family is None:
        return f"holds {kind}"
    distinct = pc.count_distinct(values, mode="only_valid").as_py()
    if distinct == 1 and not missing:
        return "constant"
    if family == "text" and distinct >= IDENTIFIER_FRACTION * given:
        return "an identifier: a different code in (nearly) every row"
    if pa.types.is_integer(kind) and distinct == len(values) > 2:
        numbers = pc.cast(values, pa.float64(), safe=False).to_numpy()
        if numbers[0] in (0, 1) and (np.diff(numbers) == 1).all():
            return "an identifier: it counts the rows"
    return None


def _are_sentences(texts: Texts, reading: Reading | None) -> bool:
    """Whether texts are to be read, and are neither categories nor codes."""
    given = int(texts.counts.sum())
    if reading is None or type_family(reading.values.type) != "text" or len(texts.distinct) < DIFFERENT * given:
        return False
    return holds_sentences(texts.distinct.to_pylist(), given)


def _text(name: str, values: pa.ChunkedArray, missing: int) -> Column:
    if type_family(values.type) != "text":
        raise ColumnError(name, f"expected texts, found {values.type}; take it out of data.text", {})
    if pc.count_distinct(values).as_py() == 1 and not missing:
        return Column(name, "left out", "constant")
    lengths = pc.min_max(pc.utf8_length(values)).as_py()
    return Column(name, "text", f"{lengths['min']} … {lengths['max']} characters", missing)


def _category(name: str, values: pa.ChunkedArray, missing: int) -> Column:
    codes, texts = category_codes(name, values, "data.categorical")
    note = f"{len(texts):,} {'category' if len(texts) == 1 else 'categories'}"
    if len(texts) > MANY_CATEGORIES:
        note += f", {(np.bincount(codes[codes >= 0]) == 1).mean():.0%} of them once".replace("%", " %")
    return Column(name, "category", note, missing)


def _span(numbers: Floats) -> str:
    return f"{np.nanmin(numbers):g} … {np.nanmax(numbers):g}" if not np.isnan(numbers).all() else ""


def _period(times: NDArray[np.datetime64]) -> str:
    """The first and the last time; as days if all are at midnight."""
    days = times.astype("datetime64[D]")
    given = ~np.isnat(times)
    fine = days if (days == times)[given].all() else times.astype("datetime64[s]")
    return f"{fine[given].min()} … {fine[given].max()}"


def numeric_features(column: Column, values: pa.ChunkedArray) -> list[Floats]:
    """One array `[N]` for each of the column's `number_names`, NaN where missing.

    A date becomes days since 1970 and, for each of its parts, sine and cosine, so that December is close to January.
    """
    if column.kind != "date":
        return [as_numbers(column.name, values)]
    times = timestamps(values)
    days = np.where(np.isnat(times), np.nan, times.astype(np.int64) / MICROSECONDS_A_DAY)
    phases = cycle_phases(times)
    waves = (wave(2 * np.pi * phases[part]) for part in column.parts for wave in (np.sin, np.cos))
    return [days, *waves]


def as_texts(values: pa.ChunkedArray) -> NDArray[np.object_]:
    """The texts `[N]`, empty where missing."""
    texts: NDArray[np.object_] = pc.fill_null(pc.cast(values, pa.string()), "").to_numpy()
    return texts


def named(listed: Sequence[str | int]) -> list[str]:
    """Names of columns as the user wrote them, in the form in which a table has them; an empty one is that of none."""
    typed = [str(name) for name in listed]
    return [name if word.strip() else "" for name, word in zip(clean_names(typed), typed, strict=True)]

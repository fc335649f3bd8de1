"""Converts the columns of a table that is to be predicted to the types that they had in training.

The table may have another format: a run that was trained from CSV predicts Parquet, and the other way round. Training
inferred the type of a text column from the whole column. That type is used again, not inferred from a chunk of it.
"""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlp_exp.data.dataset import Category, Column, TextColumn
from mlp_exp.data.table.cleaning import mask_numbers, parse_texts, trim
from mlp_exp.data.table.columns import numeric_features
from mlp_exp.data.table.file import shorten
from mlp_exp.data.table.format import Format
from mlp_exp.data.table.texts import as_texts
from mlp_exp.data.table.values import FIX, Floats, category_codes, mask_nan, type_family
from mlp_exp.errors import DataError

TIMESTAMP = re.compile(r"timestamp\[(s|ms|us|ns)(?:, tz=(.+))?\]")
DECIMAL = re.compile(r"decimal(32|64|128|256)\((\d{1,2}), (-?\d{1,2})\)")
TEXT = ("", "string", "large_string", "string_view")


def arrow_type(name: str) -> pa.DataType:
    """The Arrow type with this name, the inverse of `str(type)`; raises ValueError if it cannot be a feature's."""
    if name in TEXT or name.startswith("dictionary<"):
        return pa.string()
    if found := TIMESTAMP.fullmatch(name):
        return pa.timestamp(found[1], found[2])
    if found := DECIMAL.fullmatch(name):
        return getattr(pa, f"decimal{found[1]}")(int(found[2]), int(found[3]))
    kind = pa.type_for_alias(name)
    if type_family(kind) is None and not pa.types.is_null(kind):
        raise ValueError(f"{name} is no type of a feature")
    return kind


@dataclass(frozen=True)
class FeatureSchema:
    """The features that a trained run expects, in its order and with its form of texts, converted from any table."""

    columns: tuple[Column, ...]
    form: Format

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    def check(self, names: Sequence[str], where: str) -> None:
        """Raises DataError if a table with these column names lacks a feature; `where` names the table."""
        missing = [name for name in self.names if name not in names]
        if not missing:
            return
        lines = []
        for name in missing:
            near = difflib.get_close_matches(name, [n for n in names if n not in self.names], n=3)
            near += [n for n in names if n.lower() == name.lower() and n not in near]
            lines.append(f"'{shorten(name)}'" + (f" (near it: {', '.join(near)})" if near else ""))
        few = f". It has {', '.join(names[:20])}" if len(names) <= 20 else ""
        raise DataError(f"{where}: the table has no column {', '.join(lines)}{few}")

    def features(
        self, table: pa.Table, where: str, first_row: int = 0
    ) -> tuple[Floats, tuple[Category, ...], tuple[TextColumn, ...]]:
        """The numeric features `[N, F]` of a chunk of a table, its categories, and its columns of texts.

        Raises DataError for a value that is not of the kind that its column had in training; the message names the
        table as `where`, and counts its rows from `first_row`.
        """
        features = np.empty((len(table), sum(len(c.number_names) for c in self.columns)), order="F")
        categories, texts = [], []
        place = 0
        for column in self.columns:
            values = self.converted(column, table[column.name], where, first_row)
            if column.kind == "category":
                categories.append(Category(column.name, *category_codes(column.name, values, where)))
                continue
            if column.kind == "text":
                texts.append(TextColumn(column.name, as_texts(values)))
                continue
            for numbers in numeric_features(column, values, where, first_row):
                features[:, place] = numbers
                place += 1
        return features, tuple(categories), tuple(texts)

    def converted(self, column: Column, values: pa.ChunkedArray, where: str, first_row: int = 0) -> pa.ChunkedArray:
        """A column with its type in training, a category as texts; raises DataError for a value that does not fit."""
        kind = arrow_type(column.type)
        if pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        if pa.types.is_float16(values.type):  # few of Arrow's functions accept it
            values = values.cast(pa.float32())
        if str(values.type) in TEXT:
            values = trim(values, self.form)
        if column.kind in ("category", "text"):
            return self._as_category(column, kind, mask_numbers(values, self.form.missing_numbers), where)
        if pa.types.is_null(values.type):
            return values.cast(pa.float64() if type_family(kind) != "date" else kind)
        if pa.types.is_string(values.type) and not pa.types.is_string(kind):
            values = self._from_texts(column, kind, values, where, first_row)
        else:
            _check_kind(column, kind, values, where, first_row)
        return mask_numbers(values, self.form.missing_numbers)

    def _from_texts(
        self, column: Column, kind: pa.DataType, texts: pa.ChunkedArray, where: str, first_row: int
    ) -> pa.ChunkedArray:
        """Texts parsed as the first suitable type that fits them all; else DataError names the first misfit."""
        kinds = _types_for(kind)
        for each in kinds:
            values = self._parsed(texts, each)
            if values is not None:
                return values
        low, high = 0, len(texts)  # bisection: the first `low` rows can be parsed, the first `high` rows cannot
        while high - low > 1:
            middle = (low + high) // 2
            good = any(self._parsed(texts[low:middle], each) is not None for each in kinds)
            low, high = (middle, high) if good else (low, middle)
        what = {"boolean": "true or false", "date": "a date"}.get(str(type_family(kind)), "a number")
        if pa.types.is_time(kind):
            what = "a time"
        if pa.types.is_timestamp(kind):
            what = "a date with a time zone" if kind.tz else "a date without a time zone"
        raise _unfit(column, first_row + low, what, shorten(texts[low].as_py()), where)

    def _parsed(self, texts: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray | None:
        """Texts parsed as in a CSV file; None if one cannot be."""
        is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
        try:
            if is_number and self.form.decimal == ".":
                return pc.cast(texts, kind)  # the same parser, without a file
            return parse_texts([texts], self.form, kind)[0]
        except pa.ArrowException:
            return None

    def _as_category(self, column: Column, kind: pa.DataType, values: pa.ChunkedArray, where: str) -> pa.ChunkedArray:
        """Texts as spelled in training: the integer category 7 is `7`, however it is written here."""
        if type_family(values.type) is None and not pa.types.is_null(values.type):
            raise DataError(f"{where}: column '{column.name}' holds {values.type}, which cannot be a {column.kind}")
        values = mask_nan(values)
        if not pa.types.is_string(values.type):
            if _family(values.type) == _family(kind):
                try:
                    return pc.cast(pc.cast(values, kind), pa.string())
                except pa.ArrowException:
                    pass  # for example 1.5 in a column of integers: an unseen category
            if pa.types.is_floating(values.type) and pc.all(pc.equal(pc.trunc(values), values)).as_py():
                values = pc.cast(values, pa.int64(), safe=False)  # integers, which missing values made floats
            values = pc.cast(values, pa.string())
        if pa.types.is_string(kind) or pa.types.is_null(kind):
            return values
        encoded = values.combine_chunks().dictionary_encode()
        spelled = trim(pa.chunked_array([self._respelled(encoded.dictionary, kind)]), self.form).combine_chunks()
        return pa.chunked_array([spelled.take(encoded.indices)], pa.string())

    def _respelled(self, texts: pa.Array, kind: pa.DataType) -> pa.Array:
        """Each text parsed as this type and written again; unchanged if it cannot be parsed."""
        if not len(texts):
            return texts
        for each in dict.fromkeys([kind, *_types_for(kind)]):
            values = self._parsed(pa.chunked_array([texts]), each)
            if values is not None:
                try:
                    return pc.cast(pc.cast(values, kind), pa.string()).combine_chunks()
                except pa.ArrowException:
                    continue
        if len(texts) == 1:
            return texts
        half = len(texts) // 2
        return pa.concat_arrays([self._respelled(texts[:half], kind), self._respelled(texts[half:], kind)])


def _types_for(kind: pa.DataType) -> list[pa.DataType]:
    """The types to try when parsing texts for a column of this type, narrow ones first.

    Some programs write integers with missing values as decimal numbers; only integers may be hexadecimal.
    """
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        zone = "UTC" if pa.types.is_timestamp(kind) and kind.tz else None
        return [pa.timestamp("us", zone), pa.timestamp("ns", zone)]
    if pa.types.is_time(kind):
        return [pa.time32("s"), pa.time64("us")]
    if pa.types.is_boolean(kind):
        return [kind]
    return [pa.int64(), pa.float64()] if pa.types.is_integer(kind) else [pa.float64()]


def _family(kind: pa.DataType) -> str | None:
    """Like `type_family`, but times of day and durations are families of their own."""
    if pa.types.is_time(kind):
        return "time"
    return "duration" if pa.types.is_duration(kind) else type_family(kind)


def _check_kind(column: Column, kind: pa.DataType, values: pa.ChunkedArray, where: str, first_row: int) -> None:
    """Raises DataError if the values have a type that cannot stand for the one in training."""
    found, expected = _family(values.type), _family(kind)
    if found == "boolean" and expected in ("number", "text"):
        return
    if expected == "boolean" and found == "number":
        numbers = pc.cast(values, pa.float64(), safe=False)
        right = pc.or_(pc.is_in(numbers, pa.array([0.0, 1.0])), pc.is_null(numbers, nan_is_null=True))
        row = pc.index(right, False).as_py()
        if row >= 0:
            raise _unfit(column, first_row + row, "true or false, or 1 or 0", str(values[row].as_py()), where)
        return
    zones = [pa.types.is_timestamp(t) and t.tz is not None for t in (values.type, kind)]
    fits = found == expected or (expected == "text" and found == "number") or pa.types.is_null(kind)
    if not fits or (expected == "date" and zones[0] != zones[1]):
        raise DataError(f"{where}: column '{column.name}' holds {values.type}; expected {kind}, as in training")


def _unfit(column: Column, row: int, expected: str, found: str, where: str) -> DataError:
    return DataError(
        f"{where}: column '{column.name}', row {row}: expected {expected} as in training, found '{found}'. {FIX}"
    )

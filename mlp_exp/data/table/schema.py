"""Converts the columns of a table that is to be predicted to the types and forms that they had in training.

The table may have another format: a run that was trained from CSV predicts Parquet, and the other way round. What
training decided about a column, as the form of its numbers, is used again, not inferred from a chunk of it. A cell that
does not fit is missing; `Misfits` counts them.
"""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlp_exp.data.dataset import Category, Column, TextColumn
from mlp_exp.data.table.cleaning import clean_texts, is_text, mask_dates, mask_numbers
from mlp_exp.data.table.columns import as_texts, numeric_features
from mlp_exp.data.table.dates import DateForm, parse_times
from mlp_exp.data.table.file import shorten
from mlp_exp.data.table.format import Format
from mlp_exp.data.table.misfits import Misfits
from mlp_exp.data.table.numbers import NumberForm
from mlp_exp.data.table.reading import as_text_if_it_is
from mlp_exp.data.table.values import Floats, category_codes, mask_nan, type_family
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


WORDS = {"true": True, "false": False, "1": True, "0": False}


@dataclass(frozen=True)
class FeatureSchema:
    """The features that a trained run expects, in its order and with its form of texts, converted from any table."""

    columns: tuple[Column, ...]
    format: Format

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
        self, table: pa.Table, misfits: Misfits
    ) -> tuple[Floats, tuple[Category, ...], tuple[TextColumn, ...]]:
        """The numeric features `[N, F]` of a chunk of a table, its categories, and its columns of texts.

        Raises DataError for a column of a type that cannot stand for the one in training.
        """
        texts: list[TextColumn] = []
        features = np.empty((len(table), sum(len(c.number_names) for c in self.columns)), order="F")
        categories, texts = [], []
        place = 0
        for column in self.columns:
            values = self.converted(column, table[column.name], misfits)
            if column.kind == "category":
                categories.append(Category(column.name, *category_codes(column.name, values, misfits.where)))
                continue
            if column.kind == "text":
                texts.append(TextColumn(column.name, as_texts(values)))
                continue
            for numbers in numeric_features(column, values):
                features[:, place] = numbers
                place += 1
        return features, tuple(categories), tuple(texts)

    def converted(self, column: Column, values: pa.ChunkedArray, misfits: Misfits) -> pa.ChunkedArray:
        """A column with its type in training, a category as texts; null where a value does not fit.

        Raises DataError for a type that cannot stand for the one in training.
        """
        kind = arrow_type(column.type)
        values = as_text_if_it_is(values)
        if pa.types.is_float16(values.type):  # few of Arrow's functions accept it
            values = values.cast(pa.float32())
        if column.kind in ("category", "text"):
            return self._as_category(column, kind, values, misfits.where)
        if is_text(values.type):
            given, converted = self._plain_numbers(column, kind, values) or self._from_texts(column, kind, values)
            converted, _ = _possible(kind, converted)
            misfits.add(column.name, converted, given, _expected(column, kind))
            return self._masked(converted)
        if pa.types.is_null(values.type):
            return values.cast(pa.float64() if type_family(kind) != "date" else kind)
        _check_kind(column, kind, values, misfits.where)
        given = self._masked(values)
        converted, expected = _possible(kind, given)
        misfits.add(column.name, converted, given, expected)
        return converted

    def _plain_numbers(
        self, column: Column, kind: pa.DataType, texts: pa.ChunkedArray
    ) -> tuple[pa.ChunkedArray, pa.ChunkedArray] | None:
        """Texts and what they are as numbers, if all are plain and without blanks: in a fraction of the time."""
        if not (pa.types.is_string(texts.type) and isinstance(column.form, NumberForm) and column.form.is_plain):
            return None
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            return None
        given = pc.if_else(pc.is_in(texts, pa.array(self.format.all_missing, pa.string())), None, texts)
        try:
            return given, pc.cast(given, pa.float64())
        except pa.ArrowInvalid:
            return None

    def _from_texts(
        self, column: Column, kind: pa.DataType, values: pa.ChunkedArray
    ) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
        texts = clean_texts(values, self.format)
        return texts.column(), texts.column(_parsed(texts.distinct, column, kind))

    def _masked(self, values: pa.ChunkedArray) -> pa.ChunkedArray:
        return mask_dates(mask_numbers(values, self.format.missing_numbers), self.format.missing_days)

    def _as_category(self, column: Column, kind: pa.DataType, values: pa.ChunkedArray, where: str) -> pa.ChunkedArray:
        """Texts as spelled in training: the integer category 7 is `7`, however it is written here."""
        if is_text(values.type):
            texts = clean_texts(values, self.format)
            if pa.types.is_string(kind) or pa.types.is_null(kind):
                return texts.column()
            plain = Column(column.name, column.kind, type=column.type, form=NumberForm(self.format.decimal or "."))
            return texts.column(_respelled(texts.distinct, plain, kind))
        if type_family(values.type) is None and not pa.types.is_null(values.type):
            raise DataError(f"{where}: column '{column.name}' holds {values.type}, which cannot be a {column.kind}")
        values = mask_nan(mask_numbers(values, self.format.missing_numbers))
        if _family(values.type) == _family(kind):
            try:
                return pc.cast(pc.cast(values, kind), pa.string())
            except pa.ArrowException:
                pass  # for example 1.5 in a column of integers: an unseen category
        if pa.types.is_floating(values.type) and pc.all(pc.equal(pc.trunc(values), values)).as_py():
            values = pc.cast(values, pa.int64(), safe=False)  # integers, which missing values made floats
        return pc.cast(values, pa.string())


def _parsed(texts: pa.Array, column: Column, kind: pa.DataType) -> pa.Array:
    """Distinct texts as values for a column of this kind; null where one does not fit."""
    if pa.types.is_boolean(kind):
        words = [WORDS.get(text.lower()) for text in texts.to_pylist()]
        return pa.array(words, pa.bool_())
    if pa.types.is_time(kind):
        return parse_times(texts)
    if type_family(kind) == "date":
        if isinstance(column.form, DateForm):
            return column.form.parse(texts)
        zoned = pa.types.is_timestamp(kind) and kind.tz is not None
        # in models of earlier versions, a column may have dates of both forms
        return pc.coalesce(DateForm("y-m-d", zoned).parse(texts), DateForm("d.m.y", zoned).parse(texts))
    form = column.form if isinstance(column.form, NumberForm) else NumberForm()
    numbers = form.parse(texts)
    if not (form.is_plain and numbers.null_count and pa.types.is_integer(numbers.type)):
        return numbers
    hexadecimal = pc.match_substring_regex(texts, "^0[xX][0-9a-fA-F]{1,15}$")  # as Arrow reads whole numbers in CSV
    return pc.coalesce(numbers, pc.cast(pc.if_else(hexadecimal, texts, pa.scalar(None, pa.string())), pa.int64()))


def _expected(column: Column, kind: pa.DataType) -> str:
    """What a cell has to be, for a message."""
    if pa.types.is_boolean(kind):
        return "true or false"
    if pa.types.is_time(kind):
        return "a time"
    if column.kind == "date":
        form = column.form if isinstance(column.form, DateForm) else DateForm("y-m-d")
        like = "" if form.order == "y-m-d" else f" like {form.order}"
        return f"a date{like} with{'' if form.zoned else 'out'} a time zone"
    if isinstance(column.form, NumberForm) and not column.form.is_plain:
        return f"a number like {column.form.example}"
    return "a number"


def _possible(kind: pa.DataType, values: pa.ChunkedArray) -> tuple[pa.ChunkedArray, str]:
    """The values with null for infinite ones, and for other than 0 and 1 in a column of booleans; what is expected."""
    good, expected = None, "a finite number"
    if pa.types.is_floating(values.type):
        good = pc.or_kleene(pc.is_finite(values), pc.is_nan(values))
    if pa.types.is_boolean(kind) and type_family(values.type) == "number":
        numbers = pc.cast(values, pa.float64(), safe=False)
        good = pc.or_(pc.is_in(numbers, pa.array([0.0, 1.0])), pc.is_null(numbers, nan_is_null=True))
        expected = "true or false, or 1 or 0"
    if good is None or pc.all(good).as_py() is not False:
        return values, expected
    return pc.if_else(good, values, pa.scalar(None, values.type)), expected


def _respelled(texts: pa.Array, column: Column, kind: pa.DataType) -> pa.Array:
    """Texts parsed as a type and written again; unchanged where one cannot be parsed."""
    values = _parsed(texts, column, kind)
    try:
        spelled = pc.cast(pc.cast(values, kind, safe=False), pa.string())
    except pa.ArrowException:
        return texts
    if pa.types.is_integer(kind):
        numbers = pc.cast(values, pa.float64())
        whole = pc.equal(pc.trunc(numbers), numbers)  # 2.5 is no 2
        spelled = pc.if_else(whole, spelled, pa.scalar(None, pa.string()))
    return pc.coalesce(spelled, texts)


def _family(kind: pa.DataType) -> str | None:
    """Like `type_family`, but times of day and durations are families of their own."""
    if pa.types.is_time(kind):
        return "time"
    return "duration" if pa.types.is_duration(kind) else type_family(kind)


def _check_kind(column: Column, kind: pa.DataType, values: pa.ChunkedArray, where: str) -> None:
    """Raises DataError if the values have a type that cannot stand for the one in training."""
    found, expected = _family(values.type), _family(kind)
    if (found == "boolean" and expected in ("number", "text")) or (expected == "boolean" and found == "number"):
        return
    zones = [pa.types.is_timestamp(t) and t.tz is not None for t in (values.type, kind)]
    fits = found == expected or (expected == "text" and found == "number") or pa.types.is_null(kind)
    if not fits or (expected == "date" and zones[0] != zones[1]):
        raise DataError(f"{where}: column '{column.name}' holds {values.type}; expected {kind}, as in training")

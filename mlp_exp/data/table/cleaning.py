"""Trims column names and texts, marks missing values, and infers the types of columns of texts."""

import io
from collections import Counter
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from mlp_exp.data.table.format import Format
from mlp_exp.errors import DataError


def clean(table: pa.Table, form: Format, *, typed: bool) -> pa.Table:
    """The table with trimmed names and texts, with nulls for missing values, and with inferred types.

    If it is `typed` already, only columns of texts that change when they are trimmed are inferred again.
    """
    columns, untyped = list(table.columns), []
    for index, column in enumerate(columns):
        kind = column.type
        if pa.types.is_dictionary(kind):  # declared as a category by the file
            columns[index] = trim(column.cast(kind.value_type), form).dictionary_encode()
        elif pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
            columns[index] = trim(column, form)
            if not typed or not columns[index].equals(column):
                untyped.append(index)
    if untyped:
        for index, column in zip(untyped, parse_texts([columns[index] for index in untyped], form), strict=True):
            columns[index] = column
    columns = [mask_numbers(column, form.missing_numbers) for column in columns]
    return pa.table(columns, names=clean_names(table.column_names))


def mask_numbers(column: pa.ChunkedArray, missing: Sequence[float]) -> pa.ChunkedArray:
    """A numeric column with null for these numbers; any other column unchanged."""
    kind = column.type
    if not missing or not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return column
    is_missing = pc.is_in(pc.cast(column, pa.float64(), safe=False), pa.array(missing))
    return pc.if_else(is_missing, pa.scalar(None, kind), column)


def clean_names(names: Sequence[str]) -> list[str]:
    """Trimmed names; an empty name becomes `column <index>`, counted from 0."""
    return [name.strip() or f"column {index}" for index, name in enumerate(names)]


def trim(column: pa.ChunkedArray, form: Format) -> pa.ChunkedArray:
    """The texts without surrounding whitespace; null for those that stand for a missing value."""
    text = pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
    return pc.if_else(pc.is_in(text, pa.array(form.all_missing, pa.string())), pa.scalar(None, pa.string()), text)


def parse_texts(
    texts: Sequence[pa.ChunkedArray], form: Format, kind: pa.DataType | None = None
) -> list[pa.ChunkedArray]:
    """The columns as if read from a CSV file: all of one kind, or inferred as numbers, booleans, dates or texts."""
    buffer = io.BytesIO()
    names = [str(index) for index in range(len(texts))]
    csv.write_csv(pa.table(list(texts), names=names), buffer)
    buffer.seek(0)
    parsing = csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False)
    kinds = dict.fromkeys(names, kind) if kind is not None else None
    return list(csv.read_csv(buffer, parse_options=parsing, convert_options=form.conversion(kinds)).columns)


def check_names(names: Sequence[str], path: str) -> None:
    """Raises DataError if two columns have the same name."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        places = [index for index, name in enumerate(names) if name == twice[0]]
        raise DataError(
            f"data.path: '{path}': the name '{twice[0]}' is given to {len(places)} columns "
            f"({', '.join(map(str, places))}, from 0); give each its own"
        )

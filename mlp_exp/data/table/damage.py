"""Errors of damaged files, as messages that name the place and the remedy."""

import csv as plain_csv
import io
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from mlp_exp.data.table.file import TableFile, shorten, unzipped
from mlp_exp.errors import DataError


@contextmanager
def parquet_errors(path: str) -> Iterator[None]:
    """Raises DataError for what Arrow cannot read."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"data.path: '{path}' is not a whole Parquet file: {error}") from error


@contextmanager
def csv_errors(source: TableFile, broken: Sequence[Any]) -> Iterator[None]:
    """Raises DataError for what Arrow cannot read; the parser adds rows that do not fit the header to `broken`."""
    try:
        yield
    except UnicodeError as error:
        raise _wrong_encoding(source.path, f"the text: {error}") from error
    except (pa.ArrowException, OSError, EOFError) as error:
        if broken:
            raise _broken_row(source.path, broken[0], source.form.separator) from error
        _refuse_open_quote(source)
        raise DataError(f"data.path: '{source.path}' is not a whole CSV table: {error}") from error


def check_end(table: pa.Table, source: TableFile) -> None:
    """Raises DataError if the last value of a CSV file runs to the end of the file, after an unclosed quote."""
    last = table.column(table.num_columns - 1)
    if len(last) and pa.types.is_string(last.type) and "\n" in (last[-1].as_py() or ""):
        _refuse_open_quote(source)


def _broken_row(path: str, row: Any, separator: str) -> DataError:
    remedy = f"Fix the row, or name the separator: data.separator=… ({separator!r} was taken)"
    if row.text.count('"') % 2:
        remedy = "It opens a quote and never closes it: fix it"
    return DataError(
        f"data.path: '{path}', row {row.number - 2}: expected {row.expected_columns} fields, as in the header, "
        f"found {row.actual_columns}: '{shorten(row.text)}'. {remedy}"
    )


def _refuse_open_quote(source: TableFile) -> None:
    """Raises DataError for a row with a quote that is never closed, whose value is then the rest of the file."""
    path, form = source.path, source.form
    row = -1  # the row that is being read; the header is -1
    with unzipped(source.file) as raw, io.TextIOWrapper(raw, form.encoding, errors="replace", newline="") as text:
        try:
            for line in plain_csv.reader(text, delimiter=form.separator, strict=True):
                row += bool(line)
        except (plain_csv.Error, EOFError, zlib.error) as error:
            if "end of data" in str(error) or "field limit" in str(error):
                where = "the header" if row < 0 else f"row {row}"
                raise DataError(
                    f"data.path: '{path}', {where}: it opens a quote and never closes it. Fix it"
                ) from error


def _wrong_encoding(path: str, where: str) -> DataError:
    return DataError(
        f"data.path: '{path}' is not in the encoding that was expected, in {where}. Name its own: "
        "data.encoding=latin-1, or utf-16, cp1252 …"
    )


def check_encoding(table: pa.Table, path: str, first_row: int = 0) -> None:
    """Raises DataError for text that is not valid in the encoding; Arrow returns such columns as bytes."""
    try:
        names = table.column_names
    except UnicodeDecodeError as error:
        raise _wrong_encoding(path, f"the header: '{shorten(error.object.decode(errors='replace'))}'") from error
    for name, column in zip(names, table.columns, strict=True):
        if pa.types.is_binary(column.type):
            for row, value in enumerate(column):
                try:
                    (value.as_py() or b"").decode()
                except UnicodeDecodeError as error:
                    text = shorten(value.as_py().decode(errors="replace"))
                    raise _wrong_encoding(path, f"column '{name}', row {first_row + row}: '{text}'") from error

"""Reads a CSV or Parquet file as an Arrow table.

In messages as in index files, rows are counted from 0, without the header and empty lines.
"""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from pyarrow import csv, parquet

from mlp_exp.data.table.cleaning import check_names, clean, clean_names
from mlp_exp.data.table.damage import check_encoding, check_end, csv_errors, parquet_errors
from mlp_exp.data.table.file import Opener, TableFile, detect_file, no_rows, open_native


def read_table(
    path: str,
    separator: str | None = None,
    decimal: str = ".",
    encoding: str = "utf-8",
    missing: Sequence[str] = (),
    open_file: Opener = open_native,
) -> pa.Table:
    """The table in a file, with trimmed texts and column names; a column of texts that are all numbers is numeric.

    Args:
        path: a Parquet file, which is recognised by its content, or a CSV file, which may be gzipped.
        separator: of a CSV file; None detects it in the header.
        decimal: decimal sign in texts, a point or a comma.
        missing: texts and numbers that stand for a missing value, in addition to `MISSING`.
        open_file: opens the file, for example with a progress bar.

    Raises:
        DataError: there is no such file, it is not a table, or it has no rows.
    """
    source = detect_file(path, separator, decimal, encoding, missing)
    table = _read(source, open_file)
    return clean(table, source.form, typed=not source.is_parquet)


def column_names(path: str, separator: str | None = None, encoding: str = "utf-8") -> list[str]:
    """The names of the columns in a file, trimmed; raises the DataErrors of `read_table`."""
    return clean_names(_read(detect_file(path, separator, ".", encoding, ()), open_native).column_names)


def _read(source: TableFile, open_file: Opener) -> pa.Table:
    """The table as it is in the file; DataError if it has no rows, or two columns of one name."""
    table = _read_parquet(source, open_file) if source.is_parquet else _read_csv(source, open_file)
    check_names(clean_names(table.column_names), source.path)
    if not len(table):
        raise no_rows(source.path)
    return table


def _read_parquet(source: TableFile, open_file: Opener) -> pa.Table:
    with parquet_errors(source.path), open_file(source.file) as raw:
        return parquet.ParquetFile(raw).read()


def _read_csv(source: TableFile, open_file: Opener) -> pa.Table:
    broken: list[Any] = []

    def read(opener: Opener, use_threads: bool) -> pa.Table:
        with opener(source.file) as raw:
            return csv.read_csv(
                source.open_csv(raw),
                csv.ReadOptions(use_threads=use_threads),
                source.parsing(None if use_threads else broken),
                source.form.conversion(),
            )

    with csv_errors(source, broken):
        try:
            table = read(open_file, True)
        except pa.ArrowInvalid:
            table = read(open_native, False)  # a single thread reports the number of a broken row
    check_encoding(table, source.path)
    check_end(table, source)
    return table

"""Reads a CSV or Parquet file as a table of columns.

Rows are counted from 0, the header and empty lines apart, in messages as in index files.
"""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from pyarrow import csv, parquet

from mlp_exp.data.table.cleaning import check_names, cleaned
from mlp_exp.data.table.damage import check_encoding, check_end, csv_errors, parquet_errors
from mlp_exp.data.table.source import Opener, Source, find_source, no_row, open_plainly


def read_table(
    path: str,
    separator: str | None = None,
    decimal: str = ".",
    encoding: str = "utf-8",
    missing: Sequence[str] = (),
    open_file: Opener = open_plainly,
) -> pa.Table:
    """The table in a file; text is trimmed, column names too. Columns of texts that are all numbers are numbers.

    Args:
        path: `.parquet` by its content, else CSV, also gzipped.
        separator: of a CSV file; None finds it in the header.
        decimal: what stands before the decimals in texts, a point or a comma.
        encoding: of a CSV file.
        missing: texts and numbers that stand for a missing value, beside `MISSING`.
        open_file: opens the file, so that a caller can watch the reading.

    Raises:
        DataError: there is no such file, or it does not hold a table with a row.
    """
    source = find_source(path, separator, decimal, encoding, missing)
    table = _read_parquet(source, open_file) if source.is_parquet else _read_csv(source, open_file)
    table = cleaned(table, source.form, typed=not source.is_parquet)
    check_names(table.column_names, path)
    if not len(table):
        raise no_row(path)
    return table


def _read_parquet(source: Source, open_file: Opener) -> pa.Table:
    with parquet_errors(source.path), open_file(source.file) as raw:
        return parquet.ParquetFile(raw).read()


def _read_csv(source: Source, open_file: Opener) -> pa.Table:
    broken: list[Any] = []

    def note(row: Any) -> str:
        broken.append(row)
        return "error"

    def read(opener: Opener, use_threads: bool) -> pa.Table:
        with opener(source.file) as raw:
            return csv.read_csv(
                source.open_csv(raw),
                csv.ReadOptions(encoding=source.form.encoding, use_threads=use_threads),
                source.parsing(note),
                source.form.conversion(),
            )

    with csv_errors(source, broken):
        try:
            table = read(open_file, True)
        except pa.ArrowInvalid:
            broken.clear()
            table = read(open_plainly, False)  # one thread knows the number of a broken row
    check_encoding(table, source.path)
    check_end(table, source)
    return table

"""Reads CSV and Parquet files as an Arrow table.

In messages as in index files, rows are counted from 0, without the header and empty lines.
"""

import csv
import json
import logging
import re
from collections.abc import Collection, Sequence
from contextlib import suppress

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from mlp_exp.data.table.cleaning import check_names, clean_names
from mlp_exp.data.table.csv_reader import raw_names, read_all
from mlp_exp.data.table.damage import CsvDamage, check_encoding, parquet_errors
from mlp_exp.data.table.dialect import look_like_values
from mlp_exp.data.table.file import Opener, TableFile, detect_files, no_rows, open_native, shorten
from mlp_exp.data.table.format import Format
from mlp_exp.errors import DataError

log = logging.getLogger(__name__)

CODE = re.compile(r"0\d+")
"""What is rather a code than a number, as the postcode 01067."""
TOTAL = re.compile(
    r"((grand |sub)?(totals?|sum)|(gesamt)?summe|(ins)?gesamt|somme|totale?|suma|totaal|итого|合計|总计)\b.{0,30}",
    re.IGNORECASE,
)
"""What a row of totals begins with."""


def read_table(
    path: str | Sequence[str], format: Format, texts: Collection[str] = (), open_file: Opener = open_native
) -> pa.Table:
    """The table in one or more files, with trimmed names of columns.

    Columns of a CSV file have the types that Arrow infers, of a Parquet file its own; bytes that are texts are texts.

    Args:
        path: a Parquet file, which is recognised by its content, a CSV file, which may be gzipped, several of them, or
            a folder of Parquet files.
        texts: names of columns that stay as they stand in a CSV file.
        open_file: opens each file, for example with a progress bar.

    Raises:
        DataError: there is no such file, it is not a table, it has no rows, or several have different columns.
    """
    sources = detect_files(path, format)
    tables = [_read(source, set(texts), open_file) for source in sources]
    require_same_columns([(source.path, each.column_names) for source, each in zip(sources, tables, strict=True)])
    tables = [table for table in tables if len(table)]
    if not tables:
        raise no_rows(sources[0].path)
    first = tables[0]
    families = {name: {_family(table[name]) for table in tables} - {"null"} for name in first.column_names}
    differing = {name for name, found in families.items() if len(found) > 1}
    if differing - set(texts):  # in one file all are numbers, in another they are not
        return read_table(path, format, {*texts, *differing}, open_file)
    if len(tables) == 1:
        return first
    try:
        whole = pa.concat_tables([each.select(first.column_names) for each in tables], promote_options="permissive")
        return whole.replace_schema_metadata(first.schema.metadata)
    except pa.ArrowException as error:
        raise DataError(f"data.path: the columns of {len(tables)} files have different types: {error}") from error


def column_names(path: str | Sequence[str], format: Format) -> list[str]:
    """The names of the columns in a file, trimmed; raises the DataErrors of `read_table`."""
    source = detect_files(path, format)[0]
    if source.is_parquet:
        with parquet_errors(source.path), open_native(source.file) as raw:
            names = list(parquet.ParquetFile(raw).schema_arrow.names)
    else:
        names = raw_names(source)
    return checked_names(names, source)


def leading_zeros(path: str | Sequence[str], format: Format, content: pa.Table) -> set[str]:
    """Columns of whole numbers, of which some in the first lines of a CSV file begin with a zero."""
    whole = {name for name in content.column_names if pa.types.is_integer(content[name].type)}
    found: set[str] = set()
    for source in detect_files(path, format) if whole else ():
        if not source.is_parquet:
            names = checked_names(raw_names(source), source)
            lines = source.head.decode(errors="ignore").splitlines(keepends=True)
            with suppress(csv.Error):  # as of a cell that is too long
                for row in csv.reader(lines, delimiter=source.dialect.separator):
                    found |= {name for name, cell in zip(names, row, strict=False) if CODE.fullmatch(cell.strip())}
    return found & whole


def checked_names(names: Sequence[str], source: TableFile) -> list[str]:
    """Trimmed names; DataError if two are the same, which may mean that they are values."""
    cleaned = clean_names(names)
    check_names(cleaned, source.path)
    return cleaned


def require_same_columns(files: Sequence[tuple[str, Sequence[str]]]) -> None:
    """Raises DataError if files of one table, by path and names of columns, have different columns."""
    (first, expected), *others = files
    for path, names in others:
        if sorted(names) != sorted(expected):
            odd = sorted(set(names) ^ set(expected))
            raise DataError(
                f"data.path: '{path}' has other columns than '{first}': only one of them has {', '.join(odd[:5])}. "
                "Files of one table need the same columns"
            )


def _family(column: pa.ChunkedArray) -> str:
    """Types of one family can be joined."""
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return "number"
    return "text" if pa.types.is_large_string(kind) else str(kind)


def _read(source: TableFile, texts: set[str], open_file: Opener) -> pa.Table:
    """The table in a file; DataError if two columns have the same name."""
    table = _read_parquet(source, open_file) if source.is_parquet else _read_csv(source, texts, open_file)
    names = checked_names(table.column_names, source)
    if source.format.header and not source.is_parquet and look_like_values(names):
        shown = ", ".join(map(shorten, names[:5]))
        log.warning("%s: the names of the columns look like values (%s); if so: data.header=false", source.path, shown)
    return table.rename_columns(names).replace_schema_metadata(table.schema.metadata)


def _read_parquet(source: TableFile, open_file: Opener) -> pa.Table:
    with parquet_errors(source.path), open_file(source.file) as raw:
        table = parquet.ParquetFile(raw).read()
    texts = pa.table([as_text_if_it_is(column) for column in table.columns], names=table.column_names)
    return texts.replace_schema_metadata(table.schema.metadata)


def pandas_index(table: pa.Table) -> list[str]:
    """The columns that are the index of a pandas data frame, as the file's metadata say."""
    with suppress(ValueError, TypeError, KeyError):
        said = json.loads((table.schema.metadata or {})[b"pandas"])
        names = clean_names([name for name in said["index_columns"] if isinstance(name, str)])
        return [name for name in names if name in table.column_names]
    return []


def as_text_if_it_is(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Bytes as texts if they are texts in UTF-8, as older programs write them; any other column unchanged."""
    kind = column.type
    if not (pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)):
        return column
    try:
        texts = pc.cast(pc.cast(column, pa.large_binary()), pa.large_string()).cast(pa.string())
    except pa.ArrowInvalid:
        return column
    odd = pc.any(pc.match_substring_regex(texts, r"[\x00-\x08\x0e-\x1f]")).as_py()
    return column if odd else texts


def _read_csv(source: TableFile, texts: set[str], open_file: Opener) -> pa.Table:
    if any(line.strip() for line in source.dialect.skipped):
        shown = "; ".join(shorten(line) for line in source.dialect.skipped if line.strip())
        count = len(source.dialect.skipped)
        log.info("%s: %d line%s before the header skipped: %s", source.path, count, "s" * (count > 1), shown)
    names = raw_names(source)
    kinds = {name: pa.string() for name, cleaned in zip(names, clean_names(names), strict=True) if cleaned in texts}
    damage = CsvDamage(source)
    with damage.as_errors():
        table = read_all(source, names, source.format.conversion(kinds), damage, open_file)
    damage.check(len(table), may_skip=True)
    check_encoding(table, source.path)
    damage.check_end(table)
    return _without_total(table, source.path)


def _without_total(table: pa.Table, path: str) -> pa.Table:
    """The table without a last row that holds totals: its first text says so, and it has no other text but numbers."""
    columns = [column for column in table.columns if pa.types.is_string(column.type)]
    cells = [(column[-1].as_py() or "").strip() for column in columns] if len(table) > 2 else []
    filled = [(column, cell) for column, cell in zip(columns, cells, strict=False) if cell]
    if not filled or not TOTAL.fullmatch(filled[0][1]) or any(not re.search(r"\d", cell) for _, cell in filled[1:]):
        return table
    if pc.sum(pc.equal(filled[0][0], filled[0][0][-1])).as_py() > 1:
        return table
    log.info("%s: the last row holds totals ('%s') and is left out", path, shorten(filled[0][1]))
    return table.slice(0, len(table) - 1)

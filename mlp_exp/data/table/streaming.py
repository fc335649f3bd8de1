"""Reads a CSV or Parquet file in chunks, for tables that are larger than memory."""

import csv as plain_csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any, NamedTuple

import pyarrow as pa
from pyarrow import csv, parquet

from mlp_exp.data.table.cleaning import check_names, clean_names
from mlp_exp.data.table.damage import check_encoding, check_end, csv_errors, parquet_errors
from mlp_exp.data.table.file import Opener, detect_file, no_rows, open_native, unzipped

CHUNK_ROWS = 65_536
CHUNK_BYTES = 2**22
"""A chunk has at most about as many bytes of text."""
BLOCK_BYTES = 2**20
"""Bytes of a CSV file that are parsed at once. A row must fit into them, as when a table is read as a whole."""

BROKEN_ROW = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+): (.*)", re.DOTALL)
CUT = " ..."
"""The end of a long row in Arrow's message."""


class TableStream:
    """A table in a file. Texts in a CSV file stay as they are there: the caller knows their types from training.

    Arguments as in `read_table`. Raises DataError if there is no such file, or it is not a table.
    """

    def __init__(self, path: str, separator: str | None = None, encoding: str = "utf-8") -> None:
        self._source = detect_file(path, separator, ".", encoding, ())
        self._raw_names = self._read_parquet_names() if self._source.is_parquet else self._read_csv_names()
        self.names = clean_names(self._raw_names)
        check_names(self.names, path)

    def chunks(
        self, names: Sequence[str], open_file: Opener = open_native, rows: int = CHUNK_ROWS
    ) -> Iterator[pa.Table]:
        """These columns in tables of at most `rows` rows; raises DataError if the file is damaged, or has no rows."""
        wanted = [self._raw_names[self.names.index(name)] for name in names]
        read = self._parquet_tables if self._source.is_parquet else self._csv_tables
        found = 0
        for table in _joined(read(wanted, open_file, rows), rows):
            found += len(table)
            for start in range(0, len(table), rows):
                yield table.slice(start, rows).select(wanted).rename_columns(list(names))
        if not found:
            raise no_rows(self._source.path)

    def _read_parquet_names(self) -> list[str]:
        with parquet_errors(self._source.path), open_native(self._source.file) as raw:
            return list(parquet.ParquetFile(raw).schema_arrow.names)

    def _parquet_tables(self, wanted: Sequence[str], open_file: Opener, rows: int) -> Iterator[pa.Table]:
        with parquet_errors(self._source.path), open_file(self._source.file) as raw:
            # buffered: a row group may be as large as the file
            file = parquet.ParquetFile(raw, buffer_size=BLOCK_BYTES)
            done, size = 0, raw.size()
            for batch in file.iter_batches(rows, columns=list(wanted)):
                done += len(batch)
                raw.seek(size * done // file.metadata.num_rows)  # for the progress: Arrow reads at places of its own
                yield pa.Table.from_batches([batch])

    def _read_csv_names(self) -> list[str]:
        if not self._source.is_utf8:
            return self._read_decoded_names()
        broken: list[Any] = []
        with csv_errors(self._source, broken), _noted(broken), open_native(self._source.file) as raw:
            schema = self._csv_reader(raw, {}).schema
        check_encoding(schema.empty_table(), self._source.path)
        return list(schema.names)

    def _read_decoded_names(self) -> list[str]:
        """The names in a file in another encoding, without a copy of the whole file."""
        source = self._source
        with (
            csv_errors(source, []),
            unzipped(source.file) as raw,
            io.TextIOWrapper(raw, source.form.encoding, newline="") as text,
        ):
            lines = chain([next(text).removeprefix("\ufeff")], text)
            return next(row for row in plain_csv.reader(lines, delimiter=source.form.separator) if row)

    def _csv_tables(self, wanted: Sequence[str], open_file: Opener, rows: int) -> Iterator[pa.Table]:
        last = self._raw_names[-1]  # an unclosed quote shows in the last column
        # as bytes, so that a message can show text in another encoding
        kinds = dict.fromkeys([*wanted, last], pa.binary())
        broken: list[Any] = []
        table, first_row = None, 0
        with csv_errors(self._source, broken), _noted(broken), open_file(self._source.file) as raw:
            for batch in self._csv_reader(raw, kinds):
                table = self._as_texts(pa.Table.from_batches([batch]), first_row)
                first_row += len(table)
                yield table
        if table is not None:
            check_end(table.select([last]), self._source)

    def _csv_reader(self, raw: pa.NativeFile, kinds: dict[str, pa.DataType]) -> Any:
        """Record batches of the columns in `kinds`, or of all; a single thread reports the number of a broken row."""
        return csv.open_csv(
            self._source.open_csv(raw),
            csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),
            self._source.parsing(),
            csv.ConvertOptions(column_types=kinds, include_columns=list(kinds)),
        )

    def _as_texts(self, table: pa.Table, first_row: int) -> pa.Table:
        try:
            return table.cast(pa.schema([(name, pa.string()) for name in table.column_names]))
        except pa.ArrowInvalid:
            check_encoding(table, self._source.path, first_row)
            raise


class _BrokenRow(NamedTuple):
    number: int
    expected_columns: int
    actual_columns: int
    text: str


@contextmanager
def _noted(broken: list[Any]) -> Iterator[None]:
    """Adds the row to `broken` that an error of Arrow's parser names, unless what it shows of the row is misleading."""
    try:
        yield
    except pa.ArrowInvalid as error:
        if found := BROKEN_ROW.search(str(error)):
            number, expected, actual = map(int, found.groups()[:3])
            text = found[4].removesuffix(CUT)
            if text == found[4] or text.count('"') % 2 == 0:  # else the quote may be closed in the rest
                broken.append(_BrokenRow(number, expected, actual, text))
        raise


def _joined(tables: Iterable[pa.Table], rows: int) -> Iterator[pa.Table]:
    """Joins small tables into larger ones, since each costs a fixed time."""
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        if sum(map(len, waiting)) >= rows or sum(each.nbytes for each in waiting) >= CHUNK_BYTES:
            yield pa.concat_tables(waiting).combine_chunks()
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting).combine_chunks()

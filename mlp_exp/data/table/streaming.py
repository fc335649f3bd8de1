"""Reads a CSV or Parquet file in chunks, for tables that are larger than memory."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa
from pyarrow import csv, parquet

from mlp_exp.data.table.cleaning import check_names, clean_names
from mlp_exp.data.table.damage import check_encoding, check_end, csv_errors, parquet_errors
from mlp_exp.data.table.file import Opener, detect_file, no_rows, open_binary
from mlp_exp.data.table.format import MISSING

CHUNK_ROWS = 65_536
CHUNK_BYTES = 2**22
"""A chunk has at most about as many bytes of text."""
BLOCK_BYTES = 2**20
"""Bytes of a CSV file that are parsed at once. A row must fit into them, as when a table is read as a whole."""


class TableStream:
    """A table in a file. Texts in a CSV file stay texts: the caller knows their types from training.

    Arguments as in `read_table`. Raises DataError if there is no such file, or it is not a table.
    """

    def __init__(self, path: str, separator: str | None = None, encoding: str = "utf-8") -> None:
        self._source = detect_file(path, separator, ".", encoding, ())
        self._raw_names = self._read_parquet_names() if self._source.is_parquet else self._read_csv_names()
        self.names = clean_names(self._raw_names)
        check_names(self.names, path)

    def chunks(
        self, names: Sequence[str], open_file: Opener = open_binary, rows: int = CHUNK_ROWS
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
        with parquet_errors(self._source.path), self._source.file.open("rb") as raw:
            return list(parquet.ParquetFile(raw).schema_arrow.names)

    def _parquet_tables(self, wanted: Sequence[str], open_file: Opener, rows: int) -> Iterator[pa.Table]:
        with parquet_errors(self._source.path), open_file(self._source.file) as raw:
            # buffered: a row group may be as large as the file
            file = parquet.ParquetFile(raw, buffer_size=BLOCK_BYTES)
            for batch in file.iter_batches(rows, columns=list(wanted)):
                yield pa.Table.from_batches([batch])

    def _read_csv_names(self) -> list[str]:
        broken: list[Any] = []
        with csv_errors(self._source, broken), self._source.file.open("rb") as raw:
            schema = self._csv_reader(raw, broken, {}).schema
        check_encoding(schema.empty_table(), self._source.path)
        return list(schema.names)

    def _csv_tables(self, wanted: Sequence[str], open_file: Opener, rows: int) -> Iterator[pa.Table]:
        last = self._raw_names[-1]  # an unclosed quote shows in the last column
        # as bytes, so that a message can show text in another encoding
        kinds = dict.fromkeys([*wanted, last], pa.binary())
        broken: list[Any] = []
        table, first_row = None, 0
        with csv_errors(self._source, broken), open_file(self._source.file) as raw:
            for batch in self._csv_reader(raw, broken, kinds):
                table = self._as_texts(pa.Table.from_batches([batch]), first_row)
                first_row += len(table)
                yield table
        if table is not None:
            check_end(table.select([last]), self._source)

    def _csv_reader(self, raw: Any, broken: list[Any], kinds: dict[str, pa.DataType]) -> Any:
        """Record batches of the columns in `kinds`, or of all; a single thread reports the number of a broken row."""
        return csv.open_csv(
            self._source.open_csv(raw),
            csv.ReadOptions(encoding=self._source.form.encoding, use_threads=False, block_size=BLOCK_BYTES),
            self._source.parsing(broken),
            csv.ConvertOptions(
                null_values=list(MISSING), strings_can_be_null=True, column_types=kinds, include_columns=list(kinds)
            ),
        )

    def _as_texts(self, table: pa.Table, first_row: int) -> pa.Table:
        try:
            return table.cast(pa.schema([(name, pa.string()) for name in table.column_names]))
        except pa.ArrowInvalid:
            check_encoding(table, self._source.path, first_row)
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

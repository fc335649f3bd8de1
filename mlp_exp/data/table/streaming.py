"""Reads a CSV or Parquet file in chunks, for tables that are larger than memory."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import pyarrow as pa
from pyarrow import parquet

from mlp_exp.data.table.csv_reader import batches, raw_names
from mlp_exp.data.table.damage import CsvDamage, check_encoding, parquet_errors
from mlp_exp.data.table.file import Opener, TableFile, detect_files, is_utf8_after_all, no_rows, open_native
from mlp_exp.data.table.format import UTF8, Format
from mlp_exp.data.table.reading import checked_names, require_same_columns

CHUNK_ROWS = 65_536
CHUNK_BYTES = 2**22
"""A chunk has at most about as many bytes of text."""
BUFFER_BYTES = 2**20
"""Of a Parquet file that are read at once: a row group may be as large as the file."""


class TableStream:
    """A table in one or more files. Texts in a CSV file stay texts: the caller knows their types from training.

    Raises DataError if there is no such file, it is not a table, or several have different columns.

    Attributes:
        names: of the columns.
    """

    def __init__(self, path: str, format: Format) -> None:
        self._path = path
        if format.encoding != UTF8 and is_utf8_after_all(path):  # unlike the file of training
            format = replace(format, encoding=UTF8)
        self._files = [_FileStream(source) for source in detect_files(path, format)]
        if format.separator and len(self._files[0].names) == 1:  # it is that of another file
            self._files = [_FileStream(source) for source in detect_files(path, replace(format, separator=None))]
        self.names = self._files[0].names
        require_same_columns([(file.path, file.names) for file in self._files])

    def chunks(
        self, names: Sequence[str], open_file: Opener = open_native, rows: int = CHUNK_ROWS
    ) -> Iterator[pa.Table]:
        """These columns in tables of at most `rows` rows; raises DataError if a file is damaged, or has no rows."""
        found = 0
        for file in self._files:
            for chunk in file.chunks(names, open_file, rows):
                found += len(chunk)
                yield chunk
        if not found:
            raise no_rows(self._path)


class _FileStream:
    """One file of a table."""

    def __init__(self, source: TableFile) -> None:
        self._source = source
        self.path = source.path
        self._raw_names = self._read_parquet_names() if source.is_parquet else raw_names(source)
        self.names = checked_names(self._raw_names, source)

    def chunks(self, names: Sequence[str], open_file: Opener, rows: int) -> Iterator[pa.Table]:
        wanted = [self._raw_names[self.names.index(name)] for name in names]
        read = self._parquet_tables if self._source.is_parquet else self._csv_tables
        for table in _joined(read(wanted, open_file, rows), rows):
            for start in range(0, len(table), rows):
                yield table.slice(start, rows).select(wanted).rename_columns(list(names))

    def _read_parquet_names(self) -> list[str]:
        with parquet_errors(self._source.path), open_native(self._source.file) as raw:
            return list(parquet.ParquetFile(raw).schema_arrow.names)

    def _parquet_tables(self, wanted: Sequence[str], open_file: Opener, rows: int) -> Iterator[pa.Table]:
        with parquet_errors(self._source.path), open_file(self._source.file) as raw:
            file = parquet.ParquetFile(raw, buffer_size=BUFFER_BYTES)
            done, size, rows_in_all = 0, raw.size(), max(1, file.metadata.num_rows)
            for batch in file.iter_batches(rows, columns=list(wanted)):
                done += len(batch)
                raw.seek(size * done // rows_in_all)  # for the progress: Arrow reads at places of its own
                yield pa.Table.from_batches([batch])

    def _csv_tables(self, wanted: Sequence[str], open_file: Opener, rows: int) -> Iterator[pa.Table]:
        last = self._raw_names[-1]  # an unclosed quote shows in the last column
        # as bytes, so that a message can show text in another encoding
        kinds = dict.fromkeys([*wanted, last], pa.binary())
        damage = CsvDamage(self._source)
        table, first_row = None, 0
        with damage.as_errors():
            for batch in batches(self._source, self._raw_names, kinds, damage, open_file):
                table = self._as_texts(pa.Table.from_batches([batch]), first_row)
                first_row += len(table)
                yield table
        damage.check(first_row, may_skip=False)
        if table is not None:
            damage.check_end(table.select([last]))

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

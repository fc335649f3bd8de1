"""Arrow's readers of a CSV file, with what was detected about its layout.

Rows that do not fit the header are noted by a function in Python, which Arrow's threads must not call (see `file`): a
file with such rows is read again, by a single thread.
"""

from collections.abc import Iterator, Mapping

import pyarrow as pa
from pyarrow import csv

from mlp_exp.data.table.damage import CsvDamage, decoded_names
from mlp_exp.data.table.file import Opener, TableFile, open_native

BLOCK_BYTES = (2**20, 2**24, 2**28, 2**31 - 1)
"""Bytes that are parsed at once. A row has to fit into them: for a longer one, the next size is tried."""


def raw_names(source: TableFile) -> list[str]:
    """The names of all fields as they stand in the header; `column <number>`, from 0, for fields without a name.

    Raises DataError for a damaged file.
    """
    dialect = source.dialect
    if not source.format.header:
        return [f"column {index}" for index in range(len(dialect.names))]
    damage = CsvDamage(source)
    block = len(source.head) + 1
    with damage.as_errors():
        reading = csv.ReadOptions(use_threads=False, block_size=block, skip_rows=len(dialect.skipped))
        # its last row may be cut off, and is then one that does not fit
        table = csv.read_csv(pa.BufferReader(source.head), reading, _parsing(source, damage))
    found = decoded_names(table.schema, source.path)
    if not found[0].startswith("# "):
        found[0] = found[0].removeprefix("#")  # of a header that is a comment for other programs
    names = [*[""] * dialect.before, *found, *[""] * dialect.after]
    return [name or f"column {index}" for index, name in enumerate(names)]


def read_all(
    source: TableFile,
    names: list[str],
    conversion: csv.ConvertOptions,
    damage: CsvDamage,
    open_file: Opener,
    first: int = 0,
) -> pa.Table:
    """The whole table without the rows that do not fit, which are added to `damage`; raises pyarrow's errors.

    Args:
        first: place in `BLOCK_BYTES` of the first size to try.
    """

    def read(opener: Opener, block: int, noted: CsvDamage | None) -> pa.Table:
        reading = _reading(source, names, block, use_threads=noted is None)
        with opener(source.file) as raw:
            return csv.read_csv(source.open_csv(raw), reading, _parsing(source, noted), conversion)

    for block in BLOCK_BYTES[first:]:
        try:
            return read(open_file, block, None)
        except pa.ArrowInvalid as error:
            if _is_ragged(error):
                return read(open_native, block, damage)
            if not _is_too_long(error, block):
                raise
            damage.refuse_open_quote()  # which makes a row of the rest of the file
    raise AssertionError("the last size raises")


def batches(
    source: TableFile, names: list[str], kinds: Mapping[str, pa.DataType], damage: CsvDamage, open_file: Opener
) -> Iterator[pa.RecordBatch]:
    """The rows of the columns in `kinds`, a block at a time; raises pyarrow's errors.

    From the first row that does not fit, the columns are read as a whole.
    """
    conversion = csv.ConvertOptions(column_types=kinds, include_columns=list(kinds))
    done = 0
    for place, block in enumerate(BLOCK_BYTES):
        try:
            for batch in _batches(source, names, conversion, open_file, block, done):
                yield batch
                done += len(batch)
            return
        except pa.ArrowInvalid as error:
            if _is_ragged(error):
                rest = read_all(source, names, conversion, damage, open_native, place).slice(done)
                yield from rest.to_batches()
                return
            if not _is_too_long(error, block):
                raise


def _batches(
    source: TableFile,
    names: list[str],
    conversion: csv.ConvertOptions,
    open_file: Opener,
    block: int,
    skipped: int,
) -> Iterator[pa.RecordBatch]:
    with open_file(source.file) as raw:
        reading = _reading(source, names, block, use_threads=False)
        for batch in csv.open_csv(source.open_csv(raw), reading, _parsing(source, None), conversion):
            if skipped < len(batch):
                yield batch.slice(skipped)
            skipped = max(0, skipped - len(batch))


def _reading(source: TableFile, names: list[str], block: int, *, use_threads: bool) -> csv.ReadOptions:
    dialect = source.dialect
    return csv.ReadOptions(
        use_threads=use_threads,
        block_size=block,
        skip_rows=len(dialect.skipped),
        column_names=names,
        skip_rows_after_names=source.format.header + dialect.ruled,
    )


def _parsing(source: TableFile, damage: CsvDamage | None) -> csv.ParseOptions:
    handler = None if damage is None else damage.note
    return csv.ParseOptions(delimiter=source.dialect.separator, newlines_in_values=True, invalid_row_handler=handler)


def _is_ragged(error: pa.ArrowInvalid) -> bool:
    """Whether a row does not fit the header."""
    return "columns, got" in str(error)


def _is_too_long(error: pa.ArrowInvalid, block: int) -> bool:
    """Whether a row, or the header, did not fit into a block, and there is a larger one."""
    says = str(error)
    return block < BLOCK_BYTES[-1] and ("straddling" in says or "cannot infer number of columns" in says)

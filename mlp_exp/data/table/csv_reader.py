"""Arrow's readers of a CSV file, with what was detected about its layout."""

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
from pyarrow import csv

from mlp_exp.data.table.damage import CsvDamage, check_encoding
from mlp_exp.data.table.file import Opener, TableFile, open_binary
from mlp_exp.data.table.format import MISSING

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
    with damage.as_errors():
        schema = next(_schemas(source, damage))
    check_encoding(schema.empty_table(), source.path)
    names = [*[""] * dialect.before, *schema.names, *[""] * dialect.after]
    return [name or f"column {index}" for index, name in enumerate(names)]


def _schemas(source: TableFile, damage: CsvDamage) -> Iterator[pa.Schema]:
    for block in BLOCK_BYTES:
        try:
            with (
                open_binary(source.file) as raw,
                csv.open_csv(
                    source.open_csv(raw),
                    csv.ReadOptions(
                        encoding=source.format.encoding, skip_rows=len(source.dialect.skipped), block_size=block
                    ),
                    _parsing(source, damage),
                ) as reader,
            ):
                yield reader.schema
        except pa.ArrowInvalid as error:
            if not _too_long(error, block):
                raise


def read_all(
    source: TableFile, names: list[str], kinds: Mapping[str, pa.DataType], open_file: Opener
) -> tuple[pa.Table, CsvDamage]:
    """The whole table, types inferred where they are not in `kinds`, and the rows that do not fit.

    Raises pyarrow's errors.
    """

    def read(opener: Opener, block: int, *, use_threads: bool) -> tuple[pa.Table, CsvDamage]:
        damage = CsvDamage(source)
        with opener(source.file) as raw:
            table = csv.read_csv(
                source.open_csv(raw),
                _reading(source, names, block, use_threads=use_threads),
                _parsing(source, damage),
                source.format.conversion(kinds),
            )
        return table, damage

    for block in BLOCK_BYTES:
        try:
            table, damage = read(open_file, block, use_threads=True)
        except pa.ArrowInvalid as error:
            if not _too_long(error, block):
                raise
            CsvDamage(source).refuse_open_quote()  # which makes a row of the rest of the file
            continue
        # a single thread knows the numbers of the rows that do not fit
        return read(open_binary, block, use_threads=False) if damage.count else (table, damage)
    raise AssertionError("the last block size raises")


def batches(
    source: TableFile, names: list[str], kinds: Mapping[str, pa.DataType], damage: CsvDamage, open_file: Opener
) -> Iterator[pa.RecordBatch]:
    """The rows of the columns in `kinds`, a block at a time; raises pyarrow's errors."""
    done = 0
    for block in BLOCK_BYTES:
        try:
            for batch in _batches(source, names, kinds, CsvDamage(source) if done else damage, open_file, block, done):
                yield batch
                done += len(batch)
            return
        except pa.ArrowInvalid as error:
            if not _too_long(error, block):
                raise


def _batches(
    source: TableFile,
    names: list[str],
    kinds: Mapping[str, pa.DataType],
    damage: CsvDamage,
    open_file: Opener,
    block: int,
    skipped: int,
) -> Iterator[pa.RecordBatch]:
    with (
        open_file(source.file) as raw,
        csv.open_csv(
            source.open_csv(raw),
            _reading(source, names, block, use_threads=False),
            _parsing(source, damage),
            csv.ConvertOptions(
                null_values=list(MISSING), strings_can_be_null=False, column_types=kinds, include_columns=list(kinds)
            ),
        ) as reader,
    ):
        for batch in reader:
            if skipped < len(batch):
                yield batch.slice(skipped)
            skipped = max(0, skipped - len(batch))


def _reading(source: TableFile, names: list[str], block: int, *, use_threads: bool) -> csv.ReadOptions:
    dialect = source.dialect
    return csv.ReadOptions(
        encoding=source.format.encoding,
        use_threads=use_threads,
        block_size=block,
        skip_rows=len(dialect.skipped),
        column_names=names,
        skip_rows_after_names=source.format.header + dialect.ruled,
    )


def _parsing(source: TableFile, damage: CsvDamage) -> csv.ParseOptions:
    return csv.ParseOptions(
        delimiter=source.dialect.separator, newlines_in_values=True, invalid_row_handler=damage.note
    )


def _too_long(error: Any, block: int) -> bool:
    """Whether a row, or the header, did not fit into a block, and there is a larger one."""
    says = str(error)
    return block < BLOCK_BYTES[-1] and ("straddling" in says or "cannot infer number of columns" in says)

"""Writes predictions as CSV or Parquet, piece by piece."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from gzip import GzipFile
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from mlp_exp.data.table.find_column import find_column
from mlp_exp.errors import DataError
from mlp_exp.storage.atomic import atomic

ALL = "all"
TEXT = pa.large_string()
"""A string array holds 2 GiB at most."""


def kept_columns(asked: Sequence[str], names: Sequence[str], made: Sequence[str]) -> list[str]:
    """The columns to carry through that `--keep` asks for: names, several with commas between them, or `all`.

    Args:
        names: the table's; one with a comma may be asked for as it is.
        made: the names of the columns that are predicted.

    Raises:
        DataError: the table has no such column, or it has the name of one that is predicted.
    """
    kept: dict[str, None] = {}
    for word in asked:
        parts = [word] if word in names else [part.strip() for part in word.split(",")]
        kept |= dict.fromkeys(names if word == ALL else [find_column(part, names, "--keep") for part in parts])
    taken = [name for name in kept if name in made]
    if taken:
        raise DataError(
            f"--keep: '{taken[0]}' is a column of the predictions, too; rename the table's, or leave it out"
        )
    return list(kept)


@contextmanager
def writer(output: Path | BinaryIO) -> Iterator[Callable[[pa.Table], None]]:
    """What writes rows: to a file, by its ending, as a whole or not at all; to a stream as CSV.

    Raises DataError for a column that CSV cannot hold.
    """
    if not isinstance(output, Path):
        yield _csv_writer(output)
        return
    ending = output.suffix.lower()
    with atomic(output) as temporary, temporary.open("wb") as file:
        if ending == ".parquet":
            with _ParquetWriter(file) as write:
                yield write
        elif ending == ".gz":
            with GzipFile("", "wb", fileobj=file, mtime=0) as zipped:
                yield _csv_writer(zipped)
        else:
            yield _csv_writer(file)


class _ParquetWriter:
    """Its schema is that of the first rows."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._writer: Any = None

    def __enter__(self) -> "_ParquetWriter":
        return self

    def __call__(self, rows: pa.Table) -> None:
        if self._writer is None:
            self._writer = parquet.ParquetWriter(self._file, rows.schema)
        self._writer.write_table(rows)

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()


def _csv_writer(file: BinaryIO | GzipFile) -> Callable[[pa.Table], None]:
    begun = False

    def write(rows: pa.Table) -> None:
        nonlocal begun
        if not begun:
            file.write(_lines(pa.table([[name] for name in rows.column_names], names=rows.column_names)))
            begun = True
        file.write(_lines(rows))

    return write


def _lines(rows: pa.Table) -> pa.Buffer:
    """The rows as CSV, with quotes where they are needed alone, as Arrow's own writer cannot."""
    fields = [_quoted(_texts(name, rows[name])) for name in rows.column_names]
    lines = pc.binary_join_element_wise(*fields, pa.scalar(",", TEXT))
    ended = pc.binary_join_element_wise(lines, pa.scalar("", TEXT), pa.scalar("\n", TEXT))
    return ended.buffers()[2]


def _texts(name: str, column: pa.ChunkedArray) -> pa.Array:
    """Empty where there is no value."""
    array = column.combine_chunks()
    try:
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        return pc.fill_null(pc.cast(array, TEXT), "")
    except pa.ArrowException as error:
        raise DataError(
            f"--keep: column '{name}' holds {array.type}, which has no text; write to a .parquet file"
        ) from error


def _quoted(texts: pa.Array) -> pa.Array:
    needed = pc.match_substring_regex(texts, '[",\r\n]')
    if not pc.any(needed).as_py():
        return texts
    quote = pa.scalar('"', TEXT)
    inside = pc.replace_substring(texts, '"', '""')
    return pc.if_else(needed, pc.binary_join_element_wise(quote, inside, quote, pa.scalar("", TEXT)), texts)

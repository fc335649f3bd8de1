"""What is wrong with a damaged file, as messages that name the place and the cure."""

import csv as plain_csv
import io
import logging
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from mlp_exp.data.table.file import TableFile, shorten, unzipped
from mlp_exp.errors import DataError

log = logging.getLogger(__name__)

KEPT = 1000
"""Rows that do not fit the header and are kept for a message; further ones are counted."""
FOOTER_ROWS = 5
"""At most so many short rows at the end are no part of the table, as `(30 rows affected)`."""


@contextmanager
def parquet_errors(path: str) -> Iterator[None]:
    """Raises DataError for what Arrow cannot read."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"data.path: '{path}' is not a whole Parquet file: {error}") from error


class CsvDamage:
    """The rows of a CSV file that do not fit its header, and other damage.

    Attributes:
        count: number of rows that do not fit, apart from comments (`# …`).
    """

    def __init__(self, source: TableFile) -> None:
        self._source = source
        self._rows: list[Any] = []
        self.count = self._comments = 0

    def note(self, row: Any) -> str:
        """Arrow's handler of a row that does not fit: it is left out, and judged when all have been read."""
        if row.text.startswith("#"):
            self._comments += 1
            return "skip"
        self.count += 1
        if len(self._rows) < KEPT:
            self._rows.append(row)
        return "skip"

    @contextmanager
    def as_errors(self) -> Iterator[None]:
        """Raises DataError for what Arrow cannot read."""
        path = self._source.path
        try:
            yield
        except UnicodeError as error:
            raise _wrong_encoding(path, f"the text: {error}") from error
        except (pa.ArrowException, OSError, EOFError) as error:
            self.refuse_open_quote()
            raise DataError(f"data.path: '{path}' is not a whole CSV table: {error}") from error

    def check(self, rows: int, *, may_skip: bool) -> None:
        """Raises DataError for rows that do not fit; those at the end that are no part of the table are left out.

        Args:
            rows: number of those that fit.
            may_skip: whether the user may leave out the others.
        """
        path, format = self._source.path, self._source.format
        if self._comments:
            log.info("%s: %d comment line%s (#) skipped", path, self._comments, "s" * (self._comments > 1))
        if not self.count:
            return
        first = len(self._source.dialect.skipped) + format.header + self._source.dialect.ruled + 1
        places = [row.number - first for row in self._rows]
        if self._is_footer(places, rows):
            shown = ", ".join(f"'{shorten(row.text)}'" for row in self._rows)
            log.info("%s: no rows of the table, at its end: %s", path, shown)
            return
        if may_skip and format.skips_ragged_rows and self.count <= rows:
            if self.count == 1:
                log.warning("%s: row %d does not fit the header and is left out", path, places[0])
            else:
                text = "%s: %d rows do not fit the header and are left out, first row %d"
                log.warning(text, path, self.count, places[0])
            return
        raise self._ragged(places, rows, may_skip=may_skip)

    def _is_footer(self, places: list[int], rows: int) -> bool:
        total = rows + self.count
        at_end = places == list(range(total - self.count, total))
        separator = self._source.dialect.separator
        short = all(sum(map(bool, row.text.split(separator))) == 1 and '"' not in row.text for row in self._rows)
        return at_end and short and self.count <= FOOTER_ROWS and rows > self.count

    def _ragged(self, places: list[int], rows: int, *, may_skip: bool) -> DataError:
        separator, first = self._source.dialect.separator, self._rows[0]
        more = f" ({self.count} such rows)" if self.count > 1 else ""
        remedy = f"Fix {'them' if more else 'it'}"
        if self.count >= rows:
            remedy = f"Name the separator: data.separator=… ({separator!r} was taken)"
        elif first.text.count('"') % 2:
            remedy = "It opens a quote and never closes it: fix it"
        elif may_skip:
            remedy += ", quote fields that contain the separator, or leave such rows out: data.ragged_rows=skip"
        return DataError(
            f"data.path: '{self._source.path}', row {places[0]}, from 0: expected {first.expected_columns} fields, "
            f"as in the header, found {first.actual_columns}: '{shorten(first.text)}'{more}. {remedy}"
        )

    def check_end(self, table: pa.Table) -> None:
        """Raises DataError if the last value runs to the end of the file, after an unclosed quote."""
        last = table.column(table.num_columns - 1)
        if len(last) and pa.types.is_string(last.type) and "\n" in (last[-1].as_py() or ""):
            self.refuse_open_quote()

    def refuse_open_quote(self) -> None:
        """Raises DataError for a row with a quote that is never closed, whose value is then the rest of the file."""
        path, format, dialect = self._source.path, self._source.format, self._source.dialect
        lines = sum(bool(line.strip()) for line in dialect.skipped) + format.header + dialect.ruled
        limit = plain_csv.field_size_limit(sys.maxsize)  # Arrow has none
        try:
            with unzipped(self._source.file) as raw, io.TextIOWrapper(raw, format.encoding, "replace", "") as text:
                for line in plain_csv.reader(text, delimiter=dialect.separator, strict=True):
                    lines -= bool(line)
        except (plain_csv.Error, EOFError, zlib.error) as error:
            if "end of data" in str(error):
                where = "the header" if lines > 0 else f"row {-lines}, from 0"
                raise DataError(
                    f"data.path: '{path}', {where}: it opens a quote and never closes it. Fix it"
                ) from error
        finally:
            plain_csv.field_size_limit(limit)


def _wrong_encoding(path: str, where: str) -> DataError:
    return DataError(
        f"data.path: '{path}' is not in the encoding that was expected, in {where}. Name its own: "
        "data.encoding=cp1252, or latin-1, utf-16 …"
    )


def decoded_names(schema: pa.Schema, path: str) -> list[str]:
    """The names of columns; DataError if they are not valid in the encoding."""
    try:
        return list(schema.names)
    except UnicodeDecodeError as error:
        raise _wrong_encoding(path, f"the header: '{shorten(error.object.decode(errors='replace'))}'") from error


def check_encoding(table: pa.Table, path: str, first_row: int = 0) -> None:
    """Raises DataError for text that is not valid in the encoding; Arrow returns such columns as bytes."""
    for name, column in zip(decoded_names(table.schema, path), table.columns, strict=True):
        if pa.types.is_binary(column.type):
            for row, value in enumerate(column):
                try:
                    (value.as_py() or b"").decode()
                except UnicodeDecodeError as error:
                    text = shorten(value.as_py().decode(errors="replace"))
                    raise _wrong_encoding(path, f"column '{name}', row {first_row + row}, from 0: '{text}'") from error

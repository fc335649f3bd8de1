"""Reads a CSV or Parquet file as columns, and says what is wrong with a file that is no table.

Rows are counted from 0, the header and empty lines apart, in messages as in index files.
"""

import csv as plain_csv
import difflib
import gzip
import io
import os
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

from mlp_exp.errors import DataError

SEPARATORS = (",", ";", "\t", "|")
MISSING = ("?", *csv.ConvertOptions().null_values)
"""Texts that stand for a missing value in any file: the empty one, ?, NA, NaN, null and their like."""
DATE_FORMATS = (csv.ISO8601, "%Y/%m/%d", "%d.%m.%Y", "%Y/%m/%d %H:%M:%S", "%d.%m.%Y %H:%M:%S")
"""Those that cannot be mistaken for one another: 01/02/2020 is January to some and February to others."""
GZIP = b"\x1f\x8b"
SAMPLE = 65536
"""Bytes that are looked at to find the kind of file and the separator."""
OTHER_FILES = {b"PK\x03\x04": "a zip archive or a spreadsheet", b"%PDF": "a PDF", b"\x89PNG": "a picture"}
MARKUP = re.compile(rb"\s*([\[{]\s*[\"{\[\]}]|<(!doctype|html|\?xml|svg)\b)", re.IGNORECASE)

Opener = Callable[[Path], AbstractContextManager[BinaryIO]]


def open_plainly(path: Path) -> BinaryIO:
    return path.open("rb")


@dataclass(frozen=True)
class Format:
    """How texts are to be read.

    Attributes:
        missing: what stands for a missing value beside `MISSING`.
    """

    separator: str
    decimal: str
    encoding: str
    missing: tuple[str, ...]

    @property
    def all_missing(self) -> list[str]:
        return sorted({*MISSING, *self.missing})

    @property
    def missing_numbers(self) -> list[float]:
        """Those of the texts that are numbers, which a column may hold as such."""
        numbers = []
        for text in self.missing:
            with suppress(ValueError):
                numbers.append(float(text))
        return numbers

    def conversion(self, kinds: Mapping[str, pa.DataType] | None = None) -> csv.ConvertOptions:
        """How a CSV file is read; types of columns that are not given by their names are found."""
        return csv.ConvertOptions(
            null_values=self.all_missing,
            strings_can_be_null=True,
            timestamp_parsers=list(DATE_FORMATS),
            decimal_point=self.decimal,
            column_types=kinds,
        )


@dataclass(frozen=True)
class Source:
    """A file that looks like a table from its beginning.

    Attributes:
        path: as the user wrote it, for messages.
    """

    path: str
    file: Path
    is_parquet: bool
    form: Format

    def open_csv(self, raw: BinaryIO) -> Any:
        """The text of an opened file, which may be gzipped, for Arrow."""
        zipped = raw.read(2) == GZIP
        raw.seek(0)
        return pa.CompressedInputStream(raw, "gzip") if zipped else raw

    def parsing(self, note: Callable[[Any], str]) -> csv.ParseOptions:
        return csv.ParseOptions(delimiter=self.form.separator, newlines_in_values=True, invalid_row_handler=note)


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
    table = _cleaned(table, source.form, typed=not source.is_parquet)
    check_names(table.column_names, path)
    if not len(table):
        raise no_row(path)
    return table


def find_source(path: str, separator: str | None, decimal: str, encoding: str, missing: Sequence[str]) -> Source:
    """What the beginning of a file says of it; the arguments are those of `read_table`.

    Raises:
        DataError: there is no such file, or it is no table.
    """
    if separator is not None and (len(separator) != 1 or not separator.isascii() or separator in '\r\n"'):
        raise DataError(f"data.separator: expected one ASCII character, as ';', got {separator!r}")
    file = _existing(path)
    sample = _sample(file, path)
    is_parquet = sample.startswith(b"PAR1")
    if not is_parquet:
        header = _header(sample, path, encoding)
        separator = separator or _find_separator(header)
    return Source(path, file, is_parquet, Format(separator or ",", decimal, encoding, tuple(missing)))


def shown(text: str) -> str:
    """A text for a message: not too long, on one line."""
    line = " ".join(text.splitlines()).replace("\t", "\\t")
    return line if len(line) <= 60 else f"{line[:60]}…"


def _existing(path: str) -> Path:
    file = Path(path).expanduser()
    if not os.path.exists(file):  # as Path.exists, but a name that is too long is no error
        beside = [p.name for p in file.parent.iterdir()] if file.parent.is_dir() else []
        near = difflib.get_close_matches(file.name, sorted(beside), n=3)
        hint = f" Near it: {', '.join(near)}." if near else ""
        raise DataError(f"data.path: there is no file '{path}' (seen from {Path.cwd()}).{hint}")
    if not file.is_file():
        what = "a folder" if file.is_dir() else "no plain file"
        raise DataError(f"data.path: '{path}' is {what}; expected a CSV or Parquet file")
    return file


def _unzipped(file: Path) -> BinaryIO:
    """Opens a file, also a gzipped one."""
    with file.open("rb") as raw:
        zipped = raw.read(2) == GZIP
    return cast(BinaryIO, gzip.open(file, "rb")) if zipped else file.open("rb")


def _sample(file: Path, path: str) -> bytes:
    """How the file begins; raises DataError unless something stands in it."""
    try:
        with _unzipped(file) as source:
            sample = source.read(SAMPLE)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"data.path: '{path}' cannot be read: {error}") from error
    if not sample.strip():
        raise DataError(f"data.path: '{path}' is empty; expected a header and rows")
    return sample


def _header(sample: bytes, path: str, encoding: str) -> str:
    """The first line with something in it; raises DataError for a file that is no CSV table."""
    wide = re.match(r"utf.?(16|32)", encoding.lower())
    if sample.startswith((b"\xff\xfe", b"\xfe\xff")) and not wide:
        raise DataError(f"data.path: '{path}' begins as a text in UTF-16 does. Say so: data.encoding=utf-16")
    kind = next((what for magic, what in OTHER_FILES.items() if sample.startswith(magic)), None)
    if not kind and b"\0" in sample and not wide:
        kind = "binary"
    if not kind and MARKUP.match(sample):
        kind = "JSON, HTML or XML"
    if kind:
        raise DataError(f"data.path: '{path}' is not a table but {kind}; expected CSV (also gzipped) or Parquet")
    try:
        lines = [line for line in sample.decode(encoding, errors="replace").splitlines() if line]
    except (LookupError, UnicodeError) as error:
        raise DataError(f"data.encoding: {error}; expected one as utf-8, latin-1 or utf-16") from error
    if len(lines) < 2 and len(sample) < SAMPLE:
        raise no_row(path)
    return lines[0]


def _find_separator(header: str) -> str:
    """The separator that occurs most outside quotes; a comma where none does."""
    count = Counter(re.sub(r'"[^"]*"', "", header))
    return max(SEPARATORS, key=lambda separator: count[separator])


def no_row(path: str) -> DataError:
    return DataError(f"data.path: '{path}' holds a header and no row")


@contextmanager
def parquet_errors(path: str) -> Iterator[None]:
    """Raises DataError for what Arrow cannot read."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"data.path: '{path}' is not a whole Parquet file: {error}") from error


@contextmanager
def csv_errors(source: Source, broken: Sequence[Any]) -> Iterator[None]:
    """Raises DataError for what Arrow cannot read.

    Args:
        broken: rows that do not fit the header, which the parser has noted until then.
    """
    try:
        yield
    except UnicodeError as error:
        raise _wrong_encoding(source.path, f"the text: {error}") from error
    except (pa.ArrowException, OSError, EOFError) as error:
        if broken:
            raise _broken_row(source.path, broken[0], source.form.separator) from error
        _refuse_open_quote(source)
        raise DataError(f"data.path: '{source.path}' is not a whole CSV table: {error}") from error


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


def check_end(table: pa.Table, source: Source) -> None:
    """Raises DataError where the last value of a CSV file may be the rest of it, after a quote that stays open."""
    last = table.column(table.num_columns - 1)
    if len(last) and pa.types.is_string(last.type) and "\n" in (last[-1].as_py() or ""):
        _refuse_open_quote(source)


def _broken_row(path: str, row: Any, separator: str) -> DataError:
    cure = f"Mend the row, or name the separator: data.separator=… ({separator!r} was taken)"
    if row.text.count('"') % 2:
        cure = "It opens a quote and never closes it: mend it"
    return DataError(
        f"data.path: '{path}', row {row.number - 2}: expected {row.expected_columns} fields, as in the header, "
        f"found {row.actual_columns}: '{shown(row.text)}'. {cure}"
    )


def _refuse_open_quote(source: Source) -> None:
    """Raises DataError for a row with a quote that is never closed: it takes the rest of the file for its value."""
    path, form = source.path, source.form
    row = -1  # the one that is being read; the header is -1
    with _unzipped(source.file) as raw, io.TextIOWrapper(raw, form.encoding, errors="replace", newline="") as text:
        try:
            for line in plain_csv.reader(text, delimiter=form.separator, strict=True):
                row += bool(line)
        except (plain_csv.Error, EOFError, zlib.error) as error:
            if "end of data" in str(error) or "field limit" in str(error):
                where = "the header" if row < 0 else f"row {row}"
                raise DataError(
                    f"data.path: '{path}', {where}: it opens a quote and never closes it. Mend it"
                ) from error


def _wrong_encoding(path: str, where: str) -> DataError:
    return DataError(
        f"data.path: '{path}' is not in the encoding that was expected, in {where}. Name its own: "
        "data.encoding=latin-1, or utf-16, cp1252 …"
    )


def check_encoding(table: pa.Table, path: str, first_row: int = 0) -> None:
    """Raises DataError for text that is not UTF-8, which Arrow hands on as bytes."""
    try:
        names = table.column_names
    except UnicodeDecodeError as error:
        raise _wrong_encoding(path, f"the header: '{shown(error.object.decode(errors='replace'))}'") from error
    for name, column in zip(names, table.columns, strict=True):
        if pa.types.is_binary(column.type):
            for row, value in enumerate(column):
                try:
                    (value.as_py() or b"").decode()
                except UnicodeDecodeError as error:
                    text = shown(value.as_py().decode(errors="replace"))
                    raise _wrong_encoding(path, f"column '{name}', row {first_row + row}: '{text}'") from error


def _cleaned(table: pa.Table, form: Format, *, typed: bool) -> pa.Table:
    """Names and texts without the blanks around them, and without what stands for a missing value.

    Args:
        typed: whether columns of texts have been looked at for numbers and dates.
    """
    columns, untyped = list(table.columns), []
    for index, column in enumerate(columns):
        kind = column.type
        if pa.types.is_dictionary(kind):  # the writer says that it is a category
            columns[index] = trimmed(column.cast(kind.value_type), form).dictionary_encode()
        elif pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
            columns[index] = trimmed(column, form)
            if not typed or not columns[index].equals(column):
                untyped.append(index)
    if untyped:
        for index, column in zip(untyped, retyped([columns[index] for index in untyped], form), strict=True):
            columns[index] = column
    columns = [without_numbers(column, form.missing_numbers) for column in columns]
    return pa.table(columns, names=clean_names(table.column_names))


def without_numbers(column: pa.ChunkedArray, missing: Sequence[float]) -> pa.ChunkedArray:
    """The column with these numbers as missing, if it is one of numbers."""
    kind = column.type
    if not missing or not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return column
    is_missing = pc.is_in(pc.cast(column, pa.float64(), safe=False), pa.array(missing))
    return pc.if_else(is_missing, pa.scalar(None, kind), column)


def clean_names(names: Sequence[str]) -> list[str]:
    """Without the blanks around them; one that is empty says which column it is, from 0."""
    return [name.strip() or f"column {index}" for index, name in enumerate(names)]


def trimmed(column: pa.ChunkedArray, form: Format) -> pa.ChunkedArray:
    text = pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
    return pc.if_else(pc.is_in(text, pa.array(form.all_missing, pa.string())), pa.scalar(None, pa.string()), text)


def retyped(texts: Sequence[pa.ChunkedArray], form: Format, kind: pa.DataType | None = None) -> list[pa.ChunkedArray]:
    """The columns as a CSV file of them would give them: numbers, booleans, dates or texts.

    Args:
        kind: of all of them; None finds it for each.
    """
    buffer = io.BytesIO()
    names = [str(index) for index in range(len(texts))]
    csv.write_csv(pa.table(list(texts), names=names), buffer)
    buffer.seek(0)
    parsing = csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False)
    kinds = dict.fromkeys(names, kind) if kind is not None else None
    return list(csv.read_csv(buffer, parse_options=parsing, convert_options=form.conversion(kinds)).columns)


def check_names(names: Sequence[str], path: str) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        places = [index for index, name in enumerate(names) if name == twice[0]]
        raise DataError(
            f"data.path: '{path}': the name '{twice[0]}' is given to {len(places)} columns "
            f"({', '.join(map(str, places))}, from 0); give each its own"
        )

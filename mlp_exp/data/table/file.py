"""Detects what a file is from its first bytes: Parquet or CSV, gzipped or not, and the separator.

Arrow reads ahead on threads of its own, also when nobody waits for it any longer. These must not call Python, which
aborts a process that is ending: they read from files that Arrow has opened itself, in UTF-8.
"""

import codecs
import difflib
import gzip
import os
import re
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow as pa
from pyarrow import csv

from mlp_exp.data.table.format import Format
from mlp_exp.errors import DataError

SEPARATORS = (",", ";", "\t", "|")
GZIP = b"\x1f\x8b"
SAMPLE = 65536
"""Bytes that are read to detect the kind of file and the separator."""
OTHER_FILES = {b"PK\x03\x04": "a zip archive or a spreadsheet", b"%PDF": "a PDF", b"\x89PNG": "a picture"}
MARKUP = re.compile(rb"\s*([\[{]\s*[\"{\[\]}]|<(!doctype|html|\?xml|svg)\b)", re.IGNORECASE)
COPIED_BYTES = 2**20
"""Bytes of a file in another encoding that are decoded at once."""
Opener = Callable[[Path], AbstractContextManager[pa.NativeFile]]
"""Opens a file for Arrow. Its position tells the progress."""


@contextmanager
def open_native(path: Path) -> Iterator[pa.NativeFile]:
    """Opens a file without a progress bar.

    It is closed with the last reference: a thread that reads ahead may still use it, and would read from whatever file
    gets its number next.
    """
    yield pa.OSFile(str(path))


@dataclass(frozen=True)
class TableFile:
    """A file that begins like a table; `path` is as the user wrote it, for messages, and `file` has `~` expanded."""

    path: str
    file: Path
    is_parquet: bool
    form: Format

    @property
    def is_utf8(self) -> bool:
        return codecs.lookup(self.form.encoding).name == "utf-8"

    def open_csv(self, raw: pa.NativeFile) -> pa.NativeFile:
        """An opened CSV file as a stream of UTF-8 for Arrow, decompressed if it is gzipped.

        Raises UnicodeError if it is in another encoding and does not decode.
        """
        zipped = raw.read(2) == GZIP
        raw.seek(0)
        stream = pa.CompressedInputStream(raw, "gzip") if zipped else raw
        return stream if self.is_utf8 else _in_utf8(stream, self.form.encoding)

    def parsing(self, broken: list[Any] | None = None) -> csv.ParseOptions:
        """Arrow's options for parsing; the first row that does not fit the header is an error, and added to `broken`.

        Threads that read ahead must not get a list: it is filled by a function in Python.
        """

        def note(row: Any) -> str:
            noted.append(row)
            return "error"

        noted = [] if broken is None else broken
        handler = None if broken is None else note
        return csv.ParseOptions(delimiter=self.form.separator, newlines_in_values=True, invalid_row_handler=handler)


def detect_file(path: str, separator: str | None, decimal: str, encoding: str, missing: Sequence[str]) -> TableFile:
    """What a file is, with the arguments of `read_table`; raises DataError if there is none, or it is not a table."""
    if separator is not None and (len(separator) != 1 or not separator.isascii() or separator in '\r\n"'):
        raise DataError(f"data.separator: expected one ASCII character, as ';', got {separator!r}")
    file = _existing(path)
    sample = _sample(file, path)
    is_parquet = sample.startswith(b"PAR1")
    if not is_parquet:
        unquoted = Counter(re.sub(r'"[^"]*"', "", _header(sample, path, encoding)))
        separator = separator or max(SEPARATORS, key=lambda each: unquoted[each])  # a comma if none occurs
    return TableFile(path, file, is_parquet, Format(separator or ",", decimal, encoding, tuple(missing)))


def _existing(path: str) -> Path:
    file = Path(path).expanduser()
    if not os.path.exists(file):  # unlike Path.exists, raises no error for a name that is too long
        beside = [p.name for p in file.parent.iterdir()] if file.parent.is_dir() else []
        near = difflib.get_close_matches(file.name, sorted(beside), n=3)
        hint = f" Near it: {', '.join(near)}." if near else ""
        raise DataError(f"data.path: there is no file '{path}' (seen from {Path.cwd()}).{hint}")
    if not file.is_file():
        what = "a folder" if file.is_dir() else "no plain file"
        raise DataError(f"data.path: '{path}' is {what}; expected a CSV or Parquet file")
    return file


def _in_utf8(stream: pa.NativeFile, encoding: str) -> pa.NativeFile:
    """A copy in a temporary file, which is gone once it is closed: Arrow itself would decode in Python."""
    decoder = codecs.getincrementaldecoder(encoding)()
    with tempfile.NamedTemporaryFile() as copy:
        while block := stream.read(COPIED_BYTES):
            copy.write(decoder.decode(block).encode())
        copy.write(decoder.decode(b"", final=True).encode())
        copy.flush()
        return pa.OSFile(copy.name)


def unzipped(file: Path) -> BinaryIO:
    """Opens a file, decompressing it if it is gzipped."""
    with file.open("rb") as raw:
        zipped = raw.read(2) == GZIP
    return cast(BinaryIO, gzip.open(file, "rb")) if zipped else file.open("rb")


def _sample(file: Path, path: str) -> bytes:
    """The first bytes of the file; raises DataError if it is empty."""
    try:
        with unzipped(file) as source:
            sample = source.read(SAMPLE)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"data.path: '{path}' cannot be read: {error}") from error
    if not sample.strip():
        raise DataError(f"data.path: '{path}' is empty; expected a header and rows")
    return sample


def _header(sample: bytes, path: str, encoding: str) -> str:
    """The first line that is not empty; raises DataError if the file is not a CSV table."""
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
        raise no_rows(path)
    return lines[0]


def no_rows(path: str) -> DataError:
    return DataError(f"data.path: '{path}' holds a header and no row")


def shorten(text: str) -> str:
    """A text for a message: on one line, at most 60 characters."""
    line = " ".join(text.splitlines()).replace("\t", "\\t")
    return line if len(line) <= 60 else f"{line[:60]}…"

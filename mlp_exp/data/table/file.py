"""Detects what a file is from its first bytes: Parquet or CSV, gzipped or not, and how it is laid out.

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
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa

from mlp_exp.data.table.dialect import Dialect, detect_dialect
from mlp_exp.data.table.format import UTF8, Format
from mlp_exp.errors import DataError

NOT_SAVED = "not_saved.parquet"
"""Name of a temporary file with a table that is not kept, which says why it is gone."""
GZIP = b"\x1f\x8b"
SAMPLE = 65536
"""Bytes that are read to detect the kind of file and its layout …"""
LARGE_SAMPLE = 2**23
"""… or so many, if they hold fewer than `SAMPLE_LINES` lines."""
SAMPLE_LINES = 4
OTHER_FILES = {b"PK\x03\x04": "a zip archive or a spreadsheet", b"%PDF": "a PDF", b"\x89PNG": "a picture"}
MARKUP = re.compile(rb"\s*([\[{]\s*[\"{\[\]}]|<(!doctype|html|\?xml|svg)\b)", re.IGNORECASE)
WIDE_MARKS = {b"\xff\xfe\0\0": "utf-32", b"\0\0\xfe\xff": "utf-32", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
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
    """A file that begins like a table.

    Attributes:
        path: as the user wrote it, for messages; `file` has `~` expanded.
        head: the first bytes of a CSV file, in UTF-8.
    """

    path: str
    file: Path
    is_parquet: bool
    format: Format
    dialect: Dialect
    head: bytes = b""

    def open_csv(self, raw: pa.NativeFile) -> pa.NativeFile:
        """An opened CSV file as a stream of UTF-8 for Arrow, decompressed if it is gzipped.

        Raises UnicodeError if it is in another encoding and does not decode.
        """
        zipped = raw.read(2) == GZIP
        raw.seek(0)
        stream = pa.CompressedInputStream(raw, "gzip") if zipped else raw
        return stream if _is_utf8(self.format.encoding) else _in_utf8(stream, self.format.encoding)


def detect_files(path: str | Sequence[str], format: Format) -> list[TableFile]:
    """The files of a table: one, those in a list, or the Parquet or CSV files in a folder, in the order of their names.

    Raises:
        DataError: there is none, or one is not a table.
    """
    if isinstance(path, str):
        folder = Path(path).expanduser()
        if not os.path.isdir(folder):  # unlike Path.is_dir, raises no error for a name that is too long
            return [detect_file(path, format)]
        parts = table_files(folder)
        if not parts:
            raise DataError(f"data.path: '{path}' is a folder without Parquet or CSV files; expected one, or a list")
        path = [str(Path(path) / part.relative_to(folder)) for part in parts]
    return [detect_file(each, format) for each in path]


def table_files(folder: Path) -> list[Path]:
    """The files in a folder that are one table, in the order of their names."""
    parts = _parts(folder.rglob("*"), (".parquet", ".parq", ".pq"))
    return parts or _parts(folder.glob("*"), (".csv", ".csv.gz", ".tsv"))


def _parts(files: Iterable[Path], endings: tuple[str, ...]) -> list[Path]:
    found = (part for part in files if part.name.lower().endswith(endings) and part.is_file())
    return sorted(part for part in found if not part.name.startswith((".", "_")))


def detect_file(path: str, format: Format) -> TableFile:
    """What a file is; raises DataError if there is none, or it is not a table."""
    separator = format.separator
    if separator is not None and (len(separator) != 1 or not separator.isascii() or separator in '\r\n"'):
        raise DataError(f"data.separator: expected one ASCII character, as ';', got {separator!r}")
    file = _existing(path)
    sample = _sample(file, path)
    if sample.startswith(b"PAR1"):
        return TableFile(path, file, True, format, Dialect(","))
    mark = next((encoding for start, encoding in WIDE_MARKS.items() if sample.startswith(start)), None)
    if sample.startswith(codecs.BOM_UTF8):
        format = replace(format, encoding=UTF8)
    elif mark and format.encoding == UTF8:
        format = replace(format, encoding=mark)
    text = _text(sample, path, format.encoding)
    whole = len(sample) < SAMPLE
    dialect = detect_dialect(text, separator, has_header=format.header, whole=whole)
    filled = [len([line for line in lines if line.strip()]) for lines in (text.splitlines(), dialect.skipped)]
    if whole and filled[0] < filled[1] + format.header + 1:
        raise no_rows(path)
    head = sample if _is_utf8(format.encoding) else text.encode()
    return TableFile(path, file, False, format, dialect, head)


def _existing(path: str) -> Path:
    file = Path(path).expanduser()
    if not os.path.exists(file):  # unlike Path.exists, raises no error for a name that is too long
        beside = [p.name for p in file.parent.iterdir()] if file.parent.is_dir() else []
        near = difflib.get_close_matches(file.name, sorted(beside), n=3)
        hint = f" Near it: {', '.join(near)}." if near else ""
        if file.name == NOT_SAVED:
            raise DataError(
                "data.path: this was trained on a table in memory that was not saved with it, so that it "
                "cannot be resumed or trained again. Train it anew, with the table"
            )
        seen = "" if file.is_absolute() else f" (seen from {Path.cwd()})"
        raise DataError(f"data.path: there is no file '{path}'{seen}.{hint}")
    if not file.is_file():
        what = "a folder" if file.is_dir() else "no plain file"
        raise DataError(f"data.path: '{path}' is {what}; expected a CSV or Parquet file")
    return file


def _is_utf8(encoding: str) -> bool:
    return codecs.lookup(encoding).name == "utf-8"


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
            if len(sample) == SAMPLE and sample.count(b"\n") < SAMPLE_LINES:  # few lines, and so long ones
                sample += source.read(LARGE_SAMPLE)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"data.path: '{path}' cannot be read: {error}") from error
    if not sample.strip():
        raise DataError(f"data.path: '{path}' is empty; expected a header and rows")
    return sample


def _text(sample: bytes, path: str, encoding: str) -> str:
    """The sample as text, without a byte-order mark; raises DataError if the file is not a CSV table."""
    wide = re.match(r"utf.?(16|32)", encoding.lower())
    kind = next((what for magic, what in OTHER_FILES.items() if sample.startswith(magic)), None)
    if not kind and b"\0" in sample and not wide:
        kind = "binary"
    if not kind and MARKUP.match(sample):
        kind = "JSON, HTML or XML"
    if kind:
        raise DataError(f"data.path: '{path}' is not a table but {kind}; expected CSV (also gzipped) or Parquet")
    try:
        return sample.decode(encoding, errors="replace").removeprefix("\ufeff")
    except (LookupError, UnicodeError) as error:
        raise DataError(f"data.encoding: {error}; expected one as utf-8, latin-1 or utf-16") from error


def is_utf8_after_all(path: str) -> bool:
    """Whether a file that may be in another encoding is in UTF-8: it has more than ASCII, and is valid."""
    if os.path.isdir(path):
        return False
    try:
        return not codecs.getincrementaldecoder("utf-8")().decode(_sample(_existing(path), path)).isascii()
    except UnicodeDecodeError:
        return False


def no_rows(path: str) -> DataError:
    return DataError(f"data.path: '{path}' holds a header and no row")


def shorten(text: str) -> str:
    """A text for a message: on one line, at most 60 characters."""
    line = " ".join(text.splitlines()).replace("\t", "\\t")
    return line if len(line) <= 60 else f"{line[:60]}…"

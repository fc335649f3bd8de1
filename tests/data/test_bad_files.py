"""Files of tables that are damaged, or are no tables."""

import gzip
import io
import json
import re
import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from support.bad_tables import (
    ROWS,
    SEPARATORS,
    TINY,
    Expected,
    assert_refused,
    changed,
    generator_of,
    good,
    index_file,
    lines_of,
    text_of,
    write,
)
from support.commands import Command

pytestmark = pytest.mark.usefixtures("one_composition")

# ---- changes of one line of a text file


def extra_field(line: str, separator: str) -> tuple[str, int]:
    return f"{line}{separator}x", 8


def lost_field(line: str, separator: str) -> tuple[str, int]:
    return line.rpartition(separator)[0], 6


def glued(line: str, separator: str) -> tuple[str, int]:
    return line.replace(separator, " "), 1


@pytest.mark.parametrize("form", ["csv", "csv.gz", "semicolon.csv", "tab.tsv"])
@pytest.mark.parametrize("spoil", [extra_field, lost_field, glued])
def test_a_ragged_row(
    spoil: Callable[[str, str], tuple[str, int]], form: str, command: Command, tmp_path: Path
) -> None:
    """Its number is the same whatever empty lines stand before it: they are no rows."""
    draw = generator_of(f"{spoil.__name__} {form}")
    lines = lines_of(good(), SEPARATORS[form])
    row = int(draw.integers(ROWS))
    lines[1 + row], found = spoil(lines[1 + row], SEPARATORS[form])
    text = lines[1 + row].replace("\t", "\\t")
    lines[1 + row : 1 + row] = [""] * int(draw.integers(4))
    content = "\n".join(lines).encode()
    (tmp_path / "houses").write_bytes(gzip.compress(content) if form.endswith("gz") else content)
    done = command("run", *TINY, "data.path=houses", "data.target=mood")
    message = (
        f"data.path: 'houses', row {row}, from 0: expected 7 fields, as in the header, found {found}: '{text}'. Fix "
        "it, quote fields that contain the separator, or leave such rows out: data.ragged_rows=skip"
    )
    assert_refused(done, tmp_path, message)


@pytest.mark.parametrize(("column", "form"), [(0, "csv"), (2, "tab.tsv"), (6, "csv"), (6, "csv.gz")])
def test_a_quote_that_is_never_closed(column: int, form: str, command: Command, tmp_path: Path) -> None:
    """In the last column too, where it would take all further rows for one value."""
    draw, separator = generator_of(f"{column} {form}"), SEPARATORS[form]
    row, lines = int(draw.integers(ROWS - 1)), lines_of(good(), SEPARATORS[form])
    fields = lines[1 + row].split(separator)
    fields[column] = f'"{fields[column]}'
    lines[1 + row] = separator.join(fields)
    content = ("\n".join(lines) + "\n").encode()
    (tmp_path / "houses").write_bytes(gzip.compress(content) if form.endswith("gz") else content)
    done = command("run", *TINY, "data.path=houses", "data.target=mood")
    assert_refused(
        done, tmp_path, re.compile(rf"data\.path: 'houses', row {row}, from 0: .*[Ii]t opens a quote and never .*")
    )
    assert len(done.stderr) < 300


@pytest.mark.parametrize("form", ["csv", "csv.gz", "bar.txt"])
def test_text_in_another_encoding(form: str, command: Command, tmp_path: Path) -> None:
    draw = generator_of(form)
    row = int(draw.integers(ROWS))
    content = text_of(changed(good(), "city", row, "Zürich"), SEPARATORS[form]).encode("latin-1")
    (tmp_path / "houses").write_bytes(gzip.compress(content) if form.endswith("gz") else content)
    done = command("run", *TINY, "data.path=houses", "data.target=mood")
    message = (
        f"data.path: 'houses' is not in the encoding that was expected, in column 'city', row {row}, from 0: "
        "'Z\ufffdrich'. Name its own: data.encoding=cp1252, or latin-1, utf-16 …"
    )
    assert_refused(done, tmp_path, message)


# ---- files that are no tables


def sqlite_bytes() -> bytes:
    with closing(sqlite3.connect(":memory:")) as base:
        base.execute("create table houses (size real, mood text)")
        return base.serialize()


def zip_bytes() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("houses.csv", text_of(good()))
    return buffer.getvalue()


def parquet_bytes() -> bytes:
    buffer = io.BytesIO()
    parquet.write_table(pa.table(good()), buffer)
    return buffer.getvalue()


def bad_csv(separator: str = ",") -> bytes:
    return text_of(good(), separator).encode()


NOT_A_TABLE = "data.path: '{path}' is not a table but"
TABLES = "expected CSV (also gzipped) or Parquet"
EMPTY = "data.path: '{path}' is empty; expected a header and rows"
HEADER_ALONE = "data.path: '{path}' holds a header and no row"
NOT_PARQUET = re.compile(r"data\.path: 'houses' is not a whole Parquet file: .+")
BROKEN_GZIP = "data.path: '{path}' cannot be read: Compressed file ended before the end-of-stream marker was reached"
MARKUP = f"{NOT_A_TABLE} JSON, HTML or XML; {TABLES}"
BINARY = f"{NOT_A_TABLE} binary; {TABLES}"
NO_TABLES: dict[str, tuple[Callable[[], bytes], Expected]] = {
    "nothing": (lambda: b"", EMPTY),
    "blank lines": (lambda: b"\n \n\t\n\r\n", EMPTY),
    "nothing, gzipped": (lambda: gzip.compress(b""), EMPTY),
    "header": (lambda: bad_csv().splitlines(keepends=True)[0], HEADER_ALONE),
    "header without a line end": (lambda: bad_csv().splitlines()[0], HEADER_ALONE),
    "header and empty lines": (lambda: bad_csv().splitlines()[0] + b"\n\n\n", HEADER_ALONE),
    "header, gzipped": (lambda: gzip.compress(bad_csv().splitlines()[0]), HEADER_ALONE),
    "header in UTF-8 with a mark": (lambda: b"\xef\xbb\xbf" + bad_csv().splitlines()[0], HEADER_ALONE),
    "picture": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(range(256)), f"{NOT_A_TABLE} a picture; {TABLES}"),
    "zip": (zip_bytes, f"{NOT_A_TABLE} a zip archive or a spreadsheet; {TABLES}"),
    "PDF": (lambda: b"%PDF-1.7\n1 0 obj\n", f"{NOT_A_TABLE} a PDF; {TABLES}"),
    "database": (sqlite_bytes, BINARY),
    "weights": (lambda: np.random.default_rng(0).bytes(5000), BINARY),
    "zero bytes in a text": (lambda: bad_csv().replace(b"Oslo", b"Os\0lo", 1), BINARY),
    "UTF-16 without a mark": (lambda: text_of(good()).encode("utf-16-le"), BINARY),
    "JSON object": (lambda: json.dumps(good()).encode(), MARKUP),
    "JSON list": (lambda: json.dumps([good()], indent=2).encode(), MARKUP),
    "JSON lines": (lambda: b'{"size": 1, "mood": "bad"}\n{"size": 2, "mood": "good"}\n', MARKUP),
    "HTML": (lambda: b"\n<!DOCTYPE html>\n<html><body><table></table></body></html>\n", MARKUP),
    "XML": (lambda: b'<?xml version="1.0"?>\n<houses></houses>\n', MARKUP),
    "JSON, gzipped": (lambda: gzip.compress(b'[{"size": 1}]'), MARKUP),
    "half a gzip file": (lambda: gzip.compress(bad_csv())[:-20], BROKEN_GZIP),
    "the start of a gzip file": (lambda: gzip.compress(bad_csv())[:7], BROKEN_GZIP),
    "no gzip file": (
        lambda: b"\x1f\x8b" + b"hello" * 9,
        "data.path: '{path}' cannot be read: Unknown compression method",
    ),
    "half a Parquet file": (lambda: parquet_bytes()[:-100], NOT_PARQUET),
    "the start of a Parquet file": (lambda: parquet_bytes()[:6], NOT_PARQUET),
    "a hole in a Parquet file": (lambda: parquet_bytes()[:60] + b"\xff" * 400 + parquet_bytes()[460:], NOT_PARQUET),
    "a quote opened in the header": (
        lambda: bad_csv().replace(b"city", b'"city', 1),
        "data.path: '{path}', the header: it opens a quote and never closes it. Fix it",
    ),
    "a name in latin-1": (
        lambda: text_of(good()).replace("size", "Größe", 1).encode("latin-1"),
        "data.path: '{path}' is not in the encoding that was expected, in the header: 'Gr\ufffd\ufffde'. Name its own: "
        "data.encoding=cp1252, or latin-1, utf-16 …",
    ),
    "a name twice": (
        lambda: bad_csv().replace(b"rooms", b"size", 1),
        "data.path: '{path}': the name 'size' is given to 2 columns (0, 1, from 0); give each its own",
    ),
    "prose": (
        lambda: b"Dear reader,\nthis is no table.\n",
        "data.target: '{path}': the table has no column 'mood'. It has Dear reader, column 1.",
    ),
    "a list": (
        lambda: b"houses\nof\nmany\nkinds\n",
        "data.target: '{path}': the table has no column 'mood'. Its one column is 'houses'; if these are several, name "
        "the separator: data.separator=…",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NO_TABLES)
def test_a_file_that_is_no_table(name: str, command: Command, tmp_path: Path) -> None:
    make, expected = NO_TABLES[name]
    (tmp_path / "houses").write_bytes(make())
    done = command("run", *TINY, "data.path=houses", "data.target=mood")
    assert_refused(done, tmp_path, expected.format(path="houses") if isinstance(expected, str) else expected)


def test_a_large_gzip_file_that_ends_early(command: Command, tmp_path: Path) -> None:
    """Its beginning is whole; the end is met while the rows are read."""
    content = gzip.compress(bad_csv() + bad_csv().partition(b"\n")[2] * 300, 1)
    (tmp_path / "houses.csv.gz").write_bytes(content[:-500])
    done = command("run", *TINY, "data.path=houses.csv.gz", "data.target=mood")
    assert_refused(done, tmp_path, "data.path: 'houses.csv.gz' is not a whole CSV table: Truncated compressed stream")


def test_a_late_quote_in_a_large_file(command: Command, tmp_path: Path) -> None:
    """It takes more than a block of the file for its value, at which the reader gives up."""
    lines = lines_of(good()) + lines_of(good())[1:] * 1000
    row = 20_000
    lines[1 + row] = f'"{lines[1 + row]}'
    (tmp_path / "houses.csv").write_text("\n".join(lines), encoding="utf-8")
    done = command("run", *TINY, "data.path=houses.csv", "data.target=mood")
    message = f"data.path: 'houses.csv', row {row}, from 0: it opens a quote and never closes it. Fix it"
    assert_refused(done, tmp_path, message)


# ---- index files


INDEX_FILES: dict[str, tuple[dict[str, str], str]] = {
    "a row too many": (
        {"test.txt": index_file([3, 60])},
        "split.test: 'test.txt' names row 60; the table has rows 0 to 59",
    ),
    "a negative row": ({"val.txt": "7\n-1"}, "split.val: 'val.txt' names row -1; the table has rows 0 to 59"),
    "a row in two parts": (
        {"test.txt": index_file([*range(35, 40), 55])},
        "split.test: row 35 of 'test.txt' is in the train part too; 5 such",
    ),
    "a row twice": ({"train.txt": "0\n1\n2\n1"}, "split.train: 'train.txt' names row 1 more than once"),
    "half a row": ({"train.txt": "0\n1.5"}, "split.train: 'train.txt': expected whole row numbers from 0, found 1.5"),
    "no row": ({"train.txt": "\n"}, "split.train: 'train.txt': expected whole row numbers from 0, found none"),
    "a word": (
        {"test.txt": "5\nlast"},
        "split.test: 'test.txt': expected a row number in each line: could not convert string to float: 'last'",
    ),
}


@pytest.mark.parametrize("name", [*INDEX_FILES, "no file"])
def test_index_files(name: str, command: Command, tmp_path: Path) -> None:
    texts = {"train.txt": range(40), "val.txt": range(40, 50), "test.txt": range(50, 60)}
    spoilt, message = INDEX_FILES.get(name, ({}, f"split.val: there is no file 'val.txt' (seen from {tmp_path})"))
    for file, text in ({file: index_file(rows) for file, rows in texts.items()} | spoilt).items():
        (tmp_path / file).write_text(text, encoding="utf-8")
    if name == "no file":
        (tmp_path / "val.txt").unlink()
    write(good(), tmp_path / "houses.csv", "csv")
    parts = [f"split.{part}={part}.txt" for part in ("train", "val", "test")]
    done = command("run", *TINY, "data.path=houses.csv", "data.target=mood", "split=files", *parts)
    assert_refused(done, tmp_path, message)

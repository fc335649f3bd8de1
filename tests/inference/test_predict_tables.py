"""Tables that are read in pieces, and files that are no tables."""

import gzip
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet
from support.commands import Command, refusal
from support.folders import files_in
from support.predictions import column, content, write_rows
from support.tables import TABLE_ROWS

from mlp_exp.data.table.file import open_native
from mlp_exp.data.table.format import Format
from mlp_exp.data.table.misfits import Misfits
from mlp_exp.data.table.reading import read_table
from mlp_exp.data.table.streaming import TableStream
from mlp_exp.errors import DataError
from mlp_exp.inference import tables
from mlp_exp.inference.ensemble import Ensemble
from mlp_exp.inference.loading import load

# ---- pieces


def test_rows_in_pieces(small: Path, tmp_path: Path) -> None:
    """The same predictions, however many rows are read at a time; each piece is written before the next is read."""
    ensemble = Ensemble([load(small / "s/0")])
    events: list[str] = []
    outputs = ensemble.answers_and_seen

    def noted(table: pa.Table, misfits: Misfits) -> Any:
        groups = list(tmp_path.glob(".o1.parquet*"))
        assert len(table) <= 7
        assert groups, "the output is open while rows are read"
        events.append("read")
        return outputs(table, misfits)

    ensemble.answers_and_seen = noted  # type: ignore[method-assign]
    tables.predict_table(ensemble, str(small / "table.csv"), tmp_path / "o1.parquet", rows=7)
    assert len(events) == -(-TABLE_ROWS // 7)
    file = parquet.ParquetFile(tmp_path / "o1.parquet")
    assert file.metadata.num_row_groups == len(events)
    del ensemble.answers_and_seen
    tables.predict_table(ensemble, str(small / "table.csv"), tmp_path / "o2.parquet")
    one, other = content(tmp_path / "o1.parquet"), content(tmp_path / "o2.parquet")
    assert one["prediction"].equals(other["prediction"])
    np.testing.assert_allclose(one["probability_yes"], other["probability_yes"], atol=1e-6)


def test_the_table_is_opened_through_what_shows_the_progress(small: Path, tmp_path: Path) -> None:
    opened: list[Path] = []

    def open_file(path: Path) -> AbstractContextManager[pa.NativeFile]:
        opened.append(path)
        return open_native(path)

    tables.predict_table(
        Ensemble([load(small / "s/0")]), str(small / "table.csv"), tmp_path / "o.csv", open_file=open_file
    )
    assert opened == [small / "table.csv"]


def test_a_csv_file_larger_than_a_block(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes in pieces, with gaps and line breaks in quotes where they were."""
    monkeypatch.setattr("mlp_exp.data.table.csv_reader.BLOCK_BYTES", (200, 400))
    monkeypatch.setattr("mlp_exp.data.table.streaming.CHUNK_BYTES", 400)
    lines = [["a", "b"], *([str(row), f"two\nlines {row}" if row % 3 else ""] for row in range(100))]
    pieces = list(TableStream(str(write_rows(tmp_path / "t.csv", lines)), Format()).chunks(["b", "a"]))
    assert len(pieces) > 2
    found = pa.concat_tables(pieces)
    assert found.column_names == ["b", "a"]
    assert found["a"].to_pylist() == [str(row) for row in range(100)]
    assert found["b"].to_pylist() == [f"two\nlines {row}" if row % 3 else "" for row in range(100)]


def test_small_pieces_are_joined(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlp_exp.data.table.csv_reader.BLOCK_BYTES", (700, 1400))
    pieces = [len(piece) for piece in TableStream(str(small / "table.csv"), Format()).chunks(["city"], rows=100)]
    assert sum(pieces) == TABLE_ROWS
    assert len(pieces) < 10
    assert max(pieces) <= 100


def test_rows_of_wide_inputs_come_in_smaller_pieces(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ensemble = Ensemble([load(small / "s/0")])
    width = ensemble.first.preprocessing.inputs_width
    assert ensemble.chunk_rows == 65_536
    monkeypatch.setattr("mlp_exp.inference.predictor.CHUNK_VALUES", 10 * width + 1)
    assert ensemble.chunk_rows == 10
    monkeypatch.setattr("mlp_exp.inference.predictor.CHUNK_VALUES", 1)
    assert ensemble.chunk_rows == 1


# ---- files that are no table


BROKEN: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda _: b"", "'{path}' is empty; expected a header and rows"),
    "no row": (lambda text: text.split(b"\n")[0] + b"\n", "'{path}' holds a header and no row"),
    "one field more": (
        lambda text: text.replace(b"2.5,green,city", b"2.5,green,1,city") + b"1,2,3,4,5,6,7,8,9\n",
        "'{path}', row 240, from 0: expected 8 fields, as in the header, found 9: '1,2,3,4,5,6,7,8,9'. Fix it",
    ),
    "open quote": (
        lambda text: text + b'1,"2,3,4\n5,6\n',
        "'{path}', row 240, from 0: expected 8 fields, as in the header, found 2: '1,\"2,3,4 5,6'. It opens a quote "
        "and never closes it: fix it",
    ),
    "other encoding": (
        lambda text: text.replace(b"city 7,", b"M\xfcnchen,"),
        "'{path}' is not in the encoding that was expected, in column 'city', row ROW, from 0: 'M\ufffdnchen'. Name "
        "its own: data.encoding=cp1252, or latin-1, utf-16 …",
    ),
    "twice": (
        lambda text: text.replace(b"split", b"city", 1),
        "'{path}': the name 'city' is given to 2 columns (3, 6, from 0); give each its own",
    ),
    "picture": (
        lambda _: b"\x89PNG\r\n\x1a\n" + bytes(100),
        "'{path}' is not a table but a picture; expected CSV (also gzipped) or Parquet",
    ),
    "half of a gzipped file": (lambda text: gzip.compress(text)[:-900], "'{path}' cannot be read: "),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_is_no_table(command: Command, small: Path, tmp_path: Path, name: str) -> None:
    spoil, message = BROKEN[name]
    path = tmp_path / "t.csv"
    path.write_bytes(spoil((small / "table.csv").read_bytes().replace(b"\r\n", b"\n")))
    message = message.replace("ROW", str(column(small, "city").index("city 7")))
    expected = message.format(path=path)
    assert refusal(command("predict", small / "s/0", path, "-o", tmp_path / "o.csv"))[: len(expected)] == expected
    assert files_in(tmp_path) == {"t.csv"}


def test_no_such_table(command: Command, small: Path, tmp_path: Path) -> None:
    says = refusal(command("predict", small / "s/0", small / "tabel.csv", "-o", tmp_path / "o.csv"))
    assert says == f"there is no file '{small}/tabel.csv'. Near it: table.csv."


# ---- what Arrow reads ahead


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16"])
@pytest.mark.parametrize("zipped", [False, True])
def test_no_thread_of_arrow_calls_python(
    zipped: bool, encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would abort a process that ends while it still reads ahead: files are native, in UTF-8, and errors are too."""
    calls: list[str] = []

    def watched(name: str) -> None:
        read = getattr(csv, name)

        def checked(source: Any, reading: Any, parsing: Any, converting: Any = None) -> Any:
            if type(source) is pa.BufferReader:  # the header: nothing is read ahead
                return read(source, reading, parsing, converting)
            calls.append(name)
            assert type(source) in (pa.OSFile, pa.CompressedInputStream)
            assert reading.encoding == "utf8"
            assert parsing.invalid_row_handler is None
            return read(source, reading, parsing, converting)

        monkeypatch.setattr(csv, name, checked)

    watched("open_csv")
    watched("read_csv")
    text = "größe,ort\n" + "1.5,Köln\n2,\n" * 50
    content = text.encode(encoding)
    path = tmp_path / "t.csv"
    path.write_bytes(gzip.compress(content) if zipped else content)
    (chunk,) = TableStream(str(path), Format(encoding=encoding)).chunks(["ort", "größe"])
    assert chunk.to_pydict() == {"ort": ["Köln", ""] * 50, "größe": ["1.5", "2"] * 50}
    found = read_table(str(path), Format(encoding=encoding))
    assert found.to_pydict() == {"größe": [1.5, 2] * 50, "ort": ["Köln", ""] * 50}
    assert calls == ["open_csv", "read_csv"]
    assert files_in(tmp_path) == {"t.csv"}


def test_a_byte_order_mark_of_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes('\ufeff"a",b\n1,2\n'.encode("utf-16-le"))
    stream = TableStream(str(path), Format(encoding="utf-16-le"))
    assert stream.names == ["a", "b"]
    assert [chunk.to_pylist() for chunk in stream.chunks(["a", "b"])] == [[{"a": "1", "b": "2"}]]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (
            "1,2," + "x" * 200,
            "row 3, from 0: expected 2 fields, as in the header, found 3: '1,2," + "x" * 56 + "…'. Fix it",
        ),
        (
            '1,2,"' + "x" * 200 + '"',
            "row 3, from 0: expected 2 fields, as in the header, found 3: '1,2,\"" + "x" * 55 + "…'. Fix it",
        ),
        (
            '1,2,"' + "x" * 200,
            "row 3, from 0: expected 2 fields, as in the header, found 3: '1,2,\""
            + "x" * 55
            + "…'. It opens a quote and never "
            "closes it: fix it",
        ),
    ],
)
def test_long_rows_that_do_not_fit(row: str, says: str, tmp_path: Path) -> None:
    """Only the beginning is shown, which may have a quote that is closed in the rest."""
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "1,2\n" * 3 + row + "\n", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        list(TableStream(str(path), Format()).chunks(["a"]))
    assert says.format(path=path) in str(caught.value)

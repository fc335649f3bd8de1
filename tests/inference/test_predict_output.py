"""What is written beside the predictions, and where: columns of the table, standard output."""

import csv
import datetime as dt
import gzip
import signal
import subprocess
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet
from support.commands import Command, refusal, said
from support.folders import files_in
from support.predictions import rows_of, write_rows

from mlp_exp.errors import DataError
from mlp_exp.inference import tables
from mlp_exp.inference.ensemble import Ensemble
from mlp_exp.inference.loading import load
from mlp_exp.inference.output import kept_columns

ODD = ["00123", " x ", "NA", "", 'say "a"', "a,b", "two\nlines", "two\r\nlines", "größe", "'", '"', "nan"]
MADE = ["prediction", "probability_no", "probability_yes"]


def with_odd(small: Path, path: Path) -> Path:
    """The table of all tests with the columns `id`, of odd texts, first, and `a,b`, of numbers, last."""
    header, *rows = rows_of(small)
    table = [[ODD[index % len(ODD)], *row, f"{index}.50"] for index, row in enumerate(rows)]
    return write_rows(path, [["id", *header, "a,b"], *table])


def written(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


# ---- columns of the table


def test_kept_texts_stay_as_they_are(small: Path, tmp_path: Path, command: Command) -> None:
    table = with_odd(small, tmp_path / "t.csv")
    plain, output = tmp_path / "plain.csv", tmp_path / "o.csv"
    said(command("predict", small / "s/0", table, "-o", plain))
    lines = said(command("predict", small / "s/0", table, "-o", output, "--keep", "answer,id", "--keep", "a,b"))
    assert lines[0] == "ignored: split"
    header, *rows = written(output)
    assert header == ["answer", "id", "a,b", *MADE]
    assert [row[1] for row in rows] == [ODD[index % len(ODD)] for index in range(240)]
    assert [row[2] for row in rows] == [f"{index}.50" for index in range(240)]
    assert [row[0] for row in rows] == [row[-1] for row in rows_of(small)[1:]]
    assert [row[3:] for row in rows] == written(plain)[1:]
    text = output.read_bytes().decode()
    assert text.startswith('answer,id,"a,b",prediction,')
    for index, field in enumerate(("00123", " x ", "NA", "", '"say ""a"""', '"a,b"', '"two\nlines"', '"two\r\nlines"')):
        assert f"\n{rows[index][0]},{field},{index}.50,{rows[index][3]}," in text


def test_all_columns_in_pieces(small: Path, tmp_path: Path) -> None:
    table = with_odd(small, tmp_path / "t.csv")
    ensemble = Ensemble([load(small / "s/0")])
    found = tables.predict_table(ensemble, str(table), tmp_path / "o.csv", keep=["all"], rows=7)
    assert found.ignored == []
    given, made = written(table), written(tmp_path / "o.csv")
    assert [row[:-3] for row in made] == given
    assert made[0][-3:] == MADE
    tables.predict_table(ensemble, str(table), tmp_path / "p.csv", keep=["all"])
    assert [row[:-2] for row in written(tmp_path / "p.csv")] == [row[:-2] for row in made]


def test_columns_of_parquet(small: Path, tmp_path: Path) -> None:
    """In Parquet with their types, in CSV as Arrow's texts; those of a CSV file are texts in Parquet."""
    header, *rows = rows_of(small)
    day = dt.date(2020, 1, 2)
    columns = {name: [row[index] for row in rows] for index, name in enumerate(header)}
    extra = {
        "day": pa.array([day, None] * 120),
        "kind": pa.array(["a", "b,c"] * 120).dictionary_encode(),
        "size": pa.array([1.5, 2.0] * 120),
        "pair": pa.array([[1, 2], None] * 120),
    }
    table = pa.table({**columns, **extra})
    parquet.write_table(table, tmp_path / "t.parquet", row_group_size=100)
    ensemble = Ensemble([load(small / "s/0")])

    def predict(source: str, output: str, *keep: str) -> None:
        tables.predict_table(ensemble, str(tmp_path / source), tmp_path / output, keep=keep, rows=50)

    predict("t.parquet", "o.parquet", "day,kind", "size,pair")
    kept = parquet.read_table(tmp_path / "o.parquet").select(list(extra))
    assert kept.to_pylist() == table.select(list(extra)).to_pylist()
    assert kept.schema.field("day").type == pa.date32()
    assert kept.schema.field("pair").type == table.schema.field("pair").type
    predict("t.parquet", "o.csv", "day,kind,size")
    assert [row[:3] for row in written(tmp_path / "o.csv")[:3]] == [
        ["day", "kind", "size"],
        ["2020-01-02", "a", "1.5"],
        ["", "b,c", "2"],
    ]
    with pytest.raises(DataError) as caught:
        predict("t.parquet", "p.csv", "pair")
    assert str(caught.value) == (
        "--keep: column 'pair' holds list<element: int64>, which has no text; write to a .parquet file"
    )
    write_rows(tmp_path / "t.csv", [[*header, "number"], *([*row, "007"] for row in rows)])
    predict("t.csv", "texts.parquet", "number")
    assert parquet.read_table(tmp_path / "texts.parquet")["number"].to_pylist() == ["007"] * 240
    assert files_in(tmp_path) == {"t.parquet", "o.parquet", "o.csv", "t.csv", "texts.parquet"}


def test_which_columns_are_asked_for() -> None:
    names = ["id", "name", "a,b", "b", "all"]
    for asked, kept in (
        ([], []),
        (["name,id"], ["name", "id"]),
        (["name, id", "name", "b"], ["name", "id", "b"]),
        (["a,b"], ["a,b"]),
        (["all"], names),
        (["b", "all"], ["b", "id", "name", "a,b", "all"]),
    ):
        assert kept_columns(asked, names, MADE) == kept


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--keep", "citty"], "--keep: the table has no column 'citty'. Did you mean 'city'?"),
        (["--keep", "x,"], "--keep: the name of a column is missing. The table has id, x, age, colour, "),
        (
            ["--keep", "all"],
            "--keep: 'probability_yes' is a column of the predictions, too; rename the table's, or leave it out",
        ),
    ],
)
def test_columns_that_cannot_be_kept(
    command: Command, small: Path, tmp_path: Path, words: list[str], message: str
) -> None:
    header, *rows = rows_of(small)
    path = write_rows(tmp_path / "t.csv", [["id", *header, "probability_yes"], *(["1", *row, "0.5"] for row in rows)])
    assert refusal(command("predict", small / "s/0", path, "-o", tmp_path / "o.csv", *words)).startswith(message)
    assert files_in(tmp_path) == {"t.csv"}


def test_csv_is_gzipped_by_its_name(command: Command, small: Path, tmp_path: Path) -> None:
    words = ("predict", small / "s/0", small / "table.csv", "-o")
    plain = said(command(*words, tmp_path / "o.csv"))
    assert said(command(*words, tmp_path / "o.csv.gz")) == [*plain[:-1], f"{plain[-1]}.gz"]
    zipped = (tmp_path / "o.csv.gz").read_bytes()
    assert gzip.decompress(zipped) == (tmp_path / "o.csv").read_bytes()
    assert files_in(tmp_path) == {"o.csv", "o.csv.gz"}
    said(command(*words, tmp_path / "o.csv.gz"))
    assert (tmp_path / "o.csv.gz").read_bytes() == zipped


# ---- standard output


def test_standard_output_has_the_rows_alone(command: Command, small: Path, tmp_path: Path) -> None:
    words = ("predict", small / "s/0", small / "s/1", small / "table.csv", "--target", "answer", "--keep", "city")
    lines = said(command(*words, "-o", tmp_path / "o.csv"))
    done = command(*words, "-o", "-")
    assert done.returncode == 0
    assert done.stdout.encode() == (tmp_path / "o.csv").read_bytes()
    assert done.stderr.splitlines() == [*lines[:-1], "240 predictions: standard output"]
    assert lines[0].startswith("average of 2 runs: ")
    assert files_in(tmp_path) == {"o.csv"}


def test_an_error_after_some_rows(
    command: Command, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlp_exp.inference.predictor.CHUNK_VALUES", 1)
    table = rows_of(small)
    table[3].append("more")
    path = write_rows(tmp_path / "t.csv", table)
    done = command("predict", small / "s/0", path, "-o", "-")
    assert refusal(done).startswith(
        f"'{path}', row 2, from 0: expected {len(table[0])} fields, as in the header, found "
    )
    assert len(done.stdout.splitlines()) == len(table) - 1
    assert signal.getsignal(signal.SIGPIPE) == signal.SIG_IGN


@pytest.mark.slow
def test_a_reader_that_ends_early(command: Command, small: Path, tmp_path: Path) -> None:
    header, *rows = rows_of(small)
    path = write_rows(tmp_path / "t.csv", [header, *rows * 50])
    started = command.start("predict", small / "s/0", path, "-o", "-", "--keep", "all", process=True)
    assert isinstance(started, subprocess.Popen)
    assert started.stdout is not None
    assert started.stdout.readline() == ",".join([*header, *MADE]) + "\n"
    started.stdout.close()
    started.stdout = None
    assert started.stderr is not None
    assert started.stderr.read() == ""
    assert started.wait(60) == -signal.SIGPIPE

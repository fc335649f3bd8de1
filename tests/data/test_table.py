"""Good tables: what is found in them, in every form of file, and what becomes of it."""

import datetime as dt
import gzip
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch
from pyarrow import parquet
from support.commands import Command, table_of
from support.folders import files_in, result_of, the_run_folder
from support.good_tables import (
    ROWS,
    SEPARATORS,
    TINY,
    Columns,
    as_text,
    assert_same,
    csv_bytes,
    kinds,
    mixed,
    some,
    write,
)

from mlp_exp.data.dataset import Column
from mlp_exp.data.table.file import open_native
from mlp_exp.data.table.format import Format
from mlp_exp.data.table.load import table
from mlp_exp.data.table.reading import read_table
from mlp_exp.display import figures
from mlp_exp.storage.run_folder import FigureFormat

# ---- forms of files


def test_all_forms_give_the_same_dataset(tmp_path: Path) -> None:
    first = table(write(mixed(), tmp_path / "table.csv"), "mood")
    for name in (*SEPARATORS, "table.parquet"):
        assert_same(table(write(mixed(), tmp_path / name), "mood"), first)
    texts = {name: [as_text(value) or None for value in values] for name, values in mixed().items()}
    assert_same(table(write(texts, tmp_path / "texts.parquet"), "mood"), first)
    assert kinds(first) == {
        "weight": "number",
        "rooms": "number",
        "colour": "category",
        "bought": "date",
        "seen": "date",
        "sold": "boolean",
    }
    assert [(column.name, column.missing) for column in first.columns if column.missing] == [
        ("weight", 4),
        ("colour", 3),
        ("bought", 1),
    ]


@pytest.mark.parametrize(
    ("change", "options"),
    [
        (lambda content: b"\xef\xbb\xbf" + content, {}),
        (lambda content: content.replace(b"\n", b"\r\n"), {}),
        (lambda content: content.rstrip(b"\n"), {}),
        (lambda content: b"\n\n" + content.replace(b"\n", b"\n\n"), {}),
        (lambda content: content.replace(b",", b" , "), {}),
        (lambda content: b"\n".join(b'"' + line.replace(b",", b'","') + b'"' for line in content.splitlines()), {}),
        (lambda content: content.decode().encode("utf-16"), {"encoding": "utf-16"}),
        (lambda content: content.decode().encode("utf-16-le"), {"encoding": "utf-16-le"}),
        (lambda content: content.replace(b",,", b",NA,"), {}),
        (lambda content: content.replace(b",,", b",?,"), {}),
        (lambda content: content.replace(b",,", b", ? ,"), {"missing": ["unknown"]}),
        (lambda content: content.replace(b",,", b", unknown,"), {"missing": ["unknown"]}),
        (lambda content: content.replace(b",,", b",-999,"), {"missing": [-999]}),
        (lambda content: content.replace(b",", b"~"), {"separator": "~"}),
        (lambda content: gzip.compress(content[:300]) + gzip.compress(content[300:]), {}),
    ],
    ids=lambda value: "" if callable(value) else str(value),
)
def test_ways_to_write_the_same_table(
    change: Callable[[bytes], bytes], options: dict[str, Any], tmp_path: Path
) -> None:
    columns = {name: values for name, values in mixed().items() if name != "bought"}
    (tmp_path / "other.csv").write_bytes(change(csv_bytes(columns)))
    assert_same(
        table(str(tmp_path / "other.csv"), "mood", **options),
        table(write(columns, tmp_path / "table.csv"), "mood"),
    )


def test_decimal_commas(tmp_path: Path) -> None:
    with_commas = csv_bytes(mixed(), ";").replace(b".", b",")
    (tmp_path / "commas.csv").write_bytes(with_commas)
    assert_same(
        table(str(tmp_path / "commas.csv"), "mood", decimal=","), table(write(mixed(), tmp_path / "table.csv"), "mood")
    )


def test_text_in_its_own_encoding_and_a_separator_in_a_quoted_name(tmp_path: Path) -> None:
    columns = {"Größe, in m, etwa": some([1.5, 2.5]), "Ort": some(["Köln", "Zürich"], seed=1), "y": some("ab", seed=2)}
    (tmp_path / "t.csv").write_bytes(csv_bytes(columns, ";", "latin-1").replace(b"Gr", b'"Gr').replace(b"wa", b'wa"'))
    found = table(str(tmp_path / "t.csv"), "y", encoding="latin-1")
    assert found.feature_names == ("Größe, in m, etwa",)
    assert found.categories[0].texts == ("Köln", "Zürich")


@pytest.mark.parametrize("name", ["table.csv", "table.csv.gz", "table.parquet"])
def test_the_file_is_opened_through_what_shows_the_progress(name: str, tmp_path: Path) -> None:
    opened: list[Path] = []

    def open_file(path: Path) -> AbstractContextManager[pa.NativeFile]:
        opened.append(path)
        return open_native(path)

    path = write(mixed(), tmp_path / name)
    table(path, "mood", open_file=open_file)
    assert opened == [Path(path)]


# ---- names


def test_names_may_be_anything(tmp_path: Path) -> None:
    names = ["<script>alert(1)</script>", "a[0]", "größe, in m²", "[bold]x", 'say "hi"', "${seed}", "日本"]
    columns: Columns = {name: some([row, row + 1, row + 3], seed=row) for row, name in enumerate(names)}
    columns = {**columns, "2019": some(["[red]", "<b>"], seed=9)}
    for file in ("table.csv", "t.parquet"):
        found = table(write(columns, tmp_path / file), 2019)
        assert found.feature_names == tuple(names)
        assert found.class_names == ("<b>", "[red]")
        assert found.target_name == "2019"


def test_columns_without_a_name_get_one(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(",a, ,y\n" + "0,5,2,a\n1,7,3,b\n2,1,4,a\n3,1,2,b\n", encoding="utf-8")
    assert kinds(table(str(tmp_path / "t.csv"), "y")) == {"column 0": "left out", "a": "number", "column 2": "number"}


@pytest.mark.parametrize(
    ("columns", "shape", "categories"),
    [
        ({"x": some([1, 2, 4])}, (ROWS, 1), 0),
        ({"c": some(["p", "q"])}, (ROWS, 0), 1),
        ({"c": some(["p", "q"]), "d": some(["r", "s", "t"], seed=3)}, (ROWS, 0), 2),
        ({"d": some([dt.date(2020, 1, 1), dt.date(2020, 3, 5)])}, (ROWS, 5), 0),
    ],
)
def test_a_table_of_one_kind_trains(
    columns: Columns, shape: tuple[int, int], categories: int, command: Command, tmp_path: Path
) -> None:
    path = write({**columns, "y": some("ab", seed=1)}, tmp_path / "t.parquet")
    found = table(path, "y")
    assert (found.features.shape, len(found.categories)) == (shape, categories)
    done = command("run", *TINY, f"data.path={path}", "data.target=y", "trainer.plots=never")
    assert (done.returncode, done.stderr) == (0, "")


# ---- a run


@pytest.mark.slow
def test_a_run_says_what_it_found_and_keeps_it(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The printed table, the saved model and the figures know the columns and the names of the classes."""
    shown: dict[str, tuple[Any, ...]] = {}
    write_all = figures.write

    def keep(folder: Path, made: dict[str, tuple[Any, ...]], format: FigureFormat) -> None:
        shown.update(made)
        write_all(folder, made, format)

    monkeypatch.setattr(figures, "write", keep)
    columns = {"key": [f"k{row}" for row in range(ROWS)], **mixed()}
    columns["mood"] = [
        None if row == 7 else {"good": "[bold]good", "bad": "so <so>"}[mood] for row, mood in enumerate(columns["mood"])
    ]
    done = command(
        "run", *TINY, f"data.path={write(columns, tmp_path / 't.csv')}", "data.target=mood", "data.drop=[sold]"
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == f"{tmp_path / 't.csv'}: 40 rows of {len(columns)} columns"
    assert lines[1] == "1 of 40 rows has no mood and is left out"
    assert lines[2].rstrip() == "Columns"
    end = next(i for i, line in enumerate(lines) if line.startswith("└"))
    assert table_of(lines[3:end]) == [
        ["column", "is", "values", "missing"],
        ["key", "left out", "an identifier: a different code in (nearly) every row", ""],
        ["sold", "left out", "data.drop", ""],
        ["weight", "number", "0 … 4.875", "4"],
        ["rooms", "number", "1 … 5", ""],
        ["colour", "category", "3 categories", "3"],
        ["bought", "date", "2019-12-28 … 2021-03-01", "1"],
        ["seen", "date", "2020-03-01T06:30:00 … 2020-03-12T15:30:00", ""],
        ["mood", "target: binary", "2 classes: [bold]good, so <so> (positive)", "1"],
    ]  # fmt: skip
    names = ["[bold]good", "so <so>"]
    folder = the_run_folder(tmp_path)
    model = torch.load(folder / "model.pt", weights_only=True)
    found = table(str(tmp_path / "t.csv"), "mood", drop=["sold"])
    assert model["task"] == "binary"
    assert [(target["name"], target["class_names"]) for target in model["targets"]] == [("mood", names)]
    assert [Column(**{**column, "parts": tuple(column["parts"])}) for column in model["columns"]] == list(found.columns)
    assert model["feature_names"] == list(found.feature_names)
    assert [(c["name"], c["texts"]) for c in model["preprocess"]["categories"]] == [
        ("colour", ["blue", "green", "red"])
    ]
    assert result_of(folder)["task"] == "binary"
    assert {f"plots/{name}.png" for name in shown} <= files_in(folder)
    assert shown["confusion_matrix"][-1] == tuple(names)


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_a_regression_keeps_its_unit(name: str, command: Command, tmp_path: Path) -> None:
    columns = {**mixed(), "price": [1e6 + 1000 * (row * 7 % ROWS) for row in range(ROWS)]}
    path = write(columns, tmp_path / name)
    done = command("run", *TINY, f"data.path={path}", "data.target=price", "trainer.plots=never")
    assert (done.returncode, done.stderr) == (0, "")
    assert ["price", "target: regression", "1e+06 … 1.039e+06", ""] in table_of(done.stdout.splitlines())
    result = result_of(the_run_folder(tmp_path))
    assert result["task"] == "regression"
    assert 50 < result["metrics"]["train"]["rmse"] < 5e4  # its standard deviation is 11543


@pytest.mark.parametrize("declared", [False, True])
def test_a_split_goes_by_a_column_of_any_file(declared: bool, command: Command, tmp_path: Path) -> None:
    part = pa.array(some(["train", "train", "val", "test"], seed=4))
    columns = {**mixed(), "part": part.dictionary_encode() if declared else part}
    parquet.write_table(pa.table(columns), tmp_path / "t.parquet")
    asked = (f"data.path={tmp_path / 't.parquet'}", "data.target=mood", "split=column", "split.column=part")
    done = command("run", *TINY, *asked, "trainer.plots=never")
    assert (done.returncode, done.stderr) == (0, "")
    assert "train 20, val 10, test 10" in done.stdout
    assert ["part", "for the split", "", ""] in table_of(done.stdout.splitlines())


def test_a_split_by_a_column_of_lists(command: Command, tmp_path: Path) -> None:
    path = write({**mixed(), "part": some([[1], [2]])}, tmp_path / "t.parquet")
    done = command("run", *TINY, f"data.path={path}", "data.target=mood", "split=group", "split.column=part")
    assert done.returncode == 1
    what = "'part' holds list<element: int64>; expected numbers, dates or texts"
    assert done.stderr == f"split.column: '{path}': {what}\n"


def test_large_files_keep_their_kinds(tmp_path: Path) -> None:
    """A column may show its kind only after many blocks of the file."""
    rows = 150_000
    late: Columns = {
        "whole then not": [*[row % 50 for row in range(rows - 1)], 0.5],
        "number then texts": [*["7"] * (rows // 2), *["x", "y"] * (rows // 4)],
        "missing then number": [*[None] * (rows - 9), *range(3, 12)],
        "y": [row % 2 for row in range(rows)],
    }
    made = {name: table(write(late, tmp_path / name), "y") for name in ("table.csv", "table.csv.gz")}
    assert kinds(made["table.csv"]) == {
        "whole then not": "number",
        "number then texts": "category",
        "missing then number": "number",
    }
    assert_same(made["table.csv"], made["table.csv.gz"])


def test_read_table_gives_typed_columns(tmp_path: Path) -> None:
    content = read_table(write(mixed(), tmp_path / "table.csv"), Format())
    assert content.schema.field("rooms").type == pa.int64()
    assert content.schema.field("sold").type == pa.bool_()
    assert content["colour"].to_pylist() == [value or "" for value in mixed()["colour"]]


def test_a_last_column_of_nanoseconds(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x,t\n1,2020-01-01T10:00:00.000000001\n2,2020-01-02T10:00:00.5\n", encoding="utf-8")
    assert read_table(str(tmp_path / "t.csv"), Format())["t"].type == pa.timestamp("ns")


def test_not_a_number_is_no_category(tmp_path: Path) -> None:
    """A gap in a column of numbers that is declared categorical, as pandas writes it."""
    columns = {"grade": some([0.5, 1.0, float("nan")]), "y": some("ab", seed=1)}
    (grade,) = table(write(columns, tmp_path / "t.parquet"), "y", categorical=["grade"]).categories
    assert grade.texts == ("0.5", "1")
    assert (grade.codes == -1).tolist() == [value != value for value in columns["grade"]]  # noqa: PLR0124


OWN_SPLIT = '''
from mlp_exp.components import RandomSplit


class Own(RandomSplit):
    """`column` is no column of the table here."""

    def __init__(self, column, **settings):
        super().__init__(**settings)
'''


def test_columns_with_numbers_as_names_and_splits_of_ones_own(command: Command, tmp_path: Path) -> None:
    """What is looked for before the table is read is what the split will look for."""
    (tmp_path / "own_split.py").write_text(OWN_SPLIT, encoding="utf-8")
    path = write({"2020": list(range(ROWS)), **mixed()}, tmp_path / "t.csv")
    table_words = ("run", *TINY, f"data.path={path}", "data.target=mood", "trainer.plots=never")
    for words in (["split=time", "split.column=2020"], ["split._target_=own_split.Own", "+split.column=nowhere"]):
        done = command(*table_words, *words)
        assert (done.returncode, done.stderr) == (0, "")
    refused = command(*table_words, "split=time", "split.column=2021")
    assert (refused.returncode, refused.stderr) == (
        1,
        f"split.column: '{path}': the table has no column '2021'. Did you mean '2020'?\n",
    )

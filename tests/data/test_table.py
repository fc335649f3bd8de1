"""Good tables: what is found in them, in every form of file, and what becomes of it."""

import csv
import datetime as dt
import gzip
import io
import json
import logging
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pytest
import torch
from matplotlib.figure import Figure
from pyarrow import parquet
from support.commands import CallMain
from support.folders import files_in, the_run_folder

from mlp_exp.data.dataset import Column, Dataset
from mlp_exp.data.table.load import table
from mlp_exp.data.table.reading import read_table
from mlp_exp.storage.run_folder import RunFolder

Columns = dict[str, Sequence[Any]]

TINY = ("data=table", "trainer.epochs=1", "trainer.device=cpu")
ROWS = 40
SEPARATORS = {"table.csv": ",", "table.csv.gz": ",", "semicolon.csv": ";", "tab.tsv": "\t", "bar.txt": "|"}


def some(values: Sequence[Any], rows: int = ROWS, seed: int = 0) -> list[Any]:
    """Values in random order, each of them at least once, none in runs that could count rows."""
    draw = np.random.default_rng(seed)
    return [values[index] for index in draw.permutation(np.arange(rows) % len(values))]


def mixed() -> Columns:
    """A column of each kind, as Python values, with gaps."""
    day = dt.date(2019, 12, 28)
    return {
        "weight": [None if row % 9 == 4 else row * 7 % 40 / 8 for row in range(ROWS)],
        "rooms": some([1, 2, 3, 5]),
        "colour": [None if row % 13 == 5 else value for row, value in enumerate(some(["red", "green", "blue"]))],
        "bought": [None if row == 3 else day + dt.timedelta(days=row * 11) for row in range(ROWS)],
        "seen": [dt.datetime(2020, 3, 1, 6, 30) + dt.timedelta(hours=row * 7) for row in range(ROWS)],
        "sold": some([True, False], seed=1),
        "mood": some(["good", "bad"], seed=2),
    }


def as_text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def csv_bytes(columns: Columns, separator: str = ",", encoding: str = "utf-8") -> bytes:
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=separator, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([as_text(value) for value in row] for row in zip(*columns.values(), strict=True))
    return buffer.getvalue().encode(encoding)


def write(columns: Columns, path: Path) -> str:
    """Writes the form that the name says; gives the path as text."""
    if path.suffix == ".parquet":
        parquet.write_table(pa.table({name: pa.array(values) for name, values in columns.items()}), path)
    else:
        content = csv_bytes(columns, SEPARATORS.get(path.name, ","))
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return str(path)


def assert_same(one: Dataset, other: Dataset) -> None:
    """Equal to the last bit in all that a run sees of them."""
    np.testing.assert_array_equal(one.features, other.features)
    np.testing.assert_array_equal(one.target, other.target)
    assert [(c.name, c.codes.tolist(), c.texts) for c in one.categories] == [
        (c.name, c.codes.tolist(), c.texts) for c in other.categories
    ]
    for name in ("feature_names", "class_names", "target_name", "columns"):
        assert getattr(one, name) == getattr(other, name)
    np.testing.assert_array_equal(one.source_rows, other.source_rows)


def kinds(dataset: Dataset) -> dict[str, str]:
    return {column.name: column.kind for column in dataset.columns}


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

    def open_file(path: Path) -> AbstractContextManager[BinaryIO]:
        opened.append(path)
        return path.open("rb")

    path = write(mixed(), tmp_path / name)
    table(path, "mood", open_file=open_file)
    assert opened == [Path(path)]


# ---- kinds of columns

IDENTIFIER = "an identifier: a different text in (nearly) every row"
MIDNIGHT = dt.datetime(2021, 5, 3, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1.5", "2", "-3e2", ".5", "+7", "5."], "number"),
        (["1", "2", "4", "9"], "number"),
        (["10:30", "11:45", "00:00"], "number"),
        (["true", "false"], "boolean"),
        (["True", "False"], "boolean"),
        (["yes", "no"], "category"),
        (["1", "2", "many"], "category"),
        (["3 rooms", "4 rooms"], "category"),
        (["01/02/2020", "11/12/2021"], "category"),
        (["2020-01-05", "2021-12-31"], "date"),
        (["2020/01/05", "2021/12/31"], "date"),
        (["05.01.2020", "31.12.2021", "1.2.2022"], "date"),
        (["2020-01-05 10:30:00", "2021-12-31 23:59:59"], "date"),
        (["2020-01-05T10:30", "2021-12-31T23:59"], "date"),
        (["2020-01-05T10:30:00Z", "2021-12-31T23:59:59+02:00"], "date"),
        (["2020-01-05 10:30:00.25", "2021-12-31 23:59:59.125"], "date"),
        (["05.01.2020 10:30:00", "31.12.2021 23:59:59"], "date"),
    ],
)
@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_kinds_of_texts(values: list[str], kind: str, name: str, tmp_path: Path) -> None:
    """Whether they stand in a CSV file or as texts in a Parquet file, and with a value missing."""
    columns = {"x": [*some(values), None], "other": [*some([1, 2]), 2], "y": [*some("ab", seed=1), "a"]}
    found = table(write(columns, tmp_path / name), "y").columns[0]
    assert (found.kind, found.missing) == (kind, 1)


@pytest.mark.parametrize(
    ("values", "kind", "note"),
    [
        (pa.array(some([Decimal("1.25"), Decimal("-7.50")])), "number", "-7.5 … 1.25"),
        (pa.array(some([1.5, 2.5]), pa.float32()), "number", "1.5 … 2.5"),
        (pa.array(np.array(some([1.5, 2.5]), np.float16)), "number", "1.5 … 2.5"),
        (pa.array(some([3, 200]), pa.uint8()), "number", "3 … 200"),
        (pa.array(some([dt.time(0, 1), dt.time(10, 30)])), "number", "60 … 37800"),
        (pa.array(some([dt.timedelta(seconds=90), dt.timedelta(hours=-1)])), "number", "-3600 … 90"),
        (pa.array(some([dt.date(1, 1, 1), dt.date(9999, 12, 31)])), "date", "0001-01-01 … 9999-12-31"),
        (pa.array(some([1, 10**18 + 1]), pa.timestamp("ns")), "date", "1970-01-01T00:00:00 … 2001-09-09T01:46:40"),
        (
            pa.array(some([MIDNIGHT, MIDNIGHT + dt.timedelta(days=9)]), pa.timestamp("ms", "Asia/Tokyo")),
            "date",
            "2021-05-03 … 2021-05-12",
        ),
        (pa.array(some([True, False])), "boolean", "0 … 1"),
        (pa.array(some(["1", "2"])), "number", "1 … 2"),
        (pa.array(some(["1", "2"])).dictionary_encode(), "category", "2 categories"),
        (pa.array(some(["a", " b "]), pa.large_string()), "category", "2 categories"),
        (pa.array(some(["a", "b"]), pa.string_view()), "category", "2 categories"),
        (pa.array([str(row) for row in range(ROWS)]).dictionary_encode(), "left out", IDENTIFIER),
        (pa.array(some([[1], [2, 3]])), "left out", "holds list<element: int64>"),
        (pa.array(some([{"a": 1}, {"a": 2}])), "left out", "holds struct<a: int64>"),
        (pa.array(some([b"\xff", b"a"])), "left out", "holds binary"),
        (pa.array(some([b"ab", b"cd"]), pa.binary(2)), "left out", "holds fixed_size_binary[2]"),
        (pa.nulls(ROWS), "left out", "all missing"),
        (pa.array([float("nan")] * ROWS), "left out", "all missing"),
        (pa.array(["a"] * ROWS), "left out", "constant"),
        (pa.array(range(ROWS)), "left out", "an identifier: it counts the rows"),
        (pa.array(range(1, ROWS + 1), pa.int32()), "left out", "an identifier: it counts the rows"),
        (pa.array(range(5, ROWS + 5)), "number", "5 … 44"),
        (pa.array([None, *["a"] * (ROWS - 1)]), "category", "1 category"),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)  # fmt: skip
def test_kinds_of_typed_columns(values: pa.Array, kind: str, note: str, tmp_path: Path) -> None:
    parquet.write_table(pa.table({"x": values, "other": some([1, 2]), "y": some("ab", seed=1)}), tmp_path / "t.parquet")
    found = table(str(tmp_path / "t.parquet"), "y").columns[0]
    assert (found.name, found.kind, found.note) == ("x", kind, note)


@pytest.mark.parametrize(
    ("different", "kind"), [(ROWS, "left out"), (38, "left out"), (37, "category"), (2, "category")]
)
def test_texts_name_their_rows_from_95_percent_on(different: int, kind: str, tmp_path: Path) -> None:
    columns = {"x": [f"n{row % different}" for row in range(ROWS)], "other": some([1, 2]), "y": some("ab", seed=1)}
    assert table(write(columns, tmp_path / "table.csv"), "y").columns[0].kind == kind


def test_wishes_are_obeyed(tmp_path: Path) -> None:
    columns = {
        "zip": some([8001, 3011, 1200]),
        "grade": pa.array(some(["1", "2", "4"], seed=1)).dictionary_encode().to_pylist(),
        "key": [f"k{row}" for row in range(ROWS)],
        "row": list(range(ROWS)),
        "rest": some([0.5, 1.5], seed=2),
        "sold": some([True, False], seed=3),
        "day": some([dt.date(2020, 1, 1), dt.date(2020, 1, 2)], seed=4),
        "y": some("ab", seed=5),
    }
    path = write(columns, tmp_path / "table.csv")
    assert kinds(table(path, "y")) == {
        "zip": "number",
        "grade": "number",
        "key": "left out",
        "row": "left out",
        "rest": "number",
        "sold": "boolean",
        "day": "date",
    }
    wished = table(path, "y", numeric=["row", "sold"], categorical=["zip", "key", "day"], drop=["rest"])
    assert kinds(wished) == {
        "zip": "category",
        "grade": "number",
        "key": "category",
        "row": "number",
        "rest": "left out",
        "sold": "number",
        "day": "category",
    }
    assert wished.feature_names == ("grade", "row", "sold")
    np.testing.assert_array_equal(wished.features[:, 1], np.arange(ROWS))
    codes = {category.name: category for category in wished.categories}
    assert codes["zip"].texts == ("1200", "3011", "8001")
    assert [codes["zip"].texts[code] for code in codes["zip"].codes] == [str(value) for value in columns["zip"]]
    assert codes["day"].texts == ("2020-01-01", "2020-01-02")
    assert len(codes["key"].texts) == ROWS


def test_numbers_that_a_file_declares_as_categories_can_be_numbers(tmp_path: Path) -> None:
    grade = pa.array(some(["1", "2", "4"])).dictionary_encode()
    parquet.write_table(pa.table({"grade": grade, "y": some("ab", seed=1)}), tmp_path / "t.parquet")
    assert table(str(tmp_path / "t.parquet"), "y").categories[0].texts == ("1", "2", "4")
    wished = table(str(tmp_path / "t.parquet"), "y", numeric=["grade"])
    np.testing.assert_array_equal(wished.features[:, 0], [float(value) for value in grade.to_pylist()])


def test_a_missing_number_of_a_typed_file(tmp_path: Path) -> None:
    columns: Columns = {"a": some([1, -9]), "b": some([0.5, float("inf")], seed=1), "y": some("ab", seed=2)}
    found = table(write(columns, tmp_path / "t.parquet"), "y", missing=[-9, float("inf")])
    assert [column.missing for column in found.columns] == [ROWS // 2, ROWS // 2]
    np.testing.assert_array_equal(np.isnan(found.features).T, [np.equal(columns["a"], -9), np.isinf(columns["b"])])


# ---- dates as numbers


def test_dates_are_days_and_points_on_circles(tmp_path: Path) -> None:
    times = [dt.datetime(1969, 12, 30, 6), dt.datetime(2020, 2, 29, 23, 59, 59), None, dt.datetime(2023, 7, 3, 12, 30)]
    columns = {"t": times * 10, "y": some("ab")}
    found = table(write(columns, tmp_path / "table.csv"), "y")
    assert found.feature_names == (
        "t",
        *(f"t ({part} {wave})" for part in ("year", "weekday", "hour") for wave in ("sin", "cos")),
    )
    for row, time in enumerate(times):
        if time is None:
            assert np.isnan(found.features[row]).all()
            continue
        day = (time - dt.datetime(1970, 1, 1)) / dt.timedelta(days=1)
        phases = (
            (time.timetuple().tm_yday - 1) / 366,
            time.weekday() / 7,
            (time - dt.datetime.combine(time.date(), dt.time())) / dt.timedelta(days=1),
        )
        circles = [wave(2 * np.pi * phase) for phase in phases for wave in (np.sin, np.cos)]
        np.testing.assert_allclose(found.features[row], [day, *circles], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("days", "parts"),
    [
        ([dt.date(2020, 1, 6), dt.date(2020, 1, 7)], ("year", "weekday")),
        ([dt.date(2020, 1, 6), dt.date(2020, 1, 13)], ("year",)),
        ([dt.date(2020, 1, 1), dt.date(2021, 1, 1)], ("weekday",)),
        ([dt.datetime(2020, 1, 6, 1), dt.datetime(2020, 1, 6, 2)], ("hour",)),
        ([dt.date(2018, 1, 1), dt.date(2024, 1, 1)], ()),
    ],
)  # fmt: skip
def test_only_what_changes_within_a_column_of_dates_becomes_a_number(
    days: list[Any], parts: tuple[str, ...], tmp_path: Path
) -> None:
    found = table(write({"t": some(days), "y": some("ab", seed=1)}, tmp_path / "t.parquet"), "y")
    assert found.columns[0].parts == parts
    assert found.features.shape == (ROWS, 1 + 2 * len(parts))


def test_times_of_a_zone_are_taken_in_utc(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        "t,y\n" + "2020-01-01T00:30:00+02:00,a\n2020-01-01T05:00:00Z,b\n" * 4, encoding="utf-8"
    )
    found = table(str(tmp_path / "t.csv"), "y").features[:2, 0]
    start = (dt.date(2020, 1, 1) - dt.date(1970, 1, 1)).days
    np.testing.assert_allclose(found, [start - 1.5 / 24, start + 5 / 24], rtol=1e-12)


def test_times_of_a_day_and_durations_are_seconds(tmp_path: Path) -> None:
    columns = {
        "at": some([dt.time(0, 0, 1), dt.time(23, 59, 59, 500_000)]),
        "took": some([dt.timedelta(microseconds=1), dt.timedelta(days=2)], seed=1),
        "y": some("ab", seed=2),
    }
    found = table(write(columns, tmp_path / "t.parquet"), "y")
    assert set(found.features[:, 0]) == {1.0, 86399.5}
    assert set(found.features[:, 1]) == {1e-6, 172800.0}


# ---- the target


@pytest.mark.parametrize(
    ("values", "task", "names"),
    [
        (["yes", "no"], "binary", ("no", "yes")),
        (["b", "c", "a"], "multiclass", ("a", "b", "c")),
        (["Zürich", "a<b>", "[x]", "two words"], "multiclass", ("Zürich", "[x]", "a<b>", "two words")),
        (["0", "1"], "binary", ("0", "1")),
        (["10", "9", "-1"], "multiclass", ("-1", "9", "10")),
        (["true", "false"], "binary", ("false", "true")),
        ([0, 1], "binary", ("0", "1")),
        ([5, -5], "binary", ("-5", "5")),
        (list(range(10)), "multiclass", tuple("0123456789")),
        (list(range(11)), "regression", ()),
        ([0.0, 1.0], "binary", ("0", "1")),
        ([1.0, 2.0], "regression", ()),
        ([0.5, 1.5, 2.5], "regression", ()),
        ([2**60, 2**60 + 1], "binary", (str(2**60), str(2**60 + 1))),
        ([True, False], "binary", ("false", "true")),
        ([Decimal("1.50"), Decimal("2.00")], "regression", ()),
        ([dt.time(1), dt.time(2)], "regression", ()),
        ([f"{value}.5" for value in range(20)], "regression", ()),
    ],
)
def test_the_task_that_a_target_asks_for(values: list[Any], task: str, names: tuple[str, ...], tmp_path: Path) -> None:
    columns = {"x": some([1.5, 2.5, 4.5]), "y": some(values, seed=1)}
    found = table(write(columns, tmp_path / "t.parquet"), "y")
    assert (found.task, found.class_names) == (task, names)
    if names:
        assert [found.class_names[code] for code in found.target] == [
            as_text(value).removesuffix(".0") for value in columns["y"]
        ]
        assert found.target.dtype == np.int64
    else:
        assert found.target.dtype == np.float64


@pytest.mark.parametrize(
    ("values", "task", "found", "names"),
    [
        (list(range(11)), "classification", "multiclass", tuple(str(code) for code in range(11))),
        (list(range(11)), "multiclass", "multiclass", tuple(str(code) for code in range(11))),
        ([0, 1], "regression", "regression", ()),
        ([True, False], "regression", "regression", ()),
        (["1", "2"], "regression", "regression", ()),
        ([0.25, 10.0, 2.0], "classification", "multiclass", ("0.25", "2", "10")),
        ([Decimal("1.50"), Decimal("2.00")], "binary", "binary", ("1.50", "2")),
        ([dt.date(2020, 1, 2), dt.date(2019, 1, 1)], "classification", "binary", ("2019-01-01", "2020-01-02")),
        (["b", "a"], "binary", "binary", ("a", "b")),
    ],
)
def test_the_task_can_be_asked_for(
    values: list[Any], task: Any, found: str, names: tuple[str, ...], tmp_path: Path
) -> None:
    columns = {"x": some([1.5, 2.5, 4.5]), "y": some(values, seed=1)}
    made = table(write(columns, tmp_path / "t.parquet"), "y", task)
    assert (made.task, made.class_names) == (found, names)


@pytest.mark.parametrize("name", ["table.csv", "t.parquet"])
@pytest.mark.parametrize("values", [["a", "b"], [0.5, 1.75, 9.25], [0, 1], [True, False]])
def test_rows_without_a_target_are_dropped_and_counted(
    values: list[Any], name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    draw = np.random.default_rng(len(values))
    gaps = sorted(draw.choice(ROWS, 5, replace=False).tolist())
    target: list[Any] = some(values)
    for row in gaps:
        target[row] = None
    columns = {"x": [row * 7 % ROWS + 0.5 for row in range(ROWS)], "c": some("pq", seed=1), "y": target}
    with caplog.at_level(logging.INFO):
        found = table(write(columns, tmp_path / name), "y")
    read = f"{tmp_path / name}: 40 rows of 3 columns"
    assert caplog.messages == [read, "5 of 40 rows have no y and are left out"]
    kept = [row for row in range(ROWS) if row not in gaps]
    assert found.kept is not None
    assert np.flatnonzero(~found.kept).tolist() == gaps
    assert found.source_rows.tolist() == kept
    np.testing.assert_array_equal(found.features[:, 0], [columns["x"][row] for row in kept])
    assert [found.categories[0].texts[code] for code in found.categories[0].codes] == [
        columns["c"][row] for row in kept
    ]
    assert len(found.target) == ROWS - 5


def test_not_a_number_is_a_missing_target(tmp_path: Path) -> None:
    columns: Columns = {"x": some([1.5, 2.5, 3.5]), "y": [0.0, 1.0, float("nan"), None] * (ROWS // 4)}
    found = table(write(columns, tmp_path / "t.parquet"), "y")
    assert found.class_names == ("0", "1")
    assert found.target.tolist() == [0, 1] * (ROWS // 4)


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
    columns: Columns, shape: tuple[int, int], categories: int, call_main: CallMain, tmp_path: Path
) -> None:
    path = write({**columns, "y": some("ab", seed=1)}, tmp_path / "t.parquet")
    found = table(path, "y")
    assert (found.features.shape, len(found.categories)) == (shape, categories)
    done = call_main(*TINY, f"data.path={path}", "data.target=y", "trainer.plots=never")
    assert (done.returncode, done.stderr) == (0, "")


# ---- a run


def cells(line: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in re.split("[┃│]", line)[1:-1])


def test_a_run_says_what_it_found_and_keeps_it(
    call_main: CallMain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The printed table, the saved model and the figures know the columns and the names of the classes."""
    figures: dict[str, Figure] = {}
    write_figures = RunFolder.write_figures

    def keep(folder: RunFolder, made: dict[str, Figure]) -> None:
        figures.update(
            {
                name: [text.get_text() for text in figure.findobj() if hasattr(text, "get_text")]
                for name, figure in made.items()
            }
        )  # type: ignore[misc]
        write_figures(folder, made)

    monkeypatch.setattr(RunFolder, "write_figures", keep)
    columns = {"key": [f"k{row}" for row in range(ROWS)], **mixed()}
    columns["mood"] = [
        None if row == 7 else {"good": "[bold]good", "bad": "so <so>"}[mood] for row, mood in enumerate(columns["mood"])
    ]
    done = call_main(*TINY, f"data.path={write(columns, tmp_path / 't.csv')}", "data.target=mood", "data.drop=[sold]")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == f"{tmp_path / 't.csv'}: 40 rows of {len(columns)} columns"
    assert lines[1] == "1 of 40 rows have no mood and are left out"
    assert lines[2].rstrip() == "Columns"
    table_lines = [cells(line) for line in lines[3 : next(i for i, line in enumerate(lines) if line.startswith("└"))]]
    assert [row for row in table_lines if row] == [
        ("column", "is", "values", "missing"),
        ("key", "left out", "an identifier: a different text in (nearly) every row", ""),
        ("sold", "left out", "data.drop", ""),
        ("weight", "number", "0 … 4.875", "4"),
        ("rooms", "number", "1 … 5", ""),
        ("colour", "category", "3 categories", "3"),
        ("bought", "date", "2019-12-28 … 2021-03-01", "1"),
        ("seen", "date", "2020-03-01T06:30:00 … 2020-03-12T15:30:00", ""),
        ("mood", "target: binary", "2 classes: [bold]good, so <so>", "1"),
    ]  # fmt: skip
    names = ["[bold]good", "so <so>"]
    folder = the_run_folder(tmp_path)
    model = torch.load(folder / "model.pt", weights_only=True)
    found = table(str(tmp_path / "t.csv"), "mood", drop=["sold"])
    assert (model["class_names"], model["target_name"], model["task"]) == (names, "mood", "binary")
    assert [Column(**{**column, "parts": tuple(column["parts"])}) for column in model["columns"]] == list(found.columns)
    assert model["feature_names"] == list(found.feature_names)
    assert [(c["name"], c["texts"]) for c in model["preprocess"]["categories"]] == [
        ("colour", ["blue", "green", "red"])
    ]
    assert json.loads((folder / "result.json").read_text(encoding="utf-8"))["task"] == "binary"
    assert {f"plots/{name}.png" for name in figures} <= files_in(folder)
    for name in ("confusion_matrix",):
        assert set(names) <= set(figures[name])


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_a_regression_keeps_its_unit(name: str, call_main: CallMain, tmp_path: Path) -> None:
    columns = {**mixed(), "price": [1e6 + 1000 * (row * 7 % ROWS) for row in range(ROWS)]}
    path = write(columns, tmp_path / name)
    done = call_main(*TINY, f"data.path={path}", "data.target=price", "trainer.plots=never")
    assert (done.returncode, done.stderr) == (0, "")
    assert ("price", "target: regression", "1e+06 … 1.039e+06", "") in [
        cells(line) for line in done.stdout.splitlines()
    ]
    result = json.loads((the_run_folder(tmp_path) / "result.json").read_text(encoding="utf-8"))
    assert result["task"] == "regression"
    assert 50 < result["metrics"]["train"]["rmse"] < 5e4  # its standard deviation is 11543


@pytest.mark.parametrize("declared", [False, True])
def test_a_split_goes_by_a_column_of_any_file(declared: bool, call_main: CallMain, tmp_path: Path) -> None:
    part = pa.array(some(["train", "train", "val", "test"], seed=4))
    columns = {**mixed(), "part": part.dictionary_encode() if declared else part}
    parquet.write_table(pa.table(columns), tmp_path / "t.parquet")
    asked = (f"data.path={tmp_path / 't.parquet'}", "data.target=mood", "split=column", "split.column=part")
    done = call_main(*TINY, *asked, "trainer.plots=never")
    assert (done.returncode, done.stderr) == (0, "")
    assert "train 20, val 10, test 10" in done.stdout
    assert ("part", "for the split", "", "") in [cells(line) for line in done.stdout.splitlines()]


def test_a_split_by_a_column_of_lists(call_main: CallMain, tmp_path: Path) -> None:
    path = write({**mixed(), "part": some([[1], [2]])}, tmp_path / "t.parquet")
    done = call_main(*TINY, f"data.path={path}", "data.target=mood", "split=group", "split.column=part")
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
    content = read_table(write(mixed(), tmp_path / "table.csv"))
    assert content.schema.field("rooms").type == pa.int64()
    assert content.schema.field("sold").type == pa.bool_()
    assert content["colour"].to_pylist() == list(mixed()["colour"])


def test_a_last_column_of_nanoseconds(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x,t\n1,2020-01-01T10:00:00.000000001\n2,2020-01-02T10:00:00.5\n", encoding="utf-8")
    assert read_table(str(tmp_path / "t.csv"))["t"].type == pa.timestamp("ns")


def test_not_a_number_is_no_category(tmp_path: Path) -> None:
    """A gap in a column of numbers that is declared categorical, as pandas writes it."""
    columns = {"grade": some([0.5, 1.0, float("nan")]), "y": some("ab", seed=1)}
    (grade,) = table(write(columns, tmp_path / "t.parquet"), "y", categorical=["grade"]).categories
    assert grade.texts == ("0.5", "1")
    assert (grade.codes == -1).tolist() == [value != value for value in columns["grade"]]  # noqa: PLR0124

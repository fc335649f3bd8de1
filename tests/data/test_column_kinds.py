"""What is found in the columns of a table: kinds, dates, the target."""

import datetime as dt
import json
import logging
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from support.good_tables import ROWS, Columns, as_text, kinds, some, write

from mlp_exp.data.table.load import table

# ---- kinds of columns


IDENTIFIER = "an identifier: a different code in (nearly) every row"
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
        (["3 rooms", "4 rooms"], "number"),
        (["A3", "A4"], "category"),
        (["01/02/2020", "11/12/2021"], "date"),
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
        (pa.array(some([b"\x00b", b"cd"]), pa.binary(2)), "left out", "holds fixed_size_binary[2]"),
        (pa.array(some([b"ab", b"cd"]), pa.binary(2)), "category", "2 categories"),
        (pa.array(some([b"ab", b"cd"])), "category", "2 categories"),
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


@pytest.mark.parametrize("name", ["__index_level_0__", "house"])
def test_the_index_of_a_data_frame_is_left_out(name: str, tmp_path: Path) -> None:
    """As the file says itself, whatever its name; but for one that the user asks for, or predicts."""
    columns = {"x": some([1.5, 2.5, 3.5]), "y": some("ab", seed=1), name: some(range(ROWS), seed=2)}
    said = json.dumps({"index_columns": [name, {"kind": "range"}], "columns": []}).encode()
    made = pa.table(columns).replace_schema_metadata({b"pandas": said})
    parquet.write_table(made, tmp_path / "t.parquet")
    path = str(tmp_path / "t.parquet")
    assert kinds(table(path, "y")) == {"x": "number", name: "left out"}
    assert table(path, "y").columns[1].note == "the index of a pandas data frame"
    assert kinds(table(path, "y", numeric=[name]))[name] == "number"
    assert kinds(table(path, "y", columns=["x", name]))[name] == "number"
    assert table(path, name).task == "regression"
    parquet.write_table(made.replace_schema_metadata({b"pandas": b"{"}), tmp_path / "u.parquet")
    assert kinds(table(str(tmp_path / "u.parquet"), "y"))[name] == "number"


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
        "took": some([dt.timedelta(microseconds=1), dt.timedelta(days=200_000)], seed=1),
        "y": some("ab", seed=2),
    }
    found = table(write(columns, tmp_path / "t.parquet"), "y")
    assert set(found.features[:, 0]) == {1.0, 86399.5}
    assert set(found.features[:, 1]) == {1e-6, 17_280_000_000.0}


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

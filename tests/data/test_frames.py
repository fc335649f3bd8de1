"""Tables in memory: what becomes of a data frame's types when it is saved and read again."""

from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet

from mlp_exp.data.table.frames import arrow_table, save_table
from mlp_exp.data.table.load import table
from mlp_exp.errors import DataError

VALUES: dict[str, Any] = {
    "texts": pd.Categorical(["a", "b", None, "a"]),
    "numbers": pd.Categorical([3, 1, None, 3]),
    "flags": pd.Categorical([True, False, True, True]),
    "boolean": [True, False, True, True],
    "maybe": pd.array([True, None, False, True], dtype="boolean"),
    "whole": pd.array([1, None, 3, 4], dtype="Int64"),
    "word": pd.array(["x", "y", None, "x"], dtype="string"),
    "day": pd.date_range("2020-01-01", periods=4),
    "y": [0.5, 1.5, 2.5, 3.5],
}
KINDS = ["category"] * 3 + ["boolean"] * 2 + ["number", "category", "date"]


def _read(frame: Any, folder: Path) -> Any:
    save_table(arrow_table(frame, "the table"), folder / "data.parquet")
    return table(str(folder / "data.parquet"), "y")


def test_the_types_of_pandas_stay(tmp_path: Path) -> None:
    found = _read(pd.DataFrame(VALUES), tmp_path)
    assert [column.kind for column in found.columns] == KINDS
    assert [category.texts for category in found.categories] == [("a", "b"), ("1", "3"), ("false", "true"), ("x", "y")]
    assert [column.missing for column in found.columns] == [1, 1, 0, 0, 1, 1, 1, 0]


def test_those_of_polars_too(tmp_path: Path) -> None:
    schema: dict[str, Any] = {
        "category": pl.Categorical,
        "enum": pl.Enum(["2", "1"]),
        "text": pl.String,
        "number": pl.UInt8,
    }
    values: dict[str, Any] = {
        "category": ["2", None, "1"],
        "enum": ["1", "2", "1"],
        "text": ["a", "b", None],
        "number": [1, 2, 3],
    }
    columns = {name: 3 * column for name, column in {**values, "y": [0.5, 1.0, 1.5]}.items()}
    found = _read(pl.DataFrame(columns, schema_overrides=schema), tmp_path)
    assert [column.kind for column in found.columns] == ["category", "category", "category", "number"]
    assert [category.texts for category in found.categories] == [("1", "2"), ("1", "2"), ("a", "b")]


def test_a_table_without_rows_keeps_its_columns() -> None:
    assert arrow_table(pl.DataFrame({"a": []}), "the table").column_names == ["a"]
    assert arrow_table(pd.DataFrame({"a": []}), "the table").column_names == ["a"]


def test_a_type_that_parquet_does_not_have(tmp_path: Path) -> None:
    odd = pa.table({"a": pa.array([(1, 2, 3)], pa.month_day_nano_interval())})
    with pytest.raises(DataError, match=r"^the table cannot be saved as Parquet: Unhandled type .*interval"):
        save_table(odd, tmp_path / "data.parquet")


def test_intervals_are_categories(tmp_path: Path) -> None:
    """As of `pandas.cut`."""
    cut = pd.cut(pd.Series([0.5, 1.5, 2.5, None]), [0, 1, 2, 3])
    frame = pd.DataFrame({"cut": cut, "month": pd.period_range("2020-01", periods=4, freq="M")})
    made = arrow_table(frame, "data")
    save_table(made, tmp_path / "t.parquet")
    read = parquet.read_table(tmp_path / "t.parquet")
    assert pa.types.is_dictionary(read["cut"].type)
    assert read["cut"].to_pylist() == ["(0, 1]", "(1, 2]", "(2, 3]", None]
    assert read["month"].to_pylist() == ["2020-01", "2020-02", "2020-03", "2020-04"]

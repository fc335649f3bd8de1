"""The data of a call from Python: a file, or a table in memory, which is saved to be trained from."""

import os
from collections.abc import Sequence
from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa

from mlp_exp.api.overrides import argument
from mlp_exp.data.table.cleaning import clean_names
from mlp_exp.data.table.find_column import find_column
from mlp_exp.data.table.frames import arrow_table
from mlp_exp.errors import ConfigError

TARGET = "target"
"""Name of the column of targets that are given as values without a name."""
Target = str | int | Sequence[str] | Any


def read_data(data: Any, target: Target) -> tuple[pa.Table | None, list[str]]:
    """The table where the data is one in memory, and the overrides that say what it is.

    Args:
        data: the path of a file; a data frame, a dict of columns, or an array `[N, F]` of numbers; None for what the
            overrides say.
        target: the name of the column to predict, or of several; or, beside a table, the values `[N]`.

    Raises:
        ConfigError: values as the target that do not fit the data.
        DataError: the table is none, or does not have the target.
    """
    if data is None or isinstance(data, str | os.PathLike):
        if _has_values(target):
            raise ConfigError([f"target: expected the name of a column, got values ({type(target).__name__})"])
        path = [] if data is None else ["data=table", argument("data.path", data, sweeps=False)]
        return None, [*path, *_named(target)]
    table = arrow_table(data, "data")
    if not _has_values(target):
        for name in _names(target):
            find_column(name, clean_names(table.column_names), "target")
        return table, ["data=table", *_named(target)]
    column = _column(target)
    name = column.column_names[0]
    if name in table.column_names:
        raise ConfigError([f"target: the table has a column '{name}' already; drop it, or give its name as the target"])
    if len(column) != len(table):
        raise ConfigError([f"target: expected a value for each of {len(table)} rows, got {len(column)}"])
    return table.append_column(name, column[0]), ["data=table", *_named(name)]


def _has_values(target: Any) -> bool:
    """Whether it is an array or a column of a data frame."""
    return isinstance(target, np.ndarray) or hasattr(target, "__arrow_array__") or hasattr(target, "dtype")


def _column(values: Any) -> pa.Table:
    """Values `[N]` as a table of one column, by the name that they have."""
    if isinstance(values, np.ndarray):
        if values.ndim != 1:
            raise ConfigError([f"target: expected values [N], or the names of columns, got shape {list(values.shape)}"])
        return arrow_table({TARGET: values}, TARGET)
    series = nw.from_native(values, series_only=True)
    name = TARGET if series.name in (None, "") else str(series.name)
    return arrow_table(series.alias(name).to_frame().to_native(), TARGET)


def _names(target: Any) -> list[str]:
    return [] if target is None else [str(target)] if isinstance(target, str | int) else [str(name) for name in target]


def _named(target: Any) -> list[str]:
    """The override that names the target; none if there is none."""
    names = _names(target)
    if not names:
        return []
    return [argument("data.target", names[0] if len(names) == 1 else names, sweeps=False)]

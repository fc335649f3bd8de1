"""Tables in memory: data frames of pandas, polars and others, dictionaries of columns, and arrays."""

import importlib.util
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from mlp_exp.errors import DataError

LIBRARIES = ("pandas", "polars")
"""In whose data frames tables are given back, the first one first."""


def arrow_table(data: Any, where: str, array_names: Sequence[str] | None = None) -> pa.Table:
    """A table from anything that has columns by name, without an index; from an array `[N, F]`, with other names.

    Args:
        where: names the table in messages.
        array_names: F names for the columns of an array; None for `x0`, `x1`, ….

    Raises:
        DataError: it is none of these, or two columns have one name.

    >>> arrow_table({"age": [31, None]}, "the table").column_names
    ['age']
    """
    try:
        if not isinstance(data, np.ndarray):
            table = _table_of(data)
        else:
            numbers = np.asarray(data, dtype=np.float64)
            if numbers.ndim != 2 or (array_names is not None and numbers.shape[1] != len(array_names)):
                width = "F" if array_names is None else len(array_names)
                raise DataError(f"{where}: expected an array [N, {width}], got shape {list(numbers.shape)}")
            names = [f"x{place}" for place in range(numbers.shape[1])] if array_names is None else list(array_names)
            return pa.Table.from_arrays([pa.array(column) for column in numbers.T], names=names)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise DataError(f"{where}: expected columns by name, or an array of numbers: {error}") from error
    twice = [name for name, count in Counter(table.column_names).items() if count > 1]
    if twice:
        raise DataError(f"{where}: expected a name for each column, and several are '{twice[0]}'")
    return table


def native_frame(table: pa.Table, library: str | None = None) -> Any:
    """A data frame of one of `LIBRARIES`; if none is named, of the one that is imported, else of the one installed.

    Raises:
        DataError: it is not installed.
    """
    installed = [name for name in LIBRARIES if name in sys.modules or importlib.util.find_spec(name)]
    if library is None and installed:
        library = next((name for name in installed if name in sys.modules), installed[0])
    if library not in installed:
        which = "pip install pandas, or pip install polars" if library is None else f"pip install {library}"
        raise DataError(f"a data frame needs {'one of its libraries' if library is None else library}: {which}")
    frame = nw.from_native(table, eager_only=True)
    return frame.to_pandas() if library == "pandas" else frame.to_polars()


def save_table(table: pa.Table, path: Path) -> None:
    """Writes a table as Parquet, in which what was a category is one: Parquet itself knows only those of texts.

    Raises:
        DataError: a column has a type that Parquet does not know.
    """
    for place, column in enumerate(table.columns):
        kind = column.type
        if pa.types.is_dictionary(kind) and not pa.types.is_large_string(kind.value_type):
            texts = pc.cast(pc.cast(column, kind.value_type), pa.string())
            table = table.set_column(place, table.column_names[place], texts.dictionary_encode())
    try:
        parquet.write_table(table, path)
    except pa.ArrowException as error:
        raise DataError(f"the table cannot be saved as Parquet: {error}") from error


def _table_of(data: Any) -> pa.Table:
    """A table of what has columns by name."""
    frame = _of_pandas(data)
    if frame is not None:
        return pa.Table.from_pandas(frame, preserve_index=False)
    polars = sys.modules.get("polars")
    if polars is not None and isinstance(data, polars.DataFrame):
        return data.to_arrow()  # texts as Parquet takes them, unlike those that pa.table finds
    return pa.table(data)


def _of_pandas(data: Any) -> Any:
    """A data frame of pandas, where it is one, so that Arrow can take it: names are texts, and so is a column that
    mixes texts with something else, as it would be written to CSV. None for anything else.
    """
    pandas = sys.modules.get("pandas")
    if pandas is None or not isinstance(data, pandas.DataFrame):
        return None
    frame = data.copy(deep=False)
    frame.columns = [str(name) for name in data.columns]
    for place in np.flatnonzero(data.dtypes.eq(object)):
        values = data.iloc[:, place]
        try:
            pa.array(values, from_pandas=True)
        except pa.ArrowException:
            frame.isetitem(place, values.map(str, na_action="ignore"))
    return frame

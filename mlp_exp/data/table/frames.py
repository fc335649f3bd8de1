"""Tables in memory: data frames of pandas, polars and others, dictionaries of columns, and arrays."""

import importlib.util
import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import parquet

from mlp_exp.errors import DataError

LIBRARIES = ("pandas", "polars")
"""In whose data frames tables are given back, the first one first."""


WANTED = "expected columns by name, or an array of numbers"


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
        if isinstance(data, np.ndarray):
            return _of_array(np.asarray(data, dtype=np.float64), where, array_names)
        if problem := _no_table(data):
            raise DataError(f"{where}: {WANTED}, got {problem}")
        table = _table_of(data, where)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise DataError(f"{where}: {WANTED}: {error}") from error
    require_different(table.column_names, where)
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


def _no_table(data: Any) -> str | None:
    """What was given in place of a table, and how it becomes one; None of what may be one."""
    if isinstance(data, str | os.PathLike):
        return "a path; read the file first, as with pandas.read_csv"
    if isinstance(data, Mapping):
        single = [f"{name!r}: {value!r}" for name, value in data.items() if value is None or np.isscalar(value)]
        return f"one value where a column should be ({single[0]}); a list has a value for each row" if single else None
    if isinstance(data, list | tuple):
        made = "data frame: pandas.DataFrame(…)" if data and isinstance(data[0], Mapping) else "array: numpy.array(…)"
        return f"a {type(data).__name__}; make it {'a' if made.startswith('d') else 'an'} {made}"
    if hasattr(data, "to_frame"):
        return (
            f"a {type(data).__name__}; a row of a data frame as a table is frame.iloc[[0]], and a column frame[[NAME]]"
        )
    return None


def require_different(names: Sequence[str], where: str) -> None:
    """Raises DataError if several columns have one name."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(f"{where}: expected a name for each column, and several are '{twice[0]}'")


def _table_of(data: Any, where: str) -> pa.Table:
    """A table of what has columns by name."""
    frame = _of_pandas(data)
    if frame is not None:
        require_different(list(frame.columns), where)
        return pa.Table.from_pandas(frame, preserve_index=False)
    polars = sys.modules.get("polars")
    if polars is not None and isinstance(data, polars.DataFrame):
        return data.to_arrow()  # texts as Parquet takes them, unlike those that pa.table finds
    return pa.table(data)


def _of_array(numbers: NDArray[np.float64], where: str, names: Sequence[str] | None) -> pa.Table:
    count = "F" if names is None else len(names)
    if numbers.ndim != 2 or (names is not None and numbers.shape[1] != len(names)):
        raise DataError(f"{where}: expected an array [N, {count}], got shape {list(numbers.shape)}")
    own = names or [f"x{place}" for place in range(numbers.shape[1])]
    return pa.Table.from_arrays([pa.array(column) for column in numbers.T], names=list(own))


def _of_pandas(data: Any) -> Any:
    """A data frame of pandas, where it is one, so that Arrow can take it: names are texts, and so is a column that
    mixes texts with something else, or holds intervals, as it would be written to CSV. None for anything else.
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
    spans = (pandas.IntervalDtype, pandas.PeriodDtype)
    for number, kind in enumerate(data.dtypes):
        values = data.iloc[:, number]
        if isinstance(kind, spans):
            frame.isetitem(number, values.map(str, na_action="ignore"))
        elif isinstance(kind, pandas.CategoricalDtype) and isinstance(kind.categories.dtype, spans):
            frame.isetitem(number, values.cat.rename_categories(kind.categories.map(str)))
    return frame

"""What estimators are given as features: data frames and arrays become tables whose types say what each column is."""

from collections.abc import Collection, Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse
from sklearn.utils.validation import validate_data

from mlp_exp.data.table.cleaning import clean_names, is_text
from mlp_exp.data.table.find_column import find_column
from mlp_exp.data.table.frames import arrow_table, require_different
from mlp_exp.data.table.values import mask_nan, type_family
from mlp_exp.errors import DataError, InputError

FEWEST_ROWS = 2
"""To train with."""
EXACT = 2.0**53
"""Below it a float64 holds every whole number."""


@contextmanager
def input_errors() -> Iterator[None]:
    """Raises an InputError for a DataError, since scikit-learn expects a ValueError."""
    try:
        yield
    except DataError as error:
        raise error if isinstance(error, InputError) else InputError(str(error)) from error


def fitted_table(estimator: Any, X: Any, categorical: Sequence[str | int]) -> pa.Table:  # noqa: N803
    """The features to train with; sets `n_features_in_`, `feature_names_in_` and `columns_` of the estimator.

    Args:
        X: a data frame, a dictionary of columns, or an array `[N, F]`.
        categorical: names or places of columns that are categories, whatever their type.

    Raises:
        ValueError: it is none of these, has an infinite number or too few rows; most often an InputError.
    """
    table = _checked(estimator, X, reset=True)
    table = table.rename_columns(clean_names(table.column_names))
    with input_errors():
        require_different(table.column_names, "X")
    if len(table) < FEWEST_ROWS:
        raise InputError(f"X: expected {FEWEST_ROWS} rows or more to train with, got n_samples = {len(table)}")
    estimator.columns_ = table.column_names
    estimator.categories_ = _names(categorical, table.column_names)
    return _typed(table, estimator.categories_)


def table_like_fitted(estimator: Any, X: Any) -> pa.Table:  # noqa: N803
    """The features of rows that are predicted or evaluated; arguments and errors of `fitted_table`.

    Columns have their names in training: scikit-learn has compared names, where both have some, and counts.
    """
    table = _checked(estimator, X, reset=False).rename_columns(estimator.columns_)
    return _typed(table, estimator.categories_)


def _checked(estimator: Any, given: Any, *, reset: bool) -> pa.Table:
    if sparse.issparse(given):
        raise InputError("X: expected a data frame or an array [N, F], got a sparse matrix; make it one: X.toarray()")
    if isinstance(given, Iterator | Set | str):
        what = f"a {type(given).__name__}"
        raise InputError(f"X: expected a data frame or an array [N, F], got {what}; make it a list: list(X)")
    if not (isinstance(given, dict) or hasattr(given, "columns")):
        return arrow_table(_numbers(estimator, given, reset=reset), "X")
    with input_errors():
        table = arrow_table(given, "X")
    validate_data(estimator, table if isinstance(given, dict) else given, skip_check_array=True, reset=reset)
    return table


def _numbers(estimator: Any, given: Any, *, reset: bool) -> Any:
    try:
        return validate_data(estimator, given, dtype=np.float64, ensure_all_finite="allow-nan", reset=reset)
    except ValueError as error:
        text = _text_in(given)
        if text is None:
            raise
        raise InputError(
            f"X: expected numbers in an array or a list, found the text '{text}'; for columns of any type give a data "
            "frame, or a dictionary of columns"
        ) from error


def _text_in(given: Any) -> str | None:
    """The first text that is no number."""
    for each in np.asarray(given, object).flat:
        if isinstance(each, str):
            try:
                float(each)
            except ValueError:
                return each
    return None


def _names(categorical: Sequence[str | int], columns: Sequence[str]) -> tuple[str, ...]:
    """The names of columns, some of which are given by their places."""
    if isinstance(categorical, str) or not isinstance(categorical, Iterable):
        raise InputError(f"categorical: expected a list of columns, as ['town', 'street'], got {categorical!r}")
    found = []
    for each in categorical:
        if isinstance(each, str):
            with input_errors():
                found.append(find_column(each, columns, "categorical"))
        elif not 0 <= each < len(columns):
            raise InputError(f"categorical: expected places from 0 to {len(columns) - 1}, got {each}")
        else:
            found.append(columns[each])
    return tuple(found)


def _typed(table: pa.Table, categories: Collection[str]) -> pa.Table:
    """The table with types that leave nothing to be inferred: numbers are float64, categories are dictionaries."""
    columns = [_column(name, table[name], name in categories) for name in table.column_names]
    return pa.table(columns, names=table.column_names)


def _column(name: str, values: pa.ChunkedArray, is_category: bool) -> pa.ChunkedArray:
    if pa.types.is_dictionary(values.type):
        values, is_category = values.cast(values.type.value_type), True
    if is_text(values.type):
        return _as_texts(values).dictionary_encode()
    family = "number" if pa.types.is_null(values.type) else type_family(values.type)
    if family is None:
        raise InputError(
            f"X: column '{name}' holds {values.type}; expected numbers, booleans, dates, texts or categories"
        )
    if is_category:
        return _as_texts(values).dictionary_encode()
    if family != "number" or pa.types.is_temporal(values.type):
        return values
    numbers = pc.cast(values, pa.float64(), safe=False)
    infinite = pc.fill_null(pc.is_inf(numbers), False)
    if pc.any(infinite).as_py():
        row = int(infinite.to_numpy().argmax())
        raise InputError(f"X: column '{name}', row {row}: expected a finite number, or none, got infinity")
    return numbers


def _as_texts(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Categories as texts; whole numbers without a point, also those that gaps have made floats."""
    if pa.types.is_floating(values.type):
        values = mask_nan(values)
        whole = pc.and_(pc.equal(pc.trunc(values), values), pc.less(pc.abs(values), EXACT))
        if pc.all(whole).as_py() is not False:
            values = pc.cast(values, pa.int64(), safe=False)
    return pc.cast(values, pa.string())

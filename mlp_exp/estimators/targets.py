"""What estimators are to predict, and how much each row counts."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, assert_all_finite, check_consistent_length, column_or_1d

from mlp_exp.data.splits.sampling import Codes, take
from mlp_exp.data.table.format import Format
from mlp_exp.data.table.target import class_codes, read_target
from mlp_exp.errors import DataError, InputError

FEWEST_HELD_OUT = 10
"""Fewer rows for validation choose the epoch by chance: then all rows train."""


def labels(y: Any, rows: int) -> NDArray[Any]:
    """The labels `[N]` of so many rows; raises ValueError unless they are some."""
    _require(y, "a label")
    found = column_or_1d(y, warn=True)
    assert_all_finite(found, input_name="y")
    check_classification_targets(found)
    check_consistent_length(np.empty(rows), found)
    return np.asarray(found)


def codes_of(y: NDArray[Any], classes: NDArray[Any], name: str) -> Codes:
    """The places of labels `[N]` among sorted classes; InputError for another label, with what is called `name`."""
    found = np.searchsorted(classes, y).clip(max=len(classes) - 1)
    unknown = classes[found] != y
    if unknown.any():
        raise InputError(f"{name}: expected classes that y has, got '{y[unknown][0]}'")
    return np.asarray(found, np.int64)


def values(y: Any, rows: int) -> NDArray[np.float64]:
    """The values `[N]`, or of T targets `[N, T]`, of so many rows; raises ValueError unless they are numbers."""
    _require(y, "a value")
    found = np.asarray(y)
    if found.ndim != 2 or found.shape[1] < 2:
        found = column_or_1d(y, warn=True)
    found = found.astype(np.float64)
    assert_all_finite(found, input_name="y")
    check_consistent_length(np.empty(rows), found)
    return found


def _require(y: Any, what: str) -> None:
    if y is None:
        raise InputError("y: fit requires y to be passed, but the target y is None")
    each = (np.asarray(y) if hasattr(y, "__array__") else np.asarray(y, object)).ravel()
    with suppress(pa.ArrowException):  # what it cannot take has other faults, which are found later
        missing = pa.array(each, from_pandas=True).null_count
        if missing:
            raise InputError(
                f"y: expected {what} in each row, and {missing} of {len(each)} are missing; leave them out"
            )


def class_column(codes: Codes, classes: NDArray[Any]) -> pa.Array:
    """The classes of codes `[N]` as a column of a table, which has them in the order of the codes.

    Texts that a table would read as something else are replaced by their codes: `NA`, numbers (9 before 10), `true`.
    """
    if classes.dtype.kind in "biuf":
        return pa.array(classes[codes])
    texts = [str(each) for each in classes]
    return pa.array(np.array(texts, object)[codes], pa.string()) if _as_read(texts) == texts else pa.array(codes)


def _as_read(texts: Sequence[str]) -> list[str]:
    """The classes that a table finds in a column of these texts, in its order."""
    try:
        read = read_target("y", pa.chunked_array([pa.array(texts, pa.string())]), "classification", Format(), ".")
    except DataError:
        return []
    return list(class_codes("y", read.values)[1])


def row_weights(sample_weight: Any, rows: int) -> NDArray[np.float64] | None:
    """The weights `[N]` of so many rows; None if all count the same. Raises ValueError for one below 0, or all 0."""
    if sample_weight is None:
        return None
    found: NDArray[np.float64] = _check_sample_weight(
        sample_weight, np.empty((rows, 1)), dtype=np.float64, ensure_non_negative=True
    )
    return None if (found == found[0]).all() else found


def held_out(rows: int, codes: Codes | None, fraction: float, seed: int) -> NDArray[np.bool_]:
    """Which of so many rows validate: a random fraction, with classes in proportion where they are not too rare.

    Each class has a row that trains. None validates where it would be fewer than `FEWEST_HELD_OUT`.

    Args:
        codes: of the classes `[N]`; None for values.
    """
    found = np.zeros(rows, np.bool_)
    count = round(fraction * rows)
    candidates = np.arange(rows)
    if codes is not None:
        candidates = np.delete(candidates, np.unique(codes, return_index=True)[1])
    if not FEWEST_HELD_OUT <= count < len(candidates):
        return found
    try:
        _, taken = take(candidates, count, None if codes is None else codes[candidates], seed)
    except ValueError:  # a class is too rare
        _, taken = take(candidates, count, None, seed)
    found[taken] = True
    return found

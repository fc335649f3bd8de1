"""Checks and converts the arrays that a dataset is made from."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlp_exp.errors import DataError

Floats = NDArray[np.float64]


def feature_array(features: ArrayLike) -> Floats:
    """Features as `[N, F]` floats; raises DataError for other shapes, and for values that are not finite numbers."""
    try:
        x = np.ascontiguousarray(features, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"data: expected numbers as features, got {error}") from error
    if x.ndim == 2 and not np.isfinite(x).all():
        row, column = np.argwhere(~np.isfinite(x))[0]
        raise DataError(f"data: row {row}, column {column} of the features is {x[row, column]}, not a finite number")
    return x


def value_array(target: NDArray[Any], *, ordered: bool = False) -> Floats:
    """The target `[N]` or `[N, T]` of a regression as floats.

    Raises:
        DataError: one is not a finite number, or their classes are said to be `ordered`.
    """
    if ordered:
        raise DataError("data: the target of a regression has no classes to be ordered")
    try:
        y = target.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"data: expected numbers as the target of a regression, {error}") from error
    if not np.isfinite(y).all():
        raise DataError(f"data: row {np.argwhere(~np.isfinite(y))[0][0]} of the target is not a finite number")
    return y


def code_array(
    target: NDArray[Any], class_names: tuple[str, ...] = (), *, ordered: bool = False
) -> tuple[NDArray[np.int64], tuple[tuple[str, ...], ...]]:
    """Codes of labels `[N]` or `[N, T]`, and the names of the classes of each target: the sorted labels if not given.

    Raises:
        DataError: a label is missing, or there are not as many classes as expected: those that are named, two or more
            of one target, three or more of an ordered one, two of each of several.
    """
    if target.ndim == 1:
        codes, names = _codes(target, "the target")
        if ordered and len(names) < 3:
            raise DataError(f"data: the target has {len(names)} classes; expected three or more with an order")
        if class_names and len(class_names) != len(names):
            raise DataError(f"data: the target has {len(names)} classes, and {len(class_names)} class names are given")
        return codes, (class_names or names,)
    if class_names or ordered:
        raise DataError("data: several targets have labels; names and an order are those of the classes of one")
    found = [_codes(column, f"column {index} of the target") for index, column in enumerate(target.T)]
    for index, (_, names) in enumerate(found):
        if len(names) > 2:
            raise DataError(f"data: column {index} of the target has {len(names)} classes; of several each has two")
    return np.stack([codes for codes, _ in found], axis=1), tuple(names for _, names in found)


def _codes(target: NDArray[Any], what: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    if target.dtype.kind == "f" and np.isnan(target).any():
        raise DataError(f"data: row {np.argwhere(np.isnan(target))[0][0]} of {what} has no label (NaN)")
    try:
        labels, codes = np.unique(target, return_inverse=True)
    except TypeError as error:
        raise DataError(f"data: expected labels of one kind in {what}, {error}") from error
    if len(labels) < 2:
        raise DataError(f"data: {what} has {len(labels)} class; expected two or more")
    return codes.astype(np.int64), tuple(map(str, labels))


def weight_array(weights: ArrayLike, rows: int) -> Floats:
    """Weights `[N]` of the rows as floats; raises DataError for one that is not 0 or more, and if all are 0."""
    try:
        w = np.array(weights, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"data: expected numbers as weights, got {error}") from error
    if w.shape != (rows,):
        raise DataError(f"data: expected a weight of each of {rows} rows, got shape {w.shape}")
    wrong = ~(np.isfinite(w) & (w >= 0))
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(f"data: row {row} of the weights is {w[row]:g}; expected a number, 0 or more")
    if not w.any():
        raise DataError(f"data: the weights of all {rows} rows are 0; expected one above 0")
    return w

"""The target of a table: its task and its values."""

from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlp_exp.data.table.columns import refuse_stray_words
from mlp_exp.data.table.file import shorten
from mlp_exp.data.table.values import as_numbers, category_codes, mask_nan, sorted_codes, type_family
from mlp_exp.errors import DataError

TaskChoice = Literal["auto", "classification", "binary", "multiclass", "regression"]
MOST_INTEGER_CLASSES = 10
"""Integers with more distinct values than this are a regression target."""


def is_class_target(values: pa.ChunkedArray) -> bool:
    """Whether a target is a class: texts, booleans, few distinct integers, or the numbers 0 and 1 alone."""
    kind = values.type
    if pa.types.is_integer(kind):
        return bool(pc.count_distinct(values, mode="only_valid").as_py() <= MOST_INTEGER_CLASSES)
    if pa.types.is_floating(kind):
        return {v for v in pc.unique(values).to_pylist()[:9] if v is not None and v == v} == {0.0, 1.0}  # noqa: PLR0124
    return type_family(kind) in ("text", "boolean")


def read_target(
    name: str, values: pa.ChunkedArray, task: TaskChoice
) -> tuple[NDArray[Any], NDArray[np.bool_], tuple[str, ...]]:
    """The target's values, the rows that have one, and the class names.

    Returns:
        `[n]` class codes in the order of the names, or floats; `[N]` booleans, true for the n rows with a target; C
        names, none for regression.

    Raises:
        DataError: the target does not fit the task, is constant, or has a class with a single row.
    """
    family = type_family(values.type)
    has_target = pc.invert(pc.is_null(values, nan_is_null=True)).to_numpy().astype(bool)
    if not has_target.any():
        raise DataError(f"data.target: '{name}' is missing in every row")
    if family is None or (family == "date" and task == "auto"):
        what = "dates" if family else str(values.type)
        hint = ". If each date is a class: data.task=classification" if family else ""
        raise DataError(f"data.target: '{name}' holds {what}; expected texts, booleans or numbers{hint}")
    if family == "text" and task in ("auto", "regression"):
        refuse_stray_words(name, values, "the target")
    classes = is_class_target(values) if task == "auto" else task != "regression"
    if not classes:
        target: NDArray[Any] = as_numbers(name, values, "data.target")[has_target]
        if target.min() == target.max():
            raise DataError(f"data.target: '{name}' is constant ({target[0]:g} in all {len(target)} rows)")
        return target, has_target, ()
    codes, names = class_codes(name, values)
    _check_classes(name, codes, names, task)
    return codes[has_target], has_target, names


def class_codes(name: str, values: pa.ChunkedArray) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Codes `[N]`, -1 where missing, and class names: texts sorted alphabetically, numbers by value."""
    if pa.types.is_floating(values.type):
        as_numbers(name, values, "data.target")  # raises for infinite values
        values = mask_nan(values)
    if type_family(values.type) != "number" or pa.types.is_temporal(values.type):
        codes, names = category_codes(name, values, "data.target")
    else:
        codes, labels = sorted_codes(values)
        names = tuple(str(int(label)) if label == int(label) else str(label) for label in labels)
    return codes.astype(np.int64), names


def _check_classes(name: str, codes: NDArray[np.int64], names: tuple[str, ...], task: TaskChoice) -> None:
    given = codes[codes >= 0]
    if len(names) < 2:
        raise DataError(f"data.target: '{name}' is constant ('{shorten(names[0])}' in all {len(given)} rows)")
    if task == "binary" and len(names) > 2:
        raise DataError(f"data.task: binary was asked for, and '{name}' has {len(names)} classes: {join_names(names)}")
    if task == "multiclass" and len(names) == 2:
        raise DataError(f"data.task: multiclass was asked for, and '{name}' has two classes: {join_names(names)}")
    single = np.flatnonzero(np.bincount(given, minlength=len(names)) == 1)
    if len(single):
        first = ", ".join(f"'{shorten(names[code])}' (row {(codes == code).argmax()})" for code in single[:5])
        more = f" and {len(single) - 5} more" if len(single) > 5 else ""
        numeric = " If it is a quantity: data.task=regression." if _numeric(names) else ""
        raise DataError(
            f"data.target: '{name}' has a single row of class {first}{more}; training and test need one each. "
            f"Take such rows out or merge the classes.{numeric}"
        )


def join_names(names: tuple[str, ...]) -> str:
    """The first class names, for a message."""
    more = " …" if len(names) > 8 else ""
    return ", ".join(shorten(name) for name in names[:8]) + more


def _numeric(names: tuple[str, ...]) -> bool:
    try:
        return all(np.isfinite(float(name)) for name in names)
    except ValueError:
        return False

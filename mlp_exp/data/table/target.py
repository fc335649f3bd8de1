"""The target of a table: which task it asks for, and its values."""

from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlp_exp.data.table.columns import refuse_stray_words
from mlp_exp.data.table.source import shown
from mlp_exp.data.table.values import as_numbers, codes_of, family_of, sorted_codes, without_nan
from mlp_exp.errors import DataError

TaskChoice = Literal["auto", "classification", "binary", "multiclass", "regression"]
MOST_INTEGER_CLASSES = 10
"""Whole numbers with more different values than this are a quantity."""


def asks_for_classes(values: pa.ChunkedArray) -> bool:
    """Texts, booleans, few whole numbers, and any two numbers 0 and 1 are classes; all else is a quantity."""
    kind = values.type
    if pa.types.is_integer(kind):
        return bool(pc.count_distinct(values, mode="only_valid").as_py() <= MOST_INTEGER_CLASSES)
    if pa.types.is_floating(kind):
        return {v for v in pc.unique(values).to_pylist()[:9] if v is not None and v == v} == {0.0, 1.0}  # noqa: PLR0124
    return family_of(kind) in ("text", "boolean")


def read_target(
    name: str, values: pa.ChunkedArray, task: TaskChoice
) -> tuple[NDArray[Any], NDArray[np.bool_], tuple[str, ...]]:
    """Values of the rows that have one, which rows those are, and the classes' names (none for regression).

    Returns:
        `[n]` class codes in the order of the names, or floats; `[N]` with n rows that are true; C names.

    Raises:
        DataError: the target does not suit the task, is constant, or has a class of one row.
    """
    family = family_of(values.type)
    there = pc.invert(pc.is_null(values, nan_is_null=True)).to_numpy().astype(bool)
    if not there.any():
        raise DataError(f"data.target: '{name}' is missing in every row")
    if family is None or (family == "date" and task == "auto"):
        what = "dates" if family else str(values.type)
        hint = ". If each date is a class: data.task=classification" if family else ""
        raise DataError(f"data.target: '{name}' holds {what}; expected texts, booleans or numbers{hint}")
    if family == "text" and task in ("auto", "regression"):
        refuse_stray_words(name, values, "the target")
    classes = asks_for_classes(values) if task == "auto" else task != "regression"
    if not classes:
        target: NDArray[Any] = as_numbers(name, values, "data.target")[there]
        if target.min() == target.max():
            raise DataError(f"data.target: '{name}' is constant ({target[0]:g} in all {len(target)} rows)")
        return target, there, ()
    codes, names = classes_of(name, values)
    _check_classes(name, codes, names, task)
    return codes[there], there, names


def classes_of(name: str, values: pa.ChunkedArray) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Codes `[N]`, -1 where missing, and the classes' names: texts in the order of the alphabet, numbers in theirs."""
    if pa.types.is_floating(values.type):
        as_numbers(name, values, "data.target")  # none is infinite
        values = without_nan(values)
    if family_of(values.type) != "number" or pa.types.is_temporal(values.type):
        codes, names = codes_of(name, values, "data.target")
    else:
        codes, labels = sorted_codes(values)
        names = tuple(str(int(label)) if label == int(label) else str(label) for label in labels)
    return codes.astype(np.int64), names


def _check_classes(name: str, codes: NDArray[np.int64], names: tuple[str, ...], task: TaskChoice) -> None:
    given = codes[codes >= 0]
    if len(names) < 2:
        raise DataError(f"data.target: '{name}' is constant ('{shown(names[0])}' in all {len(given)} rows)")
    if task == "binary" and len(names) > 2:
        raise DataError(f"data.task: binary was asked for, and '{name}' has {len(names)} classes: {some(names)}")
    if task == "multiclass" and len(names) == 2:
        raise DataError(f"data.task: multiclass was asked for, and '{name}' has two classes: {some(names)}")
    single = np.flatnonzero(np.bincount(given, minlength=len(names)) == 1)
    if len(single):
        first = ", ".join(f"'{shown(names[code])}' (row {(codes == code).argmax()})" for code in single[:5])
        more = f" and {len(single) - 5} more" if len(single) > 5 else ""
        numeric = " If it is a quantity: data.task=regression." if _numeric(names) else ""
        raise DataError(
            f"data.target: '{name}' has one row alone of class {first}{more}; training and test need one each. "
            f"Take such rows out or merge the classes.{numeric}"
        )


def some(names: tuple[str, ...]) -> str:
    """The first names, for a message."""
    more = " …" if len(names) > 8 else ""
    return ", ".join(shown(name) for name in names[:8]) + more


def _numeric(names: tuple[str, ...]) -> bool:
    try:
        return all(np.isfinite(float(name)) for name in names)
    except ValueError:
        return False

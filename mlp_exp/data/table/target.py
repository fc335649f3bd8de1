"""A target of a table: its values, as they are read, and as classes or numbers."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlp_exp.data.table.cleaning import clean_texts, is_text, mask_numbers
from mlp_exp.data.table.dates import DateForm
from mlp_exp.data.table.file import shorten
from mlp_exp.data.table.format import Format
from mlp_exp.data.table.forms import Asked, Group, form_of_type, read_texts
from mlp_exp.data.table.numbers import NumberForm
from mlp_exp.data.table.problems import mixed
from mlp_exp.data.table.remarks import form_remarks, texts_remarks
from mlp_exp.data.table.values import as_numbers, category_codes, mask_nan, sorted_codes, type_family
from mlp_exp.errors import DataError

TaskChoice = Literal["auto", "classification", "binary", "multiclass", "ordinal", "multilabel", "regression"]
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


@dataclass(frozen=True)
class ReadTarget:
    """A column that is predicted, as it was read.

    Attributes:
        values: `[N]`, with their type; null or not a number where missing.
        form: as of a `Column`.
        remarks: what is noteworthy about its texts.
    """

    name: str
    values: pa.ChunkedArray
    form: NumberForm | DateForm | None
    remarks: tuple[str, ...]

    @property
    def there(self) -> NDArray[np.bool_]:
        """`[N]`, true for the rows that have a value."""
        found: NDArray[np.bool_] = pc.invert(pc.is_null(self.values, nan_is_null=True)).to_numpy().astype(bool)
        return found


def read_target(name: str, column: pa.ChunkedArray, task: TaskChoice, format: Format, decimal: str) -> ReadTarget:
    """The target's values with their type.

    Args:
        decimal: sign that other columns of the file have, for texts that allow both.

    Raises:
        ColumnError: its texts are mostly numbers, but not of one form.
        DataError: it is missing in every row, or its type does not fit the task.
    """
    asked: Asked | None = None if task == "auto" else "number" if task == "regression" else "category"
    values, form = column, form_of_type(column.type, format)
    remarks: tuple[str, ...] = ()
    if is_text(column.type):
        texts = clean_texts(column, format)
        reading = read_texts(texts, format, asked, decimal)
        if reading.groups:
            if task == "regression" and not any(group.form for group in reading.groups):
                raise _no_quantity(name, reading.groups[0])
            raise mixed(name, reading.groups, asked, is_target=True)
        values, form, remarks = reading.values, reading.form, (*texts_remarks(texts, format), *form_remarks(reading))
    values = mask_numbers(values, format.missing_numbers)
    family = type_family(values.type)
    found = ReadTarget(name, values, form, remarks)
    if not found.there.any():
        raise DataError(f"data.target: '{name}' is missing in every row")
    if family is None or (family == "date" and task == "auto"):
        what = "dates" if family else str(values.type)
        hint = ". If each date is a class: data.task=classification" if family else ""
        raise DataError(f"data.target: '{name}' holds {what}; expected texts, booleans or numbers{hint}")
    return found


def _no_quantity(name: str, words: Group) -> DataError:
    return DataError(
        f"data.target: column '{name}', row {words.first_row}, from 0: expected a number, found "
        f"'{shorten(words.example)}'. For classes: data.task=classification"
    )


def quantity(name: str, values: pa.ChunkedArray, rows: str = "rows") -> NDArray[np.float64]:
    """The values `[N]` of a regression, NaN where missing.

    Args:
        rows: what those that have a value are called.

    Raises:
        DataError: they are no numbers, are constant, or one is infinite.
    """
    if type_family(values.type) in ("text", "date"):
        raise DataError(
            f"data.target: '{name}' holds {values.type}; expected numbers. For classes: data.task=classification"
        )
    numbers = as_numbers(name, values)
    _require_finite(name, numbers)
    if np.nanmin(numbers) == np.nanmax(numbers):
        given = int((~np.isnan(numbers)).sum())
        raise DataError(f"data.target: '{name}' is constant ({np.nanmin(numbers):g} in all {given} {rows})")
    return numbers


def _require_finite(name: str, numbers: NDArray[np.float64]) -> None:
    infinite = np.isinf(numbers)
    if infinite.any():
        row = int(infinite.argmax())
        raise DataError(
            f"data.target: column '{name}', row {row}, from 0: expected a finite number, found {numbers[row]}. Fix "
            "it, or take it for a missing value: data.missing=[inf,-inf]"
        )


def class_codes(name: str, values: pa.ChunkedArray) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Codes `[N]`, -1 where missing, and class names: texts sorted alphabetically, numbers by value."""
    if pa.types.is_floating(values.type):
        _require_finite(name, as_numbers(name, values))
        values = mask_nan(values)
    if type_family(values.type) != "number" or pa.types.is_temporal(values.type):
        codes, names = category_codes(name, values, "data.target")
    else:
        codes, labels = sorted_codes(values)
        names = tuple(str(int(label)) if label == int(label) else str(label) for label in labels)
    return codes.astype(np.int64), names


def check_classes(
    name: str, codes: NDArray[np.int64], names: tuple[str, ...], task: TaskChoice, rows: str, *, singles: bool
) -> None:
    """Raises DataError for classes of codes `[N]`, -1 where missing, that are too few or many for the task, or rare.

    `rows` is what those with a class are called; `singles` says whether a class may have a single row.
    """
    given = codes[codes >= 0]
    if len(names) < 2:
        raise DataError(f"data.target: '{name}' is constant ('{shorten(names[0])}' in all {len(given)} {rows})")
    if task == "binary" and len(names) > 2:
        raise DataError(f"data.task: binary was asked for, and '{name}' has {len(names)} classes: {join_names(names)}")
    if task == "multiclass" and len(names) == 2:
        raise DataError(f"data.task: multiclass was asked for, and '{name}' has two classes: {join_names(names)}")
    if task == "ordinal" and len(names) == 2:
        raise DataError(
            f"data.task: ordinal was asked for, and '{name}' has two classes: {join_names(names)}; data.task=binary is "
            "the same"
        )
    single = np.flatnonzero(np.bincount(given, minlength=len(names)) == 1)
    if len(single) and not singles:
        first = ", ".join(f"'{shorten(names[code])}' (row {(codes == code).argmax()}, from 0)" for code in single[:5])
        more = f" and {len(single) - 5} more" if len(single) > 5 else ""
        numeric = " If it is a quantity: data.task=regression." if are_numbers(names) else ""
        raise DataError(
            f"data.target: '{name}' has a single row of class {first}{more}; training and test need one each. "
            f"Take such rows out or merge the classes.{numeric}"
        )


def join_names(names: tuple[str, ...]) -> str:
    """The first class names, for a message."""
    more = " …" if len(names) > 8 else ""
    return ", ".join(shorten(name) for name in names[:8]) + more


def are_numbers(names: tuple[str, ...]) -> bool:
    """Whether the names of all classes are finite numbers."""
    try:
        return all(np.isfinite(float(name)) for name in names)
    except ValueError:
        return False

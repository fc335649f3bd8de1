"""The weights of a table's rows."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlp_exp.data.dataset import Column
from mlp_exp.data.table.cleaning import clean_texts, is_text, mask_numbers
from mlp_exp.data.table.file import shorten
from mlp_exp.data.table.format import Format
from mlp_exp.data.table.forms import read_texts
from mlp_exp.data.table.problems import mixed
from mlp_exp.data.table.remarks import form_remarks
from mlp_exp.data.table.values import Floats, as_numbers, type_family
from mlp_exp.errors import DataError


def read_weights(name: str, column: pa.ChunkedArray, format: Format, decimal: str) -> tuple[Column, Floats]:
    """What the column of weights is, and its numbers `[N]`, NaN where missing.

    Args:
        decimal: sign that other columns of the file have, for texts that allow both.

    Raises:
        ColumnError: they are numbers in several forms.
        DataError: they are no numbers.
    """
    values = column
    remarks: tuple[str, ...] = ()
    if is_text(column.type):
        reading = read_texts(clean_texts(column, format), format, "number", decimal)
        if words := next((group for group in reading.groups if not group.form), None):
            raise _no_weight(name, words.first_row, f"'{shorten(words.example)}'")
        if reading.groups:
            raise mixed(name, reading.groups, "number", is_target=True)
        values, remarks = reading.values, form_remarks(reading)
    kind = values.type
    if not pa.types.is_null(kind) and (type_family(kind) != "number" or pa.types.is_temporal(kind)):
        raise DataError(f"data.weight: column '{name}' holds {kind}; expected numbers, 0 or more")
    numbers = as_numbers(name, mask_numbers(values, format.missing_numbers))
    given = numbers[~np.isnan(numbers)]
    note = f"{given.min():g} … {given.max():g}" if len(given) else ""
    return Column(name, "weight", note, len(numbers) - len(given), type=str(kind), remarks=remarks), numbers


def require_weights(name: str, numbers: Floats, there: NDArray[np.bool_]) -> Floats:
    """The weights `[n]` of the rows `there` `[N]`; raises DataError for one that is not 0 or more, and if all are 0."""
    wrong = ~(np.isfinite(numbers) & (numbers >= 0)) & there
    if wrong.any():
        row = int(wrong.argmax())
        more = f" ({wrong.sum()} such rows)" if wrong.sum() > 1 else ""
        raise _no_weight(name, row, "none" if np.isnan(numbers[row]) else f"{numbers[row]:g}", more)
    weights = numbers[there]
    if not weights.any():
        raise DataError(
            f"data.weight: column '{name}' is 0 in all {len(weights)} rows; expected a number above 0 in some"
        )
    return weights


def _no_weight(name: str, row: int, found: str, more: str = "") -> DataError:
    return DataError(
        f"data.weight: column '{name}', row {row}, from 0: expected a number, 0 or more, found {found}{more}"
    )

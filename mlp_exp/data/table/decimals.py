"""Finds the decimal sign of a file, from all of its columns."""

import numpy as np
import pyarrow as pa

from mlp_exp.data.table.cleaning import clean_texts, is_text
from mlp_exp.data.table.columns import ColumnOptions
from mlp_exp.data.table.format import Format
from mlp_exp.data.table.forms import read_texts

DECIMAL_ROWS = 1000
"""Of a column of texts, in which decimal commas are looked for."""


def decimal_sign(content: pa.Table, options: ColumnOptions, format: Format) -> str:
    """A comma if the first numbers in texts of some column have decimal commas for certain; else a point."""
    for name in content.column_names:
        kind = content[name].type
        if is_text(kind) and not pa.types.is_dictionary(kind) and options.asked(name) in (None, "number"):
            reading = read_texts(clean_texts(content[name].slice(0, DECIMAL_ROWS), format), format, "number")
            if reading.decides and getattr(reading.form, "decimal", "") == ",":
                return ","
    return "."


def open_points(content: pa.Table, decimal: str) -> set[str]:
    """Columns of decimal numbers that may be thousands, as `1.234` and `950`, so that their texts have to be read.

    Where the file has decimal commas, those are all; else those in which whole hundreds show it. Columns that have
    decimal points for certain show that other columns of the file have them, too.
    """
    found, certain = {}, False
    for name in content.column_names:
        if pa.types.is_floating(content[name].type):
            numbers = np.abs(content[name].slice(0, DECIMAL_ROWS).drop_null().to_numpy())
            numbers = numbers[np.isfinite(numbers)]
            whole, has_three = numbers % 1 == 0, np.abs(numbers * 1000 - np.round(numbers * 1000)) < 1e-6
            is_open = len(numbers) > 0 and bool((whole | ((numbers >= 1) & (numbers < 1000) & has_three)).all())
            certain |= not is_open
            if is_open:
                found[name] = bool((whole & (numbers >= 100) & (numbers < 1000)).any())
    return {name for name, shown in found.items() if shown or (decimal == "," and not certain)}

"""How texts in a table are read: separator, decimal sign, encoding, missing values, dates."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import pyarrow as pa
from pyarrow import csv

MISSING = ("?", *csv.ConvertOptions().null_values)
"""Texts that stand for a missing value in any file, such as the empty text, ?, NA, NaN and null."""
DATE_FORMATS = (csv.ISO8601, "%Y/%m/%d", "%d.%m.%Y", "%Y/%m/%d %H:%M:%S", "%d.%m.%Y %H:%M:%S")
"""Unambiguous formats only: 01/02/2020 is in January for some and in February for others."""


@dataclass(frozen=True)
class Format:
    """How texts in a table are read.

    Attributes:
        separator: one character, between the fields of a CSV file.
        decimal: decimal sign, a point or a comma.
        missing: texts that stand for a missing value, in addition to `MISSING`.
    """

    separator: str
    decimal: str
    encoding: str
    missing: tuple[str, ...]

    @property
    def all_missing(self) -> list[str]:
        return sorted({*MISSING, *self.missing})

    @property
    def missing_numbers(self) -> list[float]:
        """The values in `missing` that are numbers; a numeric column may contain them."""
        numbers = []
        for text in self.missing:
            with suppress(ValueError):
                numbers.append(float(text))
        return numbers

    def conversion(self, kinds: Mapping[str, pa.DataType] | None = None) -> csv.ConvertOptions:
        """Arrow's options for CSV; `kinds` are types by column name, those of other columns are inferred."""
        return csv.ConvertOptions(
            null_values=self.all_missing,
            strings_can_be_null=True,
            timestamp_parsers=list(DATE_FORMATS),
            decimal_point=self.decimal,
            column_types=kinds,
        )

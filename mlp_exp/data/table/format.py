"""How texts in a table are to be read."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import pyarrow as pa
from pyarrow import csv

MISSING = ("?", *csv.ConvertOptions().null_values)
"""Texts that stand for a missing value in any file: the empty one, ?, NA, NaN, null and their like."""
DATE_FORMATS = (csv.ISO8601, "%Y/%m/%d", "%d.%m.%Y", "%Y/%m/%d %H:%M:%S", "%d.%m.%Y %H:%M:%S")
"""Those that cannot be mistaken for one another: 01/02/2020 is January to some and February to others."""


@dataclass(frozen=True)
class Format:
    """How texts are to be read.

    Attributes:
        missing: what stands for a missing value beside `MISSING`.
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
        """Those of the texts that are numbers, which a column may hold as such."""
        numbers = []
        for text in self.missing:
            with suppress(ValueError):
                numbers.append(float(text))
        return numbers

    def conversion(self, kinds: Mapping[str, pa.DataType] | None = None) -> csv.ConvertOptions:
        """How a CSV file is read; types of columns that are not given by their names are found."""
        return csv.ConvertOptions(
            null_values=self.all_missing,
            strings_can_be_null=True,
            timestamp_parsers=list(DATE_FORMATS),
            decimal_point=self.decimal,
            column_types=kinds,
        )

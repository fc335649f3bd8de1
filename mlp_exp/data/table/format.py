"""What the user has said about how a table is written: missing values, decimal sign, dates, encoding."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
from pyarrow import csv

MISSING = ("?", *csv.ConvertOptions().null_values)
"""Texts that stand for a missing value in any file, such as the empty text, ?, NA, NaN and null."""
UTF8 = "utf-8"


@dataclass(frozen=True)
class Format:
    """How texts in a table are read, as far as the user has said.

    Attributes:
        separator: one character, between the fields of a CSV file; None detects it.
        decimal: decimal sign of numbers in texts, a point or a comma; None finds it for each column.
        missing: texts that stand for a missing value, in addition to `MISSING`.
        keep_default_missing: whether those of `MISSING` do, too; the empty text always does.
        header: whether a CSV file begins with the names of its columns.
        dayfirst: whether 01/02/2020 is in February; None finds it for each column.
        date_format: of dates in texts, with the directives of strptime; None finds it for each column.
        skips_ragged_rows: whether rows with another number of fields than the header are left out.
    """

    separator: str | None = None
    decimal: str | None = None
    encoding: str = UTF8
    missing: tuple[str, ...] = ()
    keep_default_missing: bool = True
    header: bool = True
    dayfirst: bool | None = None
    date_format: str | None = None
    skips_ragged_rows: bool = False

    @property
    def all_missing(self) -> list[str]:
        default = MISSING if self.keep_default_missing else ("",)
        return sorted({*default, *self.missing})

    @property
    def missing_numbers(self) -> list[float]:
        """The values in `missing` that are numbers; a numeric column may contain them."""
        numbers = []
        for text in self.missing:
            with suppress(ValueError):
                numbers.append(float(text))
        return numbers

    @property
    def missing_days(self) -> list[int]:
        """The values in `missing` that are days, as 9999-12-31, since 1970; a column of dates may contain them."""
        days = []
        for text in self.missing:
            with suppress(ValueError):
                days.append((date.fromisoformat(text) - date(1970, 1, 1)).days)
        return days

    def conversion(self, kinds: Mapping[str, pa.DataType] | None = None) -> csv.ConvertOptions:
        """Arrow's options for CSV; `kinds` are types by column name, those of other columns are inferred.

        Missing values are marked in columns of other types than text; those of text are cleaned later.
        """
        return csv.ConvertOptions(
            null_values=self.all_missing,
            timestamp_parsers=[csv.ISO8601],
            decimal_point=self.decimal or ".",
            column_types=kinds,
        )

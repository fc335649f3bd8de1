"""Trims column names and texts, marks missing values, and finds types as Arrow does in a CSV file."""

import io
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv

from mlp_exp.data.table.dialect import look_like_values
from mlp_exp.data.table.format import Format
from mlp_exp.errors import DataError

UNTIDY = r"[^\x00-\x7F]|^\s|\s$|\s\s|[\t\n\r]"
"""What a text has that may change when it is cleaned."""


@dataclass(frozen=True)
class Texts:
    """A column of cleaned texts, each distinct one kept once.

    Attributes:
        codes: `[N]`, places in `distinct`; -1 where missing.
        distinct: in the order of their first rows.
        words: texts that were taken for missing values, other than the empty one, and in how many rows.
    """

    codes: NDArray[np.int32]
    distinct: pa.Array
    words: Mapping[str, int] = field(default_factory=dict)

    def column(self, values: pa.Array | None = None) -> pa.ChunkedArray:
        """The column of the texts, or of these values of the distinct ones."""
        values = self.distinct if values is None else values
        return pa.chunked_array([values.take(pa.array(self.codes, mask=self.codes < 0))])

    @property
    def counts(self) -> NDArray[np.int64]:
        """In how many rows each distinct text stands."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.distinct))


def clean_texts(column: pa.ChunkedArray, format: Format) -> Texts:
    """Texts in one Unicode form (NFC), without blanks around them and with one blank within, and the missing values.

    The column may hold texts, or categories that the file declares.
    """
    found = column if pa.types.is_dictionary(column.type) else pc.cast(column, pa.string())
    found = found.combine_chunks()
    if not pa.types.is_dictionary(found.type):
        found = found.dictionary_encode()
    codes = found.indices.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
    distinct = pc.cast(found.dictionary, pa.string())
    tidy = _tidy(distinct)
    is_missing = pc.is_in(tidy, pa.array(format.all_missing, pa.string())).to_numpy(zero_copy_only=False)
    counts = np.bincount(codes[codes >= 0], minlength=len(tidy))
    words = {tidy[at].as_py(): int(counts[at]) for at in np.flatnonzero(is_missing & (counts > 0)).tolist()}
    words.pop("", None)
    again = pc.if_else(pa.array(is_missing), pa.scalar(None, pa.string()), tidy).dictionary_encode()
    places = again.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    used = np.append(places, -1)[codes].astype(np.int32)
    return Texts(used, again.dictionary, words)


def _tidy(texts: pa.Array) -> pa.Array:
    if not pc.any(pc.match_substring_regex(texts, UNTIDY)).as_py():
        return texts
    # Arrow's utf8_normalize decomposes for NFC, too
    composed = pa.array([unicodedata.normalize("NFC", text) for text in texts.to_pylist()], pa.string())
    return pc.utf8_trim_whitespace(pc.replace_substring_regex(composed, r"[\s\pZ]+", " "))


def is_text(kind: pa.DataType) -> bool:
    """Whether a column of this type holds texts, or categories that the file declares."""
    checks = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_dictionary)
    return any(check(kind) for check in checks)


def mask_numbers(column: pa.ChunkedArray, missing: Sequence[float]) -> pa.ChunkedArray:
    """A numeric column with null for these numbers; any other column unchanged."""
    kind = column.type
    if not missing or not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return column
    is_missing = pc.is_in(pc.cast(column, pa.float64(), safe=False), pa.array(missing))
    return pc.if_else(is_missing, pa.scalar(None, kind), column)


def mask_dates(column: pa.ChunkedArray, missing: Sequence[int]) -> pa.ChunkedArray:
    """A column of dates with null for these days since 1970; any other column unchanged."""
    kind = column.type
    if not missing or not (pa.types.is_date(kind) or pa.types.is_timestamp(kind)):
        return column
    days = pc.cast(pc.cast(column, pa.date32(), safe=False), pa.int32())
    return pc.if_else(pc.is_in(days, pa.array(missing, pa.int32())), pa.scalar(None, kind), column)


def clean_names(names: Sequence[str]) -> list[str]:
    """Trimmed names on one line; an empty name becomes `column <index>`, counted from 0."""
    tidy = [" ".join(unicodedata.normalize("NFC", name).split()) for name in names]
    return [name or f"column {index}" for index, name in enumerate(tidy)]


def infer_types(texts: pa.Array, format: Format) -> pa.Array:
    """Texts as Arrow would read them in a column of a CSV file: numbers, booleans, dates, times, or as they are."""
    buffer = io.BytesIO()
    csv.write_csv(pa.table([texts], names=["0"]), buffer)
    reading = csv.ReadOptions(block_size=buffer.tell() + 1)  # a row has to fit into a block
    buffer.seek(0)
    parsing = csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False)
    return csv.read_csv(buffer, reading, parsing, format.conversion()).column(0).combine_chunks()


def check_names(names: Sequence[str], path: str) -> None:
    """Raises DataError if two columns have the same name."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        hint = "; if they are values, and the file has no header: data.header=false" if look_like_values(names) else ""
        places = [index for index, name in enumerate(names) if name == twice[0]]
        raise DataError(
            f"data.path: '{path}': the name '{twice[0]}' is given to {len(places)} columns "
            f"({', '.join(map(str, places))}, from 0); give each its own{hint}"
        )

"""Tables in every form of file, and the datasets that they give."""

import csv
import datetime as dt
import gzip
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from mlp_exp.data.dataset import Dataset
from support.project import QUICK_TABLE

Columns = Mapping[str, Sequence[Any]]
TINY = (*QUICK_TABLE, "baselines=none", "trainer.epochs=1", "trainer.device=cpu")
ROWS = 40
SEPARATORS = {"table.csv": ",", "table.csv.gz": ",", "semicolon.csv": ";", "tab.tsv": "\t", "bar.txt": "|"}


def some(values: Sequence[Any], rows: int = ROWS, seed: int = 0) -> list[Any]:
    """Values in random order, each of them at least once, none in runs that could count rows."""
    draw = np.random.default_rng(seed)
    return [values[index] for index in draw.permutation(np.arange(rows) % len(values))]


def mixed() -> Columns:
    """A column of each kind, as Python values, with gaps."""
    day = dt.date(2019, 12, 28)
    return {
        "weight": [None if row % 9 == 4 else row * 7 % 40 / 8 for row in range(ROWS)],
        "rooms": some([1, 2, 3, 5]),
        "colour": [None if row % 13 == 5 else value for row, value in enumerate(some(["red", "green", "blue"]))],
        "bought": [None if row == 3 else day + dt.timedelta(days=row * 11) for row in range(ROWS)],
        "seen": [dt.datetime(2020, 3, 1, 6, 30) + dt.timedelta(hours=row * 7) for row in range(ROWS)],
        "sold": some([True, False], seed=1),
        "mood": some(["good", "bad"], seed=2),
    }


def as_text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def csv_bytes(columns: Columns, separator: str = ",", encoding: str = "utf-8") -> bytes:
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=separator, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([as_text(value) for value in row] for row in zip(*columns.values(), strict=True))
    return buffer.getvalue().encode(encoding)


def write(columns: Columns, path: Path) -> str:
    """Writes the form that the name says; gives the path as text."""
    if path.suffix == ".parquet":
        parquet.write_table(pa.table({name: pa.array(values) for name, values in columns.items()}), path)
    else:
        content = csv_bytes(columns, SEPARATORS.get(path.name, ","))
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return str(path)


def assert_same(one: Dataset, other: Dataset) -> None:
    """Equal to the last bit in all that a run sees of them."""
    np.testing.assert_array_equal(one.features, other.features)
    np.testing.assert_array_equal(one.target, other.target)
    assert [(c.name, c.codes.tolist(), c.texts) for c in one.categories] == [
        (c.name, c.codes.tolist(), c.texts) for c in other.categories
    ]
    assert [(c.name, c.values.tolist()) for c in one.texts] == [(c.name, c.values.tolist()) for c in other.texts]
    for name in ("feature_names", "class_names", "target_name", "columns"):
        assert getattr(one, name) == getattr(other, name)
    np.testing.assert_array_equal(one.source_rows, other.source_rows)


def kinds(dataset: Dataset) -> dict[str, str]:
    return {column.name: column.kind for column in dataset.columns}

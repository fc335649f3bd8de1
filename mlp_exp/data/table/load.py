"""Any CSV or Parquet file as a dataset: `data=table data.path=FILE data.target=COLUMN`."""

import logging
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlp_exp.data.dataset import Category, Column, Dataset, TextColumn
from mlp_exp.data.splits.base import Split
from mlp_exp.data.table.columns import ColumnOptions, find_column, infer_column, numeric_features
from mlp_exp.data.table.file import Opener, open_binary
from mlp_exp.data.table.reading import column_names, read_table
from mlp_exp.data.table.target import TaskChoice, read_target
from mlp_exp.data.table.texts import as_texts
from mlp_exp.data.table.values import category_codes, decode, type_family
from mlp_exp.errors import DataError

log = logging.getLogger(__name__)

SMALL_FILE = 1_000_000
"""Bytes of a file that may be read twice."""


def table(
    path: str,
    target: str | int,
    task: TaskChoice = "auto",
    numeric: Sequence[str | int] = (),
    categorical: Sequence[str | int] = (),
    drop: Sequence[str | int] = (),
    text: Sequence[str | int] = (),
    missing: Sequence[str | float] = (),
    separator: str | None = None,
    decimal: str = ".",
    encoding: str = "utf-8",
    split: Split | None = None,
    open_file: Opener = open_binary,
) -> Dataset:
    """The dataset in a CSV or Parquet file. Kinds of columns and the task are inferred where they are not given.

    Args:
        target: name of the column to predict; rows without a target are left out.
        task: `auto` infers it from the target.
        numeric, categorical, drop, text: names of columns that are numbers, categories, no features, texts.
        missing, separator, decimal, encoding, open_file: see `read_table`.
        split: a split by a column gets that column in `Dataset.aside`.

    Raises:
        DataError: the file is not a table, or a column cannot be used as asked.
    """
    content = read_table(path, separator, decimal, encoding, [str(text) for text in missing], open_file)
    names = content.column_names
    log.info("%s: %d rows of %d columns", path, len(content), len(names))
    target = str(target)
    with _path_in_messages(path):
        options = _column_options(names, target, numeric, categorical, drop, text)
        values, there, class_names = read_target(target, content[target], task)
        columns = [_infer(name, content[name], options, split) for name in names if name != target]
        features = _numbers(content, columns, there)
        categories = []
        for name in (column.name for column in columns if column.kind == "category"):
            codes, texts = category_codes(name, content[name], "data.path")
            categories.append(Category(name, codes[there], texts))
        text_columns = [TextColumn(c.name, as_texts(content[c.name])[there]) for c in columns if c.kind == "text"]
        feature_names = tuple(name for column in columns for name in column.number_names)
        _check_features(columns, feature_names, target)
        aside = _aside(content, split, there)
    if len(values) < len(there):
        log.info("%d of %d rows have no %s and are left out", len(there) - len(values), len(there), target)
    return Dataset(
        features=features,
        target=values,
        feature_names=feature_names,
        class_names=class_names,
        target_name=target,
        target_type=str(content[target].type),
        categories=tuple(categories),
        texts=tuple(text_columns),
        columns=tuple(columns),
        kept=None if there.all() else there,
        unlabelled=len(there) - len(values),
        aside=aside,
    )


def check_columns(
    path: str,
    target: str | int,
    numeric: Sequence[str | int] = (),
    categorical: Sequence[str | int] = (),
    drop: Sequence[str | int] = (),
    text: Sequence[str | int] = (),
    separator: str | None = None,
    encoding: str = "utf-8",
    split_column: str | int | None = None,
) -> None:
    """Raises the error of `table` for a file that is no table or lacks a column, but reads small files alone.

    It takes milliseconds, and so comes before torch is imported.
    """
    file = Path(path).expanduser()
    if os.path.isfile(file) and file.stat().st_size > SMALL_FILE:
        return
    names = column_names(path, separator, encoding)
    with _path_in_messages(path):
        _column_options(names, str(target), numeric, categorical, drop, text)
        if split_column is not None:
            find_column(str(split_column), names, "split.column")


def _column_options(names: Sequence[str], target: str, *listed: Sequence[str | int]) -> ColumnOptions:
    """What the user has said of columns, in the order of `ColumnOptions`; DataError if one is missing."""
    options = ColumnOptions(*([str(name) for name in each] for each in listed))
    options.check(names, find_column(target, names, "data.target"))
    return options


@contextmanager
def _path_in_messages(path: str) -> Iterator[None]:
    """Adds the path to messages about the content."""
    try:
        yield
    except DataError as error:
        key, _, text = str(error).partition(": ")
        raise DataError(f"{key}: '{path}': {text}") from error


def _check_features(columns: Sequence[Column], feature_names: Sequence[str], target: str) -> None:
    """Raises DataError if there is no feature, or two have the same name."""
    used = [*feature_names, *(column.name for column in columns if column.kind in ("category", "text"))]
    if not used:
        left_out = "; ".join(f"{column.name}: {column.note or column.kind}" for column in columns)
        raise DataError(f"data.path: there is no feature apart from the target '{target}'. {left_out}".rstrip())
    repeated = next((name for name, count in Counter(used).items() if count > 1), None)
    if repeated:
        raise DataError(
            f"data.path: column '{repeated}' has the name of a number that is made of a date; rename it, or leave it "
            f"out: data.drop=['{repeated}']"
        )


def _infer(name: str, values: pa.ChunkedArray, options: ColumnOptions, split: Split | None) -> Column:
    if split and name == split.aside and not split.aside_is_feature:
        column = Column(name, "for the split")
    else:
        column = infer_column(name, values, options)
    return replace(column, type=str(values.type))


def _numbers(content: pa.Table, columns: Sequence[Column], there: NDArray[np.bool_]) -> NDArray[np.float64]:
    """All numeric features `[N, F]` of the rows that have a target."""
    shape = int(there.sum()), sum(len(column.number_names) for column in columns)
    features = np.empty(shape, order="F")  # written and read column by column
    place = 0
    for column in columns:
        if column.number_names:
            for numbers in numeric_features(column, content[column.name]):
                features[:, place] = numbers[there]
                place += 1
    return features


def _aside(content: pa.Table, split: Split | None, there: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
    """The column that the split uses: numbers, dates or texts, none of them missing."""
    if split is None or split.aside is None:
        return {}
    name = find_column(split.aside, content.column_names, "split.column")
    values = decode(content[name])
    if type_family(values.type) is None:
        raise DataError(f"split.column: '{name}' holds {values.type}; expected numbers, dates or texts")
    gaps = pc.is_null(values, nan_is_null=True).to_numpy().astype(bool) & there
    if gaps.any():
        raise DataError(f"split.column: '{name}' is missing in {gaps.sum()} rows, first in row {gaps.argmax()}")
    return {name: values.to_numpy()[there]}

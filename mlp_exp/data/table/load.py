"""Any CSV or Parquet file as a dataset: `data=table data.path=FILE data.target=COLUMN`."""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlp_exp.data.dataset import Category, Column, Dataset
from mlp_exp.data.splits.base import Split
from mlp_exp.data.table.columns import Wishes, decide, find, numbers_of
from mlp_exp.data.table.reading import read_table
from mlp_exp.data.table.source import Opener, open_plainly
from mlp_exp.data.table.target import TaskChoice, read_target
from mlp_exp.data.table.values import codes_of, family_of, plain
from mlp_exp.errors import DataError

log = logging.getLogger(__name__)


def table(
    path: str,
    target: str | int,
    task: TaskChoice = "auto",
    numeric: Sequence[str | int] = (),
    categorical: Sequence[str | int] = (),
    drop: Sequence[str | int] = (),
    missing: Sequence[str | float] = (),
    separator: str | None = None,
    decimal: str = ".",
    encoding: str = "utf-8",
    split: Split | None = None,
    open_file: Opener = open_plainly,
) -> Dataset:
    """The dataset in a file. What is not said of a column or of the task is found out.

    Args:
        task: what the target asks for.
        numeric, categorical, drop: names of columns that are numbers, are categories, are no features.
        missing, separator, decimal, encoding: see `read_table`.
        split: its column is kept aside for it.
        open_file: opens the file.

    Raises:
        DataError: the file is no table, or a column cannot be used as asked.
    """
    content = read_table(path, separator, decimal, encoding, [str(text) for text in missing], open_file)
    names = content.column_names
    log.info("%s: %d rows of %d columns", path, len(content), len(names))
    target = str(target)
    wishes = Wishes(*([str(name) for name in listed] for listed in (numeric, categorical, drop)))
    with _naming(path):
        wishes.check(names, find(target, names, "data.target"))
        values, there, class_names = read_target(target, content[target], task)
        columns = [_decide(name, content[name], wishes, split) for name in names if name != target]
        features = _numbers(content, columns, there)
        categories = [_category(c.name, content[c.name], there) for c in columns if c.kind == "category"]
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
        columns=tuple(columns),
        kept=None if there.all() else there,
        aside=aside,
    )


@contextmanager
def _naming(path: str) -> Iterator[None]:
    """Puts the file into messages on what it holds."""
    try:
        yield
    except DataError as error:
        key, _, text = str(error).partition(": ")
        raise DataError(f"{key}: '{path}': {text}") from error


def _check_features(columns: Sequence[Column], feature_names: Sequence[str], target: str) -> None:
    """Raises DataError if no feature is left, or two have one name."""
    used = [*feature_names, *(column.name for column in columns if column.kind == "category")]
    if not used:
        left_out = "; ".join(f"{column.name}: {column.note or column.kind}" for column in columns)
        raise DataError(f"data.path: there is no feature beside the target '{target}'. {left_out}".rstrip())
    twice = next((name for name, count in Counter(used).items() if count > 1), None)
    if twice:
        raise DataError(
            f"data.path: column '{twice}' has the name of a number that is made of a date; rename it, or leave it out: "
            f"data.drop=['{twice}']"
        )


def _decide(name: str, values: pa.ChunkedArray, wishes: Wishes, split: Split | None) -> Column:
    if split and name == split.aside and not split.aside_is_feature:
        return Column(name, "for the split", type=str(values.type))
    return decide(name, values, wishes)


def _numbers(content: pa.Table, columns: Sequence[Column], there: NDArray[np.bool_]) -> NDArray[np.float64]:
    """All numeric features of the rows that have a target, `[N, F]`."""
    shape = int(there.sum()), sum(len(column.number_names) for column in columns)
    features = np.empty(shape, order="F")  # it is filled and read by columns
    place = 0
    for column in columns:
        if column.number_names:
            for numbers in numbers_of(column, content[column.name]):
                features[:, place] = numbers[there]
                place += 1
    return features


def _category(name: str, values: pa.ChunkedArray, there: NDArray[np.bool_]) -> Category:
    codes, texts = codes_of(name, values, "data.path")
    return Category(name, codes[there], texts)


def _aside(content: pa.Table, split: Split | None, there: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
    """The split's column, of numbers, dates or texts; none may be missing."""
    if split is None or split.aside is None:
        return {}
    name = find(split.aside, content.column_names, "split.column")
    values = plain(content[name])
    if family_of(values.type) is None:
        raise DataError(f"split.column: '{name}' holds {values.type}; expected numbers, dates or texts")
    gaps = pc.is_null(values, nan_is_null=True).to_numpy().astype(bool) & there
    if gaps.any():
        raise DataError(f"split.column: '{name}' is missing in {gaps.sum()} rows, first in row {gaps.argmax()}")
    return {name: values.to_numpy()[there]}

"""Any CSV or Parquet file as a dataset: `data=table data.path=FILE data.target=COLUMN`."""

import logging
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlp_exp.config.words import advice
from mlp_exp.data.dataset import Category, Column, Dataset, TextColumn
from mlp_exp.data.splits.base import Split
from mlp_exp.data.table.cleaning import clean_texts, is_text
from mlp_exp.data.table.columns import ColumnOptions, Decided, as_texts, decide, named, numeric_features
from mlp_exp.data.table.dates import check_date_format
from mlp_exp.data.table.decimals import decimal_sign, open_points
from mlp_exp.data.table.file import Opener, open_native
from mlp_exp.data.table.find_column import find_column, quoted
from mlp_exp.data.table.format import Format
from mlp_exp.data.table.forms import read_texts
from mlp_exp.data.table.problems import ColumnError, report
from mlp_exp.data.table.reading import column_names, leading_zeros, pandas_index, read_table
from mlp_exp.data.table.target import ReadTarget, TaskChoice, read_target
from mlp_exp.data.table.targets import TargetOptions, Targets, make_targets, roles
from mlp_exp.data.table.values import Floats, category_codes, type_family
from mlp_exp.data.table.weights import read_weights, require_weights
from mlp_exp.errors import DataError, counted

log = logging.getLogger(__name__)

SMALL_FILE = 1_000_000
"""Bytes of a file that may be read twice."""
Name = str | int
Names = Sequence[Name]


@dataclass(frozen=True)
class _Asked:
    """What the user has said of a table."""

    format: Format
    options: ColumnOptions
    targets: TargetOptions
    weight: str | None
    split: Split | None


@dataclass(frozen=True)
class _Found:
    """What was decided about the columns of a table; `weights` are `[N]`, NaN where missing."""

    columns: Sequence[Decided]
    targets: Targets
    weights: Floats | None


def table(
    path: str | Sequence[str],
    target: Name | Names,
    task: TaskChoice = "auto",
    order: Sequence[str | float] | None = None,
    weight: Name | None = None,
    columns: Names | None = None,
    numeric: Names = (),
    categorical: Names = (),
    dates: Names = (),
    text: Names = (),
    drop: Names = (),
    missing: Sequence[str | float] = (),
    keep_default_missing: bool = True,
    dayfirst: bool | None = None,
    date_format: str | None = None,
    separator: str | None = None,
    decimal: str | None = None,
    encoding: str = "utf-8",
    header: bool = True,
    ragged_rows: str = "error",
    split: Split | None = None,
    open_file: Opener = open_native,
) -> Dataset:
    """The dataset in a CSV or Parquet file. Kinds of columns and the task are inferred where they are not given.

    Args:
        path: a file, several with the same columns, or a folder of Parquet files.
        target: name of the column to predict, or of several; rows that lack one are left out.
        task: `auto` infers it from the target.
        order: classes of an ordinal target, the lowest first; None for the order of numbers.
        weight: name of the column that says how much each row counts; None if all count the same.
        columns: names of the only columns that are features; None for all.
        numeric, categorical, dates, text, drop: names of columns that are numbers, are categories, are dates, are texts
            to be read, are no features.
        missing, keep_default_missing, dayfirst, date_format, separator, decimal, encoding, header: see `Format`.
        ragged_rows: `skip` leaves out rows with another number of fields than the header, `error` does not.
        split: a split by a column gets that column in `Dataset.aside`.
        open_file: see `read_table`.

    Raises:
        DataError: the file is not a table, or a column cannot be used as asked.
    """
    words = tuple(str(text) for text in missing)
    format = Format(
        separator, decimal, encoding, words, keep_default_missing, header, dayfirst, date_format, ragged_rows == "skip"
    )
    if date_format is not None and (wrong := check_date_format(date_format)):
        raise DataError(f"data.date_format: '{date_format}': {wrong}; expected one as '%d.%m.%Y %H:%M'")
    options = _options(columns, numeric, categorical, dates, drop, text)
    predefined = split is not None and split.predefined
    targets = TargetOptions(_names(target), task, None if order is None else tuple(map(str, order)), predefined)
    targets.check()
    return _read(path, _Asked(format, options, targets, _name(weight), split), open_file)


def _read(path: str | Sequence[str], asked: _Asked, open_file: Opener) -> Dataset:
    format, options = asked.format, asked.options
    texts = {*options.categorical, *options.dates, *options.text, *asked.targets.texts}
    content = read_table(path, format, texts, open_file)
    shown = shown_path(path)
    log.info("%s: %s of %s", shown, counted(len(content), "row"), counted(content.num_columns, "column"))
    with _path_in_messages(shown):
        options.check(content.column_names, roles(asked.targets.names, asked.weight, content.column_names))
        decimal = format.decimal or decimal_sign(content, options, format)
        doubtful = leading_zeros(path, format, content) | (set() if format.decimal else open_points(content, decimal))
        if doubtful:
            content = read_table(path, format, {*texts, *doubtful}, open_file)
        return _dataset(content, asked, _decide(content, asked, decimal))


def check_columns(
    path: str | Sequence[str],
    target: Name | Names,
    columns: Names | None = None,
    numeric: Names = (),
    categorical: Names = (),
    dates: Names = (),
    text: Names = (),
    drop: Names = (),
    separator: str | None = None,
    encoding: str = "utf-8",
    header: bool = True,
    weight: Name | None = None,
    split_column: Name | None = None,
) -> None:
    """Raises the error of `table` for a file that is no table or lacks a column, but reads small files alone.

    It takes milliseconds, and so comes before torch is imported.
    """
    file = Path(path).expanduser() if isinstance(path, str) else None
    if file is None or (os.path.isfile(file) and file.stat().st_size > SMALL_FILE):
        return
    names = column_names(path, Format(separator, encoding=encoding, header=header))
    with _path_in_messages(shown_path(path)):
        options = _options(columns, numeric, categorical, dates, drop, text)
        options.check(names, roles(_names(target), _name(weight), names))
        if split_column is not None:
            find_column(named([split_column])[0], names, "split.column")


def _names(target: Name | Names) -> tuple[str, ...]:
    return tuple(named([target] if isinstance(target, str | int) else target))


def _name(column: Name | None) -> str | None:
    return None if column is None else named([column])[0]


def _options(columns: Names | None, *listed: Names) -> ColumnOptions:
    """What the user has said of columns: the only ones, and the other lists in the order of `ColumnOptions`."""
    numeric, categorical, dates, drop, text = map(named, listed)
    return ColumnOptions(numeric, categorical, dates, drop, text, None if columns is None else named(columns))


def shown_path(path: str | Sequence[str]) -> str:
    """A path for messages; of several the first and how many more."""
    if isinstance(path, str):
        return path
    return f"{path[0]} and {len(path) - 1} more" if len(path) > 1 else path[0]


@contextmanager
def _path_in_messages(path: str) -> Iterator[None]:
    """Adds the path to messages about the content."""
    try:
        yield
    except DataError as error:
        key, _, text = str(error).partition(": ")
        raise DataError(f"{key}: '{path}': {text}") from error


def _decide(content: pa.Table, asked: _Asked, decimal: str) -> _Found:
    """What each column is, and the targets; DataError for all columns that cannot be used together."""
    index, options, format, split = pandas_index(content), asked.options, asked.format, asked.split
    problems: list[ColumnError] = []
    decided: list[Decided] = []
    found: dict[str, ReadTarget] = {}
    weights = None
    for name in content.column_names:
        values = content[name]
        try:
            if name in asked.targets.names:
                found[name] = read_target(name, values, asked.targets.task, format, decimal)
            elif name == asked.weight:
                column, weights = read_weights(name, values, format, decimal)
                decided.append(Decided(column))
            elif split and name == split.aside and not split.aside_is_feature:
                decided.append(Decided(Column(name, "for the split", type=str(values.type))))
            elif name in index and options.asked(name) is None and name not in (options.columns or ()):
                decided.append(Decided(Column(name, "left out", "the index of a pandas data frame")))
            else:
                decided.append(decide(name, values, options, format, decimal))
        except ColumnError as problem:
            problems.append(problem)
    if problems:
        raise report(
            problems,
            {"data.missing": format.missing, "data.drop": options.drop, "data.categorical": options.categorical},
        )
    return _Found(decided, make_targets(found, asked.targets), weights)


def _dataset(content: pa.Table, asked: _Asked, found: _Found) -> Dataset:
    targets, there = found.targets, found.targets.there
    columns = [each.column for each in found.columns]
    features = _numbers(found.columns, there)
    categories = []
    for column, values in ((each.column, each.values) for each in found.columns if each.column.kind == "category"):
        codes, texts = category_codes(column.name, values, "data.path")
        categories.append(Category(column.name, codes[there], texts))
    feature_names = tuple(name for column in columns for name in column.number_names)
    _check_features(columns, feature_names, asked.targets.names)
    for remark in targets.remarks:
        log.info("%s", remark)
    read = [(each.column.name, as_texts(each.values)[there]) for each in found.columns if each.column.kind == "text"]
    return Dataset(
        features=features,
        target=targets.values,
        feature_names=feature_names,
        targets=targets.columns,
        ordered=targets.ordered,
        weights=None if found.weights is None else require_weights(str(asked.weight), found.weights, there),
        categories=tuple(categories),
        texts=tuple(TextColumn(*each) for each in read),
        columns=tuple(columns),
        kept=None if there.all() else there,
        unlabelled=len(there) - int(there.sum()),
        aside=_aside(content, asked.split, there, asked.format),
    )


def _check_features(columns: Sequence[Column], feature_names: Sequence[str], targets: Sequence[str]) -> None:
    """Raises DataError if there is no feature, or two have the same name."""
    used = [*feature_names, *(column.name for column in columns if column.kind in ("category", "text"))]
    if not used:
        left_out = "; ".join(f"{c.name}: {c.note if c.kind == 'left out' else c.kind}" for c in columns)
        named = f"the target{'' if len(targets) == 1 else 's'} {quoted(targets)}"
        raise DataError(f"data.path: there is no feature apart from {named}. {left_out}".rstrip())
    repeated = next((name for name, count in Counter(used).items() if count > 1), None)
    if repeated:
        raise DataError(
            f"data.path: column '{repeated}' has the name of a number that is made of a date; rename it, or leave it "
            f"out: {advice({'data.drop': [repeated]})}"
        )


def _numbers(decided: Sequence[Decided], there: NDArray[np.bool_]) -> NDArray[np.float64]:
    """All numeric features `[N, F]` of the rows that have a target."""
    shape = int(there.sum()), sum(len(each.column.number_names) for each in decided)
    features = np.empty(shape, order="F")  # written and read column by column
    place = 0
    for each in decided:
        if each.column.number_names:
            for numbers in numeric_features(each.column, each.values):
                features[:, place] = numbers[there]
                place += 1
    return features


def _aside(
    content: pa.Table, split: Split | None, there: NDArray[np.bool_], format: Format
) -> Mapping[str, NDArray[Any]]:
    """The column that the split uses: numbers, dates or texts, none of them missing."""
    if split is None or split.aside is None:
        return {}
    name = find_column(named([split.aside])[0], content.column_names, "split.column")
    values = content[name]
    if is_text(values.type):
        values = read_texts(clean_texts(values, format), format).values
    if type_family(values.type) is None:
        raise DataError(f"split.column: '{name}' holds {values.type}; expected numbers, dates or texts")
    gaps = pc.is_null(values, nan_is_null=True).to_numpy().astype(bool) & there
    if count := int(gaps.sum()):
        first = f"first in row {gaps.argmax()}, from 0"
        raise DataError(f"split.column: '{name}' is missing in {counted(count, 'row')}, {first}")
    return {split.aside: values.to_numpy()[there]}

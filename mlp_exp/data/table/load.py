"""Any CSV or Parquet file as a dataset: `data=table data.path=FILE data.target=COLUMN`."""

import logging
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlp_exp.data.dataset import Category, Column, Dataset, TextColumn
from mlp_exp.data.splits.base import Split
from mlp_exp.data.table.cleaning import clean_texts, is_text
from mlp_exp.data.table.columns import ColumnOptions, Decided, as_texts, decide, find_column, named, numeric_features
from mlp_exp.data.table.dates import check_date_format
from mlp_exp.data.table.file import Opener, open_native
from mlp_exp.data.table.format import Format
from mlp_exp.data.table.forms import read_texts
from mlp_exp.data.table.problems import ColumnError, report
from mlp_exp.data.table.reading import column_names, pandas_index, read_table
from mlp_exp.data.table.target import Target, TaskChoice, read_target
from mlp_exp.data.table.values import category_codes, type_family
from mlp_exp.errors import DataError

log = logging.getLogger(__name__)

SMALL_FILE = 1_000_000
"""Bytes of a file that may be read twice."""
DECIMAL_ROWS = 1000
"""Of a column of texts, in which decimal commas are looked for."""
Names = Sequence[str | int]


def table(
    path: str | Sequence[str],
    target: str | int,
    task: TaskChoice = "auto",
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
        target: name of the column to predict; rows without a target are left out.
        task: `auto` infers it from the target.
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
    wanted = named([target])[0]
    options = _options(columns, numeric, categorical, dates, drop, text)
    texts = {*options.categorical, *options.dates, *options.text}
    texts |= {wanted} if task not in ("auto", "regression") else set()
    content = read_table(path, format, texts, open_file)
    shown = shown_path(path)
    log.info("%s: %d rows of %d columns", shown, len(content), content.num_columns)
    with _path_in_messages(shown):
        options.check(content.column_names, find_column(wanted, content.column_names, "data.target"))
        decimal = format.decimal or _decimal(content, options, format)
        points = set() if format.decimal else _open_points(content, decimal)
        if points:
            content = read_table(path, format, {*texts, *points}, open_file)
        decided, found = _decide(content, wanted, task, options, format, decimal, split)
        return _dataset(content, wanted, decided, found, format, split)


def check_columns(
    path: str | Sequence[str],
    target: str | int,
    columns: Names | None = None,
    numeric: Names = (),
    categorical: Names = (),
    dates: Names = (),
    text: Names = (),
    drop: Names = (),
    separator: str | None = None,
    encoding: str = "utf-8",
    header: bool = True,
    split_column: str | int | None = None,
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
        options.check(names, find_column(named([target])[0], names, "data.target"))
        if split_column is not None:
            find_column(named([split_column])[0], names, "split.column")


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


def _decimal(content: pa.Table, options: ColumnOptions, format: Format) -> str:
    """A comma if the first numbers in texts of some column have decimal commas for certain; else a point."""
    for name in content.column_names:
        kind = content[name].type
        if is_text(kind) and not pa.types.is_dictionary(kind) and options.asked(name) in (None, "number"):
            reading = read_texts(clean_texts(content[name].slice(0, DECIMAL_ROWS), format), format, "number")
            if reading.decides and getattr(reading.form, "decimal", "") == ",":
                return ","
    return "."


def _open_points(content: pa.Table, decimal: str) -> set[str]:
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


def _decide(
    content: pa.Table,
    target: str,
    task: TaskChoice,
    options: ColumnOptions,
    format: Format,
    decimal: str,
    split: Split | None,
) -> tuple[list[Decided], Target]:
    """What each column is, and the target; DataError for all columns that cannot be used together."""
    index = pandas_index(content)
    problems: list[ColumnError] = []
    decided: list[Decided] = []
    found: Target | None = None
    for name in content.column_names:
        values = content[name]
        try:
            if name == target:
                found = read_target(name, values, task, format, decimal)
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
    assert found
    return decided, found


def _dataset(
    content: pa.Table,
    target: str,
    decided: Sequence[Decided],
    found: Target,
    format: Format,
    split: Split | None,
) -> Dataset:
    there = found.there
    columns = [each.column for each in decided]
    features = _numbers(decided, there)
    categories = []
    for column, values in ((each.column, each.values) for each in decided if each.column.kind == "category"):
        codes, texts = category_codes(column.name, values, "data.path")
        categories.append(Category(column.name, codes[there], texts))
    feature_names = tuple(name for column in columns for name in column.number_names)
    _check_features(columns, feature_names, target)
    for remark in found.remarks:
        log.info("%s: %s", target, remark)
    if len(found.values) < len(there):
        log.info("%d of %d rows have no %s and are left out", len(there) - len(found.values), len(there), target)
    return Dataset(
        features=features,
        target=found.values,
        feature_names=feature_names,
        class_names=found.class_names,
        target_name=target,
        target_type=found.type,
        target_form=found.form,
        categories=tuple(categories),
        texts=tuple(TextColumn(e.column.name, as_texts(e.values)[there]) for e in decided if e.column.kind == "text"),
        columns=tuple(columns),
        kept=None if there.all() else there,
        unlabelled=len(there) - len(found.values),
        aside=_aside(content, split, there, format),
    )


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
    if gaps.any():
        raise DataError(f"split.column: '{name}' is missing in {gaps.sum()} rows, first in row {gaps.argmax()}")
    return {split.aside: values.to_numpy()[there]}

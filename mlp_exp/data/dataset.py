"""A table of numbers and categories with a target."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlp_exp.errors import DataError

if TYPE_CHECKING:  # they import Arrow, which runs without a table do not need
    from mlp_exp.data.table.dates import DateForm
    from mlp_exp.data.table.numbers import NumberForm

BLOCK_ROWS = 65_536

TaskName = Literal["binary", "multiclass", "ordinal", "multilabel", "regression"]
Kind = Literal["number", "boolean", "date", "category", "text", "left out", "for the split"]


def task_of(n_classes: int) -> TaskName:
    """The task of a target with so many classes, 0 for values."""
    if not n_classes:
        return "regression"
    return "binary" if n_classes == 2 else "multiclass"


@dataclass(frozen=True)
class Column:
    """What was inferred about a column of a table.

    Attributes:
        note: why it is left out, or a summary of its values.
        remarks: what a user should know about how it was read; not compared.
        missing: number of rows without a value.
        parts: of a date, cyclic features in addition to the day: `year`, `weekday`, `hour`.
        type: Arrow's name of the type that it was read as.
        form: how its numbers or dates are written in texts; texts to be predicted are parsed as this form. Like the
            type it is not compared: the same column may have others in another file.
    """

    name: str
    kind: Kind
    note: str = ""
    missing: int = 0
    parts: tuple[str, ...] = ()
    type: str = field(default="", compare=False)
    form: "NumberForm | DateForm | None" = field(default=None, compare=False)
    remarks: tuple[str, ...] = field(default=(), compare=False)

    @property
    def number_names(self) -> tuple[str, ...]:
        """Names of the numeric features made from it."""
        if self.kind not in ("number", "boolean", "date"):
            return ()
        return (self.name, *(f"{self.name} ({part} {wave})" for part in self.parts for wave in ("sin", "cos")))


@dataclass(frozen=True)
class Category:
    """A categorical feature; its codes `[N]` point into its texts, and are -1 where missing."""

    name: str
    codes: NDArray[np.int32]
    texts: tuple[str, ...]


@dataclass(frozen=True)
class TextColumn:
    """A feature that is a text in each row: `[N]` objects of type `str`, empty where missing."""

    name: str
    values: NDArray[np.object_]


@dataclass(frozen=True)
class Dataset:
    """N rows of F numeric features, any number of categories and columns of texts, and a target.

    Attributes:
        features: `[N, F]` float64; NaN where missing, else finite.
        target: `[N]`; class codes 0…C-1 as int64, or float64 values for regression.
        feature_names: F names.
        class_names: C names in the order of their codes; empty for regression.
        target_type: Arrow's name of the type that the target of a table was read as; empty for other sources.
        target_form: how its numbers are written in texts.
        categories: the features that are one of several values.
        texts: the features that are texts.
        columns: what was decided about each column of the table that this is from; empty for other sources.
        kept: which rows of the source these N are, as booleans; None for all.
        unlabelled: rows of the source that have no target, and so are none of these.
        aside: columns that a split asks for, as `[N]`, by name.
    """

    features: NDArray[np.float64]
    target: NDArray[Any]
    feature_names: tuple[str, ...]
    class_names: tuple[str, ...] = ()
    target_name: str = "target"
    target_type: str = ""
    target_form: "NumberForm | DateForm | None" = None
    categories: tuple[Category, ...] = ()
    columns: tuple[Column, ...] = ()
    kept: NDArray[np.bool_] | None = None
    unlabelled: int = 0
    aside: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    texts: tuple[TextColumn, ...] = ()

    @classmethod
    def from_arrays(
        cls,
        features: ArrayLike,
        target: ArrayLike,
        *,
        regression: bool = False,
        feature_names: tuple[str, ...] = (),
        class_names: tuple[str, ...] = (),
        target_name: str = "target",
    ) -> "Dataset":
        """A dataset from arrays `[N, F]` and `[N]`.

        For classes, the target may contain any labels; they are coded 0…C-1 in sorted order.

        >>> Dataset.from_arrays([[0.5, 1.0], [2.0, 3.0]], ["yes", "no"]).target
        array([1, 0])

        Raises:
            DataError: shapes do not fit, a value is not a finite number, or there is only one class.
        """
        try:
            x = np.ascontiguousarray(features, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise DataError(f"data: expected numbers as features, got {error}") from error
        y = np.asarray(target)
        if x.ndim != 2 or y.shape != (len(x),) or x.size == 0:
            raise DataError(f"data: expected features [N, F] and a target [N], got shapes {x.shape} and {y.shape}")
        if not np.isfinite(x).all():
            row, column = np.argwhere(~np.isfinite(x))[0]
            raise DataError(
                f"data: row {row}, column {column} of the features is {x[row, column]}, not a finite number"
            )
        names = tuple(feature_names) or tuple(f"x{i + 1}" for i in range(x.shape[1]))
        if len(names) != x.shape[1]:
            raise DataError(f"data: expected {x.shape[1]} feature names, got {len(names)}")
        if regression:
            try:
                y = y.astype(np.float64)
            except (TypeError, ValueError) as error:
                raise DataError(f"data: expected numbers as the target of a regression, {error}") from error
            if not np.isfinite(y).all():
                raise DataError(f"data: row {np.argwhere(~np.isfinite(y))[0][0]} of the target is not a finite number")
            return cls(x, y, names, (), target_name)
        if y.dtype.kind == "f" and np.isnan(y).any():
            raise DataError(f"data: row {np.argwhere(np.isnan(y))[0][0]} of the target has no label (NaN)")
        try:
            labels, codes = np.unique(y, return_inverse=True)
        except TypeError as error:
            raise DataError(f"data: expected labels of one kind in the target, {error}") from error
        if len(labels) < 2:
            raise DataError(f"data: the target has {len(labels)} class; expected two or more")
        if class_names and len(class_names) != len(labels):
            raise DataError(f"data: the target has {len(labels)} classes, and {len(class_names)} class names are given")
        return cls(x, codes.astype(np.int64), names, tuple(class_names) or tuple(map(str, labels)), target_name)

    def at_most(self, rows: int | None) -> "Dataset":
        """All rows for None, else 2 or more: evenly spaced in the order of the target, and kept in their own order.

        So classes stay in proportion, to within two rows, and values span their range. Every column keeps its name, and
        every class and category its code, whether or not a row is left of it.

        >>> Dataset.from_arrays([[0], [1], [2], [3]], [0.5, 0.1, 0.9, 0.3], regression=True).at_most(2).target
        array([0.1, 0.9])
        """
        total = len(self.target)
        if rows is None or rows >= total:
            return self
        order = np.argsort(self.target, kind="stable")
        chosen = np.sort(order[np.arange(rows) * (total - 1) // (rows - 1)])
        kept = np.zeros(total if self.kept is None else len(self.kept), dtype=bool)
        kept[self.source_rows[chosen]] = True
        return replace(
            self,
            features=self.features[chosen],
            target=self.target[chosen],
            categories=tuple(replace(each, codes=each.codes[chosen]) for each in self.categories),
            texts=tuple(replace(each, values=each.values[chosen]) for each in self.texts),
            kept=kept,
            aside={name: values[chosen] for name, values in self.aside.items()},
        )

    @property
    def source_rows(self) -> NDArray[np.int64]:
        """`[N]`: the row number of each row in its source, from 0."""
        return np.arange(len(self.target)) if self.kept is None else np.flatnonzero(self.kept)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of names, features, categories, texts and target; computed once for all runs on this dataset."""
        digest = hashlib.sha256(repr((self.feature_names, self.class_names, self.target_name)).encode())
        arrays = [self.features, self.target]
        for category in self.categories:
            digest.update(repr((category.name, category.texts)).encode())
            arrays.append(category.codes)
        for array in arrays:
            digest.update(repr((array.shape, array.dtype.str)).encode())
            for start in range(0, len(array), BLOCK_ROWS):  # a large column-major table is not copied as a whole
                digest.update(np.ascontiguousarray(array[start : start + BLOCK_ROWS]).data)
        for column in self.texts:
            digest.update(repr((column.name, len(column.values))).encode())
            for start in range(0, len(column.values), BLOCK_ROWS):
                digest.update(repr(column.values[start : start + BLOCK_ROWS].tolist()).encode())
        return digest.hexdigest()

    @property
    def task(self) -> TaskName:
        return task_of(len(self.class_names))

"""A table of numbers and categories, with what is predicted from them."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlp_exp.data.arrays import code_array, feature_array, value_array, weight_array
from mlp_exp.errors import DataError

if TYPE_CHECKING:  # they import Arrow, which runs without a table do not need
    from mlp_exp.data.table.dates import DateForm
    from mlp_exp.data.table.numbers import NumberForm

BLOCK_ROWS = 65_536

TaskName = Literal["binary", "multiclass", "ordinal", "multilabel", "regression"]
Kind = Literal["number", "boolean", "date", "category", "text", "weight", "left out", "for the split"]


def task_of(n_classes: int) -> TaskName:
    """The task of one target with so many classes without an order, 0 for values."""
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
class TargetColumn:
    """A column that is predicted.

    Attributes:
        class_names: C names in the order of their codes; empty for values.
        type: Arrow's name of the type that the column of a table was read as; empty for other sources.
        form: how its numbers are written in texts. Like the type it is not compared.
    """

    name: str
    class_names: tuple[str, ...] = ()
    type: str = field(default="", compare=False)
    form: "NumberForm | DateForm | None" = field(default=None, compare=False)


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
    """N rows of F numeric features, any number of categories and columns of texts, and T targets.

    Attributes:
        features: `[N, F]` float64; NaN where missing, else finite.
        target: `[N]` of one target: class codes 0…C-1 as int64, or float64 values for regression. `[N, T]` of several:
            float64 values, or labels 0 and 1 as int64.
        feature_names: F names.
        targets: T columns, one at least.
        ordered: whether the classes of the one target are in order, from the lowest to the highest.
        weights: `[N]` float64, 0 or more: how much each row counts; None if all count the same.
        categories: the features that are one of several values.
        texts: the features that are texts.
        columns: what was decided about each column of the table that this is from; empty for other sources.
        kept: which rows of the source these N are, as booleans; None for all.
        unlabelled: rows of the source that lack a target, and so are none of these.
        aside: columns that a split asks for, as `[N]`, by name.
    """

    features: NDArray[np.float64]
    target: NDArray[Any]
    feature_names: tuple[str, ...]
    targets: tuple[TargetColumn, ...] = (TargetColumn("target"),)
    ordered: bool = False
    weights: NDArray[np.float64] | None = None
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
        target_names: tuple[str, ...] = (),
        weights: ArrayLike | None = None,
        ordered: bool = False,
    ) -> "Dataset":
        """A dataset from features `[N, F]` and a target `[N]`, or several `[N, T]` named by `target_names`.

        For classes, the target may contain any labels; they are coded 0…C-1 in sorted order, which is that of the
        classes if `ordered`. Each of several targets has two. `weights` `[N]` say how much each row counts.

        >>> Dataset.from_arrays([[0.5, 1.0], [2.0, 3.0]], ["yes", "no"]).target
        array([1, 0])

        Raises:
            DataError: shapes do not fit, a value is not a finite number, a weight is not 0 or more, or the number of
                classes is not that of the task.
        """
        x, y = feature_array(features), np.asarray(target)
        if x.ndim != 2 or y.ndim not in (1, 2) or len(y) != len(x) or not (x.size and y.size):
            raise DataError(
                f"data: expected features [N, F] and a target [N] or [N, T], got shapes {x.shape} and {y.shape}"
            )
        names = tuple(feature_names) or tuple(f"x{i + 1}" for i in range(x.shape[1]))
        if len(names) != x.shape[1]:
            raise DataError(f"data: expected {x.shape[1]} feature names, got {len(names)}")
        if y.ndim == 2 and y.shape[1] == 1:
            y = y[:, 0]
        count = 1 if y.ndim == 1 else y.shape[1]
        own = (target_name,) if count == 1 else tuple(f"{target_name} {i + 1}" for i in range(count))
        own = tuple(target_names) or own
        if len(own) != count:
            raise DataError(f"data: expected {count} target names, got {len(own)}")
        classes: tuple[tuple[str, ...], ...] = ((),) * count
        values: NDArray[Any]
        if regression:
            values = value_array(y, ordered=ordered)
        else:
            values, classes = code_array(y, tuple(class_names), ordered=ordered)
        targets = tuple(map(TargetColumn, own, classes))
        return cls(x, values, names, targets, ordered, None if weights is None else weight_array(weights, len(x)))

    def at_most(self, rows: int | None) -> "Dataset":
        """All rows for None, else 2 or more: evenly spaced in the order of the target, and kept in their own order.

        So classes stay in proportion, to within two rows, and values span their range; those of the first of several
        targets. Every column keeps its name, and every class and category its code, whether or not a row is left of it.

        >>> Dataset.from_arrays([[0], [1], [2], [3]], [0.5, 0.1, 0.9, 0.3], regression=True).at_most(2).target
        array([0.1, 0.9])
        """
        total = len(self.target)
        if rows is None or rows >= total:
            return self
        first = self.target if self.target.ndim == 1 else self.target[:, 0]
        order = np.argsort(first, kind="stable")
        chosen = np.sort(order[np.arange(rows) * (total - 1) // (rows - 1)])
        kept = np.zeros(total if self.kept is None else len(self.kept), dtype=bool)
        kept[self.source_rows[chosen]] = True
        return replace(
            self,
            features=self.features[chosen],
            target=self.target[chosen],
            weights=self.weights_of(chosen),
            categories=tuple(replace(each, codes=each.codes[chosen]) for each in self.categories),
            texts=tuple(replace(each, values=each.values[chosen]) for each in self.texts),
            kept=kept,
            aside={name: values[chosen] for name, values in self.aside.items()},
        )

    def weights_of(self, rows: NDArray[np.int64]) -> NDArray[np.float64] | None:
        """The weights of some rows; None if all count the same."""
        return None if self.weights is None else self.weights[rows]

    @property
    def source_rows(self) -> NDArray[np.int64]:
        """`[N]`: the row number of each row in its source, from 0."""
        return np.arange(len(self.target)) if self.kept is None else np.flatnonzero(self.kept)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of names, features, categories, texts, targets and weights; computed once for all runs on it.

        What a dataset does not use leaves no trace, so that saved runs recognise theirs.
        """
        first = self.targets[0]
        own = (
            (first.class_names, first.name)
            if len(self.targets) == 1
            else tuple((each.name, each.class_names) for each in self.targets)
        )
        digest = hashlib.sha256(repr((self.feature_names, *own)).encode())
        if self.ordered:
            digest.update(b"ordered")
        arrays: list[NDArray[Any]] = [self.features, self.target]
        if self.weights is not None:
            digest.update(b"weights")
            arrays.append(self.weights)
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
    def target_name(self) -> str:
        return ", ".join(each.name for each in self.targets)

    @property
    def has_classes(self) -> bool:
        """Whether classes or labels are predicted, and not values."""
        return bool(self.targets[0].class_names)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Those of the one target; empty for values, and for several targets."""
        return self.targets[0].class_names if len(self.targets) == 1 else ()

    @property
    def task(self) -> TaskName:
        if len(self.targets) > 1:
            return "multilabel" if self.has_classes else "regression"
        return "ordinal" if self.ordered else task_of(len(self.class_names))

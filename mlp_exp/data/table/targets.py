"""What is predicted of a table: one target or several, and their task."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlp_exp.config.words import advice
from mlp_exp.data.dataset import TargetColumn
from mlp_exp.data.table.find_column import find_column, quoted
from mlp_exp.data.table.target import (
    ReadTarget,
    TaskChoice,
    are_numbers,
    check_classes,
    class_codes,
    is_class_target,
    join_names,
    quantity,
)
from mlp_exp.data.table.values import type_family
from mlp_exp.errors import DataError

Codes = NDArray[np.int64]
MOST_SHOWN = 20
"""Classes of a list to be copied."""


@dataclass(frozen=True)
class TargetOptions:
    """What the user has said of the targets.

    Attributes:
        names: of the columns.
        order: classes of an ordinal target, the lowest first; None for numbers and dates, which have an order.
        predefined: whether the user has said of each row which part it is in; a class may then have a single row.
    """

    names: tuple[str, ...]
    task: TaskChoice = "auto"
    order: tuple[str, ...] | None = None
    predefined: bool = False

    def check(self) -> None:
        """Raises DataError for a task with another number of targets, and an order without an ordinal target."""
        count, task = len(self.names), self.task
        if not count:
            raise DataError("data.target: expected the name of a column, or a list of names, got []")
        if count > 1 and task not in ("auto", "classification", "multilabel", "regression"):
            raise DataError(
                f"data.task: {task} has one target, and data.target names {count}; expected one of auto, multilabel, "
                "regression"
            )
        if count == 1 and task == "multilabel":
            raise DataError(
                f"data.task: multilabel has several targets, and data.target names one, '{self.names[0]}'; "
                "data.task=binary is the same for one"
            )
        if self.order is not None and task != "ordinal":
            raise DataError(f"data.order: is for data.task=ordinal, and data.task is {task}; add it, or leave this out")

    @property
    def texts(self) -> set[str]:
        """Columns whose texts are read as they stand."""
        return set() if self.task in ("auto", "regression") else set(self.names)


def roles(targets: Sequence[str], weight: str | None, names: Sequence[str]) -> dict[str, str]:
    """The columns that are no features, and what they are; DataError if there is no such one, or it is named twice."""
    roles: dict[str, str] = {}
    for name in targets:
        if find_column(name, names, "data.target") in roles:
            raise DataError(f"data.target: '{name}' is named twice")
        roles[name] = f"{'the' if len(targets) == 1 else 'a'} target (data.target)"
    if weight is not None:
        if find_column(weight, names, "data.weight") in roles:
            raise DataError(f"data.weight: '{weight}' is {roles[weight]}; expected another column")
        roles[weight] = "the weight of the rows (data.weight)"
    return roles


@dataclass(frozen=True)
class Targets:
    """What is predicted of a table.

    Attributes:
        values: `[n]` or `[n, T]`, as of a `Dataset`.
        there: `[N]`, true for the n rows that have all targets.
        remarks: sentences on what is noteworthy.
    """

    values: NDArray[Any]
    there: NDArray[np.bool_]
    columns: tuple[TargetColumn, ...]
    ordered: bool
    remarks: tuple[str, ...]


def make_targets(found: Mapping[str, ReadTarget], options: TargetOptions) -> Targets:
    """The targets, in the order of the options.

    Raises:
        DataError: they do not fit the task or each other, no row has all of them, or one is constant or has a class
            with a single row.
    """
    read = [found[name] for name in options.names]
    there = np.logical_and.reduce([each.there for each in read])
    remarks = [f"{each.name}: {remark}" for each in read for remark in each.remarks]
    if not there.all():
        remarks.append(_left_out(read, there))
    if len(read) > 1:
        if not there.any():
            raise DataError(f"data.target: no row has a value of each of {quoted([each.name for each in read])}")
        mask = pa.chunked_array([pa.array(there)])
        read = [replace(r, values=pc.if_else(mask, r.values, pa.scalar(None, r.values.type))) for r in read]
    rows = "rows" if len(read) == 1 or there.all() else "rows with all targets"
    if _are_classes(read, options.task):
        coded = [_codes(each, options, rows, several=len(read) > 1) for each in read]
        values: list[NDArray[Any]] = [codes for codes, _ in coded]
        names = [classes for _, classes in coded]
    else:
        values, names = [quantity(each.name, each.values, rows) for each in read], [()] * len(read)
    columns = tuple(
        TargetColumn(each.name, own, str(each.values.type), each.form) for each, own in zip(read, names, strict=True)
    )
    target = values[0][there] if len(read) == 1 else np.stack([each[there] for each in values], axis=1)
    return Targets(target, there, columns, options.task == "ordinal", tuple(remarks))


def _left_out(read: Sequence[ReadTarget], there: NDArray[np.bool_]) -> str:
    lost, rows = len(there) - int(there.sum()), len(there)
    verbs = ("has", "is") if lost == 1 else ("have", "are")
    if len(read) == 1:
        return f"{lost} of {rows} rows {verbs[0]} no {read[0].name} and {verbs[1]} left out"
    gaps = {each.name: int((~each.there).sum()) for each in read}
    name = max(gaps, key=gaps.__getitem__)
    most = f"most often {name} is missing ({gaps[name]})"
    return f"{lost} of {rows} rows {verbs[0]} no target and {verbs[1]} left out; {most}"


def _are_classes(read: Sequence[ReadTarget], task: TaskChoice) -> bool:
    """Whether the targets are classes; DataError if some are, and others are not."""
    if task != "auto":
        return task != "regression"
    classes = [each for each in read if is_class_target(each.values)]
    if len(classes) not in (0, len(read)):
        value = next(each for each in read if not is_class_target(each.values))
        _, names = class_codes(classes[0].name, classes[0].values)
        raise DataError(
            f"data.target: a class and a value together are no task: '{classes[0].name}' has {len(names)} classes "
            f"({join_names(names)}), and '{value.name}' has values. Train a run for each{_or_regression(classes)}"
        )
    return bool(classes)


def _or_regression(classes: Sequence[ReadTarget]) -> str:
    """What helps, too, where the classes are numbers or booleans."""
    are_texts = any(type_family(each.values.type) == "text" for each in classes)
    return "" if are_texts else ", or take all as values: data.task=regression"


def _codes(target: ReadTarget, options: TargetOptions, rows: str, *, several: bool) -> tuple[Codes, tuple[str, ...]]:
    """Codes `[N]`, -1 where missing, and class names."""
    name = target.name
    codes, names = class_codes(name, target.values)
    if several and len(names) > 2:
        raise DataError(
            f"data.target: '{name}' has {len(names)} classes: {join_names(names)}; each of several targets has two. "
            f"Train a run for it alone{_or_regression([target])}"
        )
    check_classes(name, codes, names, options.task, rows, singles=options.predefined)
    if options.order is not None:
        return _in_order(name, codes, names, options.order)
    if options.task == "ordinal" and type_family(target.values.type) == "text":
        raise DataError(
            f"data.order: '{name}' holds texts, whose order is not known; give it, the lowest first. From A to Z: "
            f"{advice({'data.order': names[:MOST_SHOWN]})}{' …' if len(names) > MOST_SHOWN else ''}"
        )
    return codes, names


def _in_order(name: str, codes: Codes, names: tuple[str, ...], order: tuple[str, ...]) -> tuple[Codes, tuple[str, ...]]:
    """The codes and names in the order that is given; DataError if this does not name each class once."""
    known: dict[float | str, str] = {_number(each): each for each in names}
    known |= {each: each for each in names}
    given = [known.get(each, known.get(_number(each))) for each in order]
    wrong = {
        "missing": [each for each in names if each not in given],
        "unknown": [each for each, found in zip(order, given, strict=True) if found is None],
        "repeated": [each for each in names if given.count(each) > 1],
    }
    if said := "; ".join(f"{what}: {', '.join(each)}" for what, each in wrong.items() if each):
        raise DataError(
            f"data.order: expected each of the {len(names)} classes of '{name}' once: {join_names(names)}; {said}"
        )
    place = np.array([*(given.index(each) for each in names), -1])
    return place[codes], tuple(each for each in given if each is not None)


def _number(text: str) -> float | str:
    """`1.0` and `1` are one class where classes are numbers."""
    return float(text) if are_numbers((text,)) else text

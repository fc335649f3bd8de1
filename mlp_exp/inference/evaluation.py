"""Metrics of predictions for a table that has the true values, too."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlp_exp.data.dataset import Column, TargetColumn
from mlp_exp.data.statistics import Floats
from mlp_exp.data.table.columns import numeric_features
from mlp_exp.data.table.file import shorten
from mlp_exp.data.table.find_column import find_column
from mlp_exp.data.table.misfits import FIX, Misfits
from mlp_exp.data.table.schema import FeatureSchema
from mlp_exp.data.table.target import class_codes, join_names
from mlp_exp.errors import DataError
from mlp_exp.tasks.metrics import Scores, evaluate
from mlp_exp.tasks.task import Task


def target_columns(asked: Sequence[str], task: Task, names: Sequence[str]) -> list[str]:
    """The columns with the true values of each target that `--target` asks for: names, several with commas between.

    Raises DataError if the table has no such column, or they are not as many as the targets.
    """
    found: list[str] = []
    for word in asked:
        parts = [word] if word in names or len(task.targets) == 1 else [part.strip() for part in word.split(",")]
        found += [find_column(part, names, "--target") for part in parts]
    own = [target.name for target in task.targets]
    if sorted(found) == sorted(own):
        return own  # in whatever order they were named
    if found and len(found) != len(task.targets):
        raise DataError(f"--target: expected a column for each of {','.join(own)}, got {', '.join(found)}")
    return found


class Evaluation:
    """Collects the true values and the answers of a table, chunk by chunk.

    Args:
        names: the columns with the true values, in the order of the targets.
        where: names the table in messages.
    """

    def __init__(self, feature_schema: FeatureSchema, task: Task, names: Sequence[str], where: str) -> None:
        self._task = task
        self._readers = [
            _Reader(feature_schema, target, name, where) for target, name in zip(task.targets, names, strict=True)
        ]
        self._targets: list[NDArray[Any]] = []
        self._answers: list[Floats] = []

    @property
    def count(self) -> int:
        """Rows that have all targets."""
        return sum(map(len, self._targets))

    def add(self, table: pa.Table, answers: Floats, first_row: int) -> None:
        """Adds a chunk of the table; DataError if a label is of no class, or a value is no number."""
        pairs = [reader.read(table, first_row) for reader in self._readers]
        present = np.all([there for _, there in pairs], axis=0)
        values = np.stack([target[present] for target, _ in pairs], axis=1)
        self._targets.append(values[:, 0] if len(pairs) == 1 else values)
        self._answers.append(answers[present])

    def scores(self) -> Scores:
        """Empty without a target, or where a prediction is not finite."""
        if not self.count or not all(np.isfinite(answers).all() for answers in self._answers):
            return Scores({}, {})
        target, answers = np.concatenate(self._targets), np.concatenate(self._answers)
        return evaluate(self._task.metrics, self._task.predictions(target, answers))


class _Reader:
    """Reads the true values of one target."""

    def __init__(self, feature_schema: FeatureSchema, target: TargetColumn, name: str, where: str) -> None:
        self._schema = feature_schema
        self._where = where
        self._class_names = target.class_names
        if target.class_names:
            self._column = Column(name, "category", type=target.type)
        else:
            self._column = Column(name, "number", type=target.type or "double", form=target.form)
        self._codes = {name: code for code, name in enumerate(target.class_names)}
        self._numbers = {_number(name): code for name, code in self._codes.items()}

    def read(self, table: pa.Table, first_row: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Class codes or values `[n]`, and which rows have one."""
        misfits = Misfits(self._where)
        misfits.count_rows(first_row)
        values = self._schema.converted(self._column, table[self._column.name], misfits)
        if self._class_names:
            codes = self._class_codes(values, first_row)
            return codes, codes >= 0
        misfits.refuse()
        (numbers,) = numeric_features(self._column, values)
        return numbers, ~np.isnan(numbers)

    def _class_codes(self, labels: pa.ChunkedArray, first_row: int) -> NDArray[np.int64]:
        """Codes `[n]` of labels, -1 where missing."""
        codes, names = class_codes(self._column.name, labels)
        places = [self._codes.get(name, self._numbers.get(_number(name), -1)) for name in names]
        if -1 in places:
            code = places.index(-1)
            row = first_row + int((codes == code).argmax())
            raise DataError(
                f"{self._where}: column '{self._column.name}', row {row}, from 0: expected a class of training "
                f"({join_names(self._class_names)}), found '{shorten(names[code])}'. {FIX}"
            )
        return np.array([*places, -1])[codes]


def _number(text: str) -> float | str:
    """`1.0` and `1` are one class where classes are numbers."""
    try:
        return float(text)
    except ValueError:
        return text

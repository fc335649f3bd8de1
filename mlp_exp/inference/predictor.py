"""What a trained run and an ensemble have in common: they predict tables of any form, piece by piece."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlp_exp.data.statistics import Floats
from mlp_exp.data.table.frames import arrow_table
from mlp_exp.data.table.misfits import Misfits
from mlp_exp.data.table.schema import FeatureSchema
from mlp_exp.data.table.streaming import CHUNK_ROWS
from mlp_exp.errors import DataError
from mlp_exp.tasks.task import Task

log = logging.getLogger(__name__)

CHUNK_VALUES = 2**22
"""Most values of a network's inputs that are made at once: a row may be wide."""
IN_MEMORY = "the table"
"""What messages call a table that is no file."""


class Predictor(ABC):
    """Predicts tables.

    Attributes:
        feature_schema: the columns that a table needs, and their conversion to the types of training.
    """

    feature_schema: FeatureSchema

    @property
    @abstractmethod
    def task(self) -> Task:
        """What is predicted, of which columns."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """Of a single target: C names in the order of their codes; empty for values and for several targets."""
        return self.task.targets[0].class_names if len(self.task.targets) == 1 else ()

    @property
    def target_name(self) -> str:
        return ", ".join(target.name for target in self.task.targets)

    @property
    @abstractmethod
    def inputs_width(self) -> int:
        """Width W of the network's inputs; of several networks the largest."""

    def check(self, names: Sequence[str], where: str) -> None:
        """Raises DataError unless these names include all columns that are needed; `where` names the table."""
        self.feature_schema.check(names, where)

    @abstractmethod
    def outputs(self, table: pa.Table, misfits: Misfits) -> Floats:
        """The answers `[N, A]` for a chunk of a table, as `Task.columns` takes them.

        Cells unlike those of their column in training are missing and counted. Raises DataError for a column of a type
        that cannot stand for the one in training.
        """

    @property
    def chunk_rows(self) -> int:
        return max(1, min(CHUNK_ROWS, CHUNK_VALUES // self.inputs_width))

    def predict(self, table: Any) -> NDArray[Any]:
        """The labels `[N]` as texts, or the values `[N]` in the target's own unit; of T targets `[N, T]`.

        Of a run with `loss=quantile` the median, with `loss=gaussian` the mean; `predict_columns` gives the others.

        Args:
            table: anything that `pyarrow.table` takes, as a dictionary of columns or a data frame; or, where all
                features are numbers, an array `[N, F]` of them.

        Raises:
            DataError: the table does not have the columns of training.

        Example:
            load("RUN").predict({"age": [31, None], "town": ["a", "z"]})  # array(['no', 'yes'], dtype='<U3')
        """
        columns = self.predict_columns(table)
        found = [column for name, column in columns.items() if name.partition("_")[0] == "prediction"]
        return found[0] if len(self.task.targets) == 1 else np.stack(found, axis=1)

    def predict_columns(self, table: Any) -> dict[str, NDArray[Any]]:
        """What `predict` writes to a file: columns `[N]` by name; arguments and errors of `predict`.

        Example:
            load("RUN").predict_columns({"age": [31]})  # {'prediction': …, 'quantile_0.05': …, 'quantile_0.95': …}
        """
        return dict(self.task.columns(self._all_outputs(table)))

    def predict_proba(self, table: Any) -> Floats:
        """The probabilities `[N, C]` in the order of `class_names`, of a table as `predict` takes it.

        Of T targets of two classes each `[N, T]`, the probabilities of the second ones. Raises DataError if the target
        has values and no classes, or the table does not have the columns of training.
        """
        if not self.task.has_classes:
            raise DataError(f"'{self.target_name}' has values and no classes: there are no probabilities")
        return self._all_outputs(table)

    def _all_outputs(self, table: Any) -> Floats:
        columns = _as_table(table, self.feature_schema)
        self.check(columns.column_names, IN_MEMORY)
        rows = self.chunk_rows
        misfits = Misfits(IN_MEMORY)
        outputs = []
        for start in range(0, max(len(columns), 1), rows):  # without any row, answers of no row
            chunk = columns.slice(start, rows)
            outputs.append(self.outputs(chunk, misfits))
            misfits.count_rows(len(chunk))
        misfits.check()
        for line in misfits.lines:
            log.warning("%s", line)
        return np.concatenate(outputs)


def _as_table(table: Any, feature_schema: FeatureSchema) -> pa.Table:
    if isinstance(table, np.ndarray):
        other = [column.name for column in feature_schema.columns if column.kind not in ("number", "boolean")]
        if other:
            raise DataError(f"{IN_MEMORY}: expected columns by name, since '{other[0]}' is no number, got an array")
    return arrow_table(table, IN_MEMORY, feature_schema.names)

"""What a trained run and an ensemble have in common: they predict tables of any form, piece by piece."""

import logging
import threading
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlp_exp.data.statistics import Floats
from mlp_exp.data.table.find_column import find_column
from mlp_exp.data.table.frames import arrow_table, native_frame
from mlp_exp.data.table.misfits import Misfits
from mlp_exp.data.table.schema import FeatureSchema, arrow_type
from mlp_exp.data.table.streaming import CHUNK_ROWS
from mlp_exp.errors import DataError
from mlp_exp.inference.evaluation import Evaluation
from mlp_exp.inference.importance import importance_of_columns
from mlp_exp.inference.recorded import Recorded
from mlp_exp.tasks.metrics import Scores
from mlp_exp.tasks.task import Task

log = logging.getLogger(__name__)

CHUNK_VALUES = 2**22
"""Most values of a network's inputs that are made at once: a row may be wide."""
IN_MEMORY = "the table"
"""What messages call a table that is no file."""


class Predictor(Recorded):
    """Predicts tables.

    Attributes:
        feature_schema: the columns that a table needs, and their conversion to the types of training.
    """

    feature_schema: FeatureSchema

    @property
    def class_names(self) -> tuple[str, ...]:
        """The C names of a single target in the order of their codes; empty for values and for several targets."""
        return self.task.targets[0].class_names if len(self.task.targets) == 1 else ()

    @property
    @abstractmethod
    def inputs_width(self) -> int:
        """Width W of the network's inputs; of several networks the largest."""

    @property
    def names(self) -> list[str]:
        """The columns that are needed."""
        return list(self.feature_schema.names)

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
        """The labels `[N]`, or the values `[N]` in the target's own unit; of T targets `[N, T]`.

        Labels have the type of the target where that holds numbers or booleans, and are texts otherwise.

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
        if self.task.has_classes:
            typed = [_typed(column, target.type) for column, target in zip(found, self.task.targets, strict=True)]
            found = found if any(column.dtype.kind == "U" for column in typed) else typed
        return found[0] if len(found) == 1 else np.stack(found, axis=1)

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

    def predict_quantiles(self, table: Any) -> Floats:
        """The quantiles `[N, Q]` of a run with `loss=quantile`, of a table as `predict` takes it.

        Their levels ascend, as those of `loss.quantiles` do when they are sorted. Raises DataError if the run predicts
        no quantiles, or the table does not have the columns of training.

        >>> load("QUANTILES").predict_quantiles({"town": ["a", "b"], "income": ["low", "high"]}).shape
        (2, 3)
        """
        if self.task.answers_name != "quantiles":
            raise DataError(
                f"'{self.target_name}' was predicted without quantiles: train with loss=quantile, and with "
                "loss.quantiles=[0.05,0.5,0.95] or others"
            )
        return self._all_outputs(table)

    def evaluate(self, table: Any) -> dict[str, float | None]:
        """The metrics of the predictions for a table that has the true values, too, by name.

        One that is not defined for these rows is None. Rows without a true value are left out.

        Raises:
            DataError: the table does not have the columns of training and the target, or a target is no class of
                training.

        >>> load("RUN").evaluate({"age": [23, 81], "town": ["a", "b"], "income": ["low", "high"]})["accuracy"]
        1.0
        """
        columns = self._with_targets(table)
        misfits = Misfits(IN_MEMORY)
        outputs = self._outputs_of(columns, misfits)
        _warn(misfits)
        return self._scores(columns, outputs, self.task).values

    def explain(self, table: Any, metric: str | None = None, repeats: int = 5, seed: int = 0) -> Any:
        """Which columns the predictions depend on: how much worse a metric becomes when one of them is shuffled.

        Args:
            table: as `evaluate` takes it; of rows that the run has not trained with.
            metric: the name of one of the task's; None for the one that ranks runs of different losses.
            repeats: how often each column is shuffled, 1 or more.
            seed: of the shuffling.

        Returns:
            A data frame of pandas or polars with a row for each column, those that matter most first: `column`, and
            `mean` and `std` of what shuffling takes from the metric, or adds to one of which smaller is better.

        Raises:
            DataError: as of `evaluate`; there is no such metric, or it is not defined for these rows.

        >>> rows = {"age": range(20, 80), "town": ["a", "b", "c"] * 20, "income": ["low"] * 30 + ["high"] * 30}
        >>> load("RUN").explain(rows)["column"][0]
        'age'
        """
        name = metric or self.task.ranking
        if name not in self.task.known:
            raise DataError(f"explain: expected a metric ({', '.join(self.task.known)}), got '{name}'")
        if repeats < 1:
            raise DataError(f"explain: expected 1 repeat or more, got {repeats}")
        task = self.task.measured_by({name: self.task.known[name]})

        def cost(columns: pa.Table) -> float:
            scores = self._scores(columns, self._outputs_of(columns, Misfits(IN_MEMORY)), task)
            value = scores.values.get(name)
            if value is None:
                raise DataError(f"explain: {name} of {IN_MEMORY}: {scores.reasons.get(name, 'there are no rows')}")
            return -value if task.larger_is_better(name) else value

        return native_frame(importance_of_columns(cost, self._with_targets(table), self.names, repeats, seed))

    def _with_targets(self, table: Any) -> pa.Table:
        """A table that has the columns of training and the targets."""
        columns = self._as_table(table)
        for target in self.task.targets:
            find_column(target.name, columns.column_names, "the target")
        return columns

    def _scores(self, columns: pa.Table, outputs: Floats, task: Task) -> Scores:
        """Metrics of the task for answers `[N, A]` to a table with the targets."""
        evaluation = Evaluation(self.feature_schema, task, [target.name for target in task.targets], IN_MEMORY)
        evaluation.add(columns, outputs, 0)
        return evaluation.scores()

    def _all_outputs(self, table: Any) -> Floats:
        misfits = Misfits(IN_MEMORY)
        outputs = self._outputs_of(self._as_table(table), misfits)
        _warn(misfits)
        return outputs

    def _outputs_of(self, columns: pa.Table, misfits: Misfits) -> Floats:
        rows = self.chunk_rows
        outputs = []
        for start in range(0, max(len(columns), 1), rows):  # without any row, answers of no row
            chunk = columns.slice(start, rows)
            outputs.append(self.outputs(chunk, misfits))
            misfits.count_rows(len(chunk))
        misfits.check()
        return np.concatenate(outputs)

    def _as_table(self, table: Any) -> pa.Table:
        """A table with the columns of training."""
        if isinstance(table, np.ndarray):
            other = [column.name for column in self.feature_schema.columns if column.kind not in ("number", "boolean")]
            if other:
                raise DataError(f"{IN_MEMORY}: expected columns by name, since '{other[0]}' is no number, got an array")
        columns = arrow_table(table, IN_MEMORY, self.feature_schema.names)
        self.check(columns.column_names, IN_MEMORY)
        return columns


def _typed(labels: NDArray[Any], name: str) -> NDArray[Any]:
    """Labels `[N]`, from texts to numbers or booleans where their column has such a type in Arrow."""
    kind = arrow_type(name)
    if not (pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return labels
    try:
        return np.asarray(pa.array(labels, pa.string()).cast(kind))
    except pa.ArrowException:  # a stranger's file may name a type that its classes do not have
        return labels


@contextmanager
def unlogged() -> Iterator[None]:
    """Inside, nothing is logged of what this thread predicts."""
    silent = threading.get_ident()

    def is_of_others(record: logging.LogRecord) -> bool:
        return threading.get_ident() != silent

    log.addFilter(is_of_others)
    try:
        yield
    finally:
        log.removeFilter(is_of_others)


def _warn(misfits: Misfits) -> None:
    for line in misfits.lines:
        log.warning("%s", line)

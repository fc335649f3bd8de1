"""The average of what several trained runs say; a single run is an ensemble of one."""

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlp_exp.data.preprocessing import Preprocessing
from mlp_exp.data.table.schema import FeatureSchema
from mlp_exp.data.table.streaming import CHUNK_ROWS
from mlp_exp.data.target_scaling import Floats
from mlp_exp.errors import DataError, RunFolderError

if TYPE_CHECKING:
    from mlp_exp.inference.trained import TrainedRun

T = TypeVar("T")
CHUNK_VALUES = 2**22
"""Of a network's inputs, as many as are made at once: a row may be wide."""
HANDED_OVER = "the table"
"""What a table that is no file is called in messages."""


class Ensemble:
    """Trained runs that predict the same; what they share of preprocessing is done once.

    Raises:
        RunFolderError: they do not predict the same.
    """

    def __init__(self, runs: Sequence["TrainedRun"]) -> None:
        self.runs = list(runs)
        first = self.first = self.runs[0]
        for run in self.runs[1:]:
            _require_alike(first, run)
        self._groups: list[tuple[FeatureSchema, list[tuple[Preprocessing, list[TrainedRun]]]]] = []
        for same_columns in _grouped(self.runs, lambda run: repr(run.feature_schema)):
            inputs = _grouped(same_columns, lambda run: repr(run.preprocessing.state()))
            self._groups.append((same_columns[0].feature_schema, [(same[0].preprocessing, same) for same in inputs]))

    @property
    def chunk_rows(self) -> int:
        """How many rows to predict at once at most."""
        widest = max(run.preprocessing.inputs_width for run in self.runs)
        return max(1, min(CHUNK_ROWS, CHUNK_VALUES // widest))

    @property
    def names(self) -> list[str]:
        """The columns that are needed, of all runs."""
        return list(dict.fromkeys(name for feature_schema, _ in self._groups for name in feature_schema.names))

    def check(self, names: Sequence[str], where: str) -> None:
        """Raises DataError unless a table with columns of these names has all that are needed."""
        for feature_schema, _ in self._groups:
            feature_schema.check(names, where)

    def answers(self, table: pa.Table, where: str, first_row: int = 0) -> Floats:
        """Probabilities `[N, C]`, or values `[N]` in the target's own unit.

        Raises:
            DataError: a value is not what its column held in training.
        """
        total: Any = 0.0
        for feature_schema, groups in self._groups:
            features, categories = feature_schema.features(table, where, first_row)
            for preprocessing, runs in groups:
                inputs = preprocessing.inputs(features, categories)
                for run in runs:
                    total = total + run.answer(inputs)
        mean: Floats = total / len(self.runs)
        return mean

    def predict(self, table: Any) -> NDArray[Any]:
        """The labels `[N]` as texts, or the values `[N]` in the target's own unit.

        Args:
            table: anything that `pyarrow.table` takes, as a dictionary of columns or a data frame; or, where all
                features are numbers, an array `[N, F]` of them.

        Raises:
            DataError: the table does not have the columns of training.
        """
        answers = self._all_answers(table)
        return np.array(self.first.class_names)[answers.argmax(axis=1)] if self.first.class_names else answers

    def predict_proba(self, table: Any) -> Floats:
        """The probabilities `[N, C]` in the order of `class_names`; raises DataError for a regression."""
        if not self.first.class_names:
            raise DataError(f"'{self.first.target_name}' has values and no classes: there are no probabilities")
        return self._all_answers(table)

    def _all_answers(self, table: Any) -> Floats:
        columns = _as_table(table, self.first.feature_schema)
        self.check(columns.column_names, HANDED_OVER)
        if not len(columns):
            return np.zeros((0, len(self.first.class_names)) if self.first.class_names else 0)
        rows = self.chunk_rows
        starts = range(0, len(columns), rows)
        return np.concatenate([self.answers(columns.slice(at, rows), HANDED_OVER, at) for at in starts])


def _grouped(runs: Sequence[T], key: Callable[[T], Hashable]) -> list[list[T]]:
    groups: dict[Hashable, list[T]] = {}
    for run in runs:
        groups.setdefault(key(run), []).append(run)
    return list(groups.values())


def _require_alike(first: "TrainedRun", run: "TrainedRun") -> None:
    """Raises RunFolderError unless an average of both means something."""
    for name, one, other in (
        ("target", first.target_name, run.target_name),
        ("task", first.task, run.task),
        ("classes", ", ".join(first.class_names), ", ".join(run.class_names)),
        ("data.separator", first.reading.separator, run.reading.separator),
        ("data.encoding", first.reading.encoding, run.reading.encoding),
    ):
        if one != other:
            raise RunFolderError(
                f"{run.folder}: its {name} is {other!r}, and that of {first.folder} is {one!r}; the average of runs "
                "is for those that predict the same"
            )


def _as_table(table: Any, feature_schema: FeatureSchema) -> pa.Table:
    """A table from whatever was handed over."""
    try:
        if not isinstance(table, np.ndarray):
            return pa.table(table)
        numbers = np.asarray(table, dtype=np.float64)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise DataError(f"{HANDED_OVER}: expected columns by name, or an array of numbers: {error}") from error
    names = feature_schema.names
    other = [column.name for column in feature_schema.columns if column.kind not in ("number", "boolean")]
    if other:
        raise DataError(f"{HANDED_OVER}: expected columns by name, since '{other[0]}' is no number, got an array")
    if numbers.ndim != 2 or numbers.shape[1] != len(names):
        raise DataError(f"{HANDED_OVER}: expected an array [N, {len(names)}], got shape {list(numbers.shape)}")
    return pa.Table.from_arrays([pa.array(column) for column in numbers.T], names=names)

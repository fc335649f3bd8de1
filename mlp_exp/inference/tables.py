"""Predicts a file: its rows stream in, and their predictions stream out."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlp_exp.data.dataset import Column
from mlp_exp.data.statistics import Floats
from mlp_exp.data.table.columns import find_column, numeric_features
from mlp_exp.data.table.file import Opener, open_native, shorten
from mlp_exp.data.table.misfits import FIX, Misfits
from mlp_exp.data.table.streaming import TableStream
from mlp_exp.data.table.target import class_codes, join_names
from mlp_exp.errors import DataError
from mlp_exp.inference.ensemble import Ensemble
from mlp_exp.inference.output import kept_columns, writer
from mlp_exp.tasks.task import task_named


@dataclass(frozen=True)
class Predicted:
    """A summary: numbers of rows, the ignored columns, which no run uses, and the metrics if there is a target.

    `misfits` says of each column how many cells are taken for missing.

    There are no metrics where the prediction of a row with a target is not finite.

    Attributes:
        seen: how many rows equal a training row of any run, as its network sees them; one at least if `seen_is_least`.
    """

    rows: int
    ignored: list[str]
    misfits: list[str]
    without_target: int = 0
    not_finite: int = 0
    seen: int = 0
    seen_is_least: bool = False
    metrics: dict[str, float | None] = field(default_factory=dict)


def predict_table(
    ensemble: Ensemble,
    path: str,
    output: Path | BinaryIO,
    target: str | None = None,
    keep: Sequence[str] = (),
    open_file: Opener = open_native,
    rows: int | None = None,
) -> Predicted:
    """Writes a row of predictions for each row of a CSV or Parquet file; memory does not grow with the file.

    Args:
        output: a CSV or Parquet file by its ending, written as a whole or not at all; or a stream, for CSV.
        target: a column with the true values, for metrics, which keep a prediction of each row in memory.
        keep: columns of the table to be written first, as `kept_columns` takes them.
        open_file: opens the table, so that a caller can show the progress.
        rows: most rows at a time; None for as many as fit.

    Raises:
        DataError: the table cannot be read, or does not hold what the runs need.
    """
    where = f"'{path}'"
    done = not_finite = seen = 0
    with _without_key():
        stream = TableStream(path, ensemble.first.feature_schema.format)
        ensemble.check(stream.names, where)
        evaluation = None
        if target is not None:
            evaluation = _Evaluation(ensemble, find_column(target, stream.names, "--target"), where)
        kept = kept_columns(keep, stream.names, output_names(ensemble.class_names))
        names = list(dict.fromkeys([*ensemble.names, *([] if target is None else [target]), *kept]))
        misfits = Misfits(where)
        with writer(output) as write:
            for chunk in stream.chunks(names, open_file, rows or ensemble.chunk_rows):
                outputs, are_seen = ensemble.outputs_and_seen(chunk, misfits)
                if evaluation:
                    evaluation.add(chunk, outputs, done)
                misfits.count_rows(len(chunk))
                write(_as_rows(chunk.select(kept), outputs, ensemble.class_names))
                done += len(chunk)
                not_finite += int((~np.isfinite(outputs).reshape(len(outputs), -1).all(axis=1)).sum())
                seen += int(are_seen.sum())
            misfits.check()
    return Predicted(
        done,
        [name for name in stream.names if name not in names],
        misfits.lines,
        done - evaluation.count if evaluation else 0,
        not_finite,
        seen,
        ensemble.knows_some_rows_alone,
        evaluation.metrics() if evaluation else {},
    )


@contextmanager
def _without_key() -> Iterator[None]:
    """Removes the configuration's key, which only training has, from messages about the file."""
    try:
        yield
    except DataError as error:
        raise DataError(str(error).removeprefix("data.path: ")) from error


class _Evaluation:
    def __init__(self, ensemble: Ensemble, target: str, where: str) -> None:
        run = self._run = ensemble.first
        self._where = where
        if run.class_names:
            self._column = Column(target, "category", type=run.target_type)
        else:
            self._column = Column(target, "number", type=run.target_type or "double", form=run.target_form)
        self._targets: list[NDArray[Any]] = []
        self._outputs: list[Floats] = []
        self._codes = {name: code for code, name in enumerate(run.class_names)}
        self._numbers = {_number(name): code for name, code in self._codes.items()}

    @property
    def count(self) -> int:
        """Rows that have a target."""
        return sum(map(len, self._targets))

    def add(self, table: pa.Table, outputs: Floats, first_row: int) -> None:
        """Adds a chunk of the table; DataError if a label is of no class, or a value is no number."""
        misfits = Misfits(self._where)
        misfits.count_rows(first_row)
        values = self._run.feature_schema.converted(self._column, table[self._column.name], misfits)
        target: NDArray[Any]
        if self._run.class_names:
            target = self._class_codes(values, first_row)
            present = target >= 0
        else:
            misfits.refuse()
            (target,) = numeric_features(self._column, values)
            present = ~np.isnan(target)
        self._targets.append(target[present])
        self._outputs.append(outputs[present])

    def metrics(self) -> dict[str, float | None]:
        """Empty without a target, or where a prediction is not finite."""
        if not self.count or not all(np.isfinite(outputs).all() for outputs in self._outputs):
            return {}
        target, outputs = np.concatenate(self._targets), np.concatenate(self._outputs)
        return task_named(self._run.task).evaluate(target, outputs)

    def _class_codes(self, labels: pa.ChunkedArray, first_row: int) -> NDArray[np.int64]:
        """Codes `[N]` of labels, -1 where missing."""
        codes, names = class_codes(self._column.name, labels)
        places = [self._codes.get(name, self._numbers.get(_number(name), -1)) for name in names]
        if -1 in places:
            code = places.index(-1)
            row = first_row + int((codes == code).argmax())
            raise DataError(
                f"{self._where}: column '{self._column.name}', row {row}: expected a class of training "
                f"({join_names(self._run.class_names)}), found '{shorten(names[code])}'. {FIX}"
            )
        return np.array([*places, -1])[codes]


def _number(text: str) -> float | str:
    """`1.0` and `1` are one class where classes are numbers."""
    try:
        return float(text)
    except ValueError:
        return text


def output_names(class_names: Sequence[str]) -> list[str]:
    """Of the columns that are predicted: labels or values, and the probabilities of classes."""
    return ["prediction", *(f"probability_{name}" for name in class_names)]


def _as_rows(kept: pa.Table, outputs: Floats, class_names: Sequence[str]) -> pa.Table:
    """Columns to be kept, followed by those that outputs `[N, C]` or `[N]` give."""
    columns = [outputs]
    if class_names:
        labels = pa.array(class_names, pa.string()).take(pa.array(outputs.argmax(axis=1)))
        columns = [labels, *outputs.T]
    names = [*kept.column_names, *output_names(class_names)]
    return pa.table([*kept.columns, *map(pa.array, columns)], names=names)

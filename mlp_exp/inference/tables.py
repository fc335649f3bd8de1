"""Predicts a file: its rows stream in, and their predictions stream out."""

import csv as plain_csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv, parquet

from mlp_exp.data.dataset import Column
from mlp_exp.data.statistics import Floats
from mlp_exp.data.table.columns import find_column, numeric_features
from mlp_exp.data.table.file import Opener, open_binary, shorten
from mlp_exp.data.table.misfits import FIX, Misfits
from mlp_exp.data.table.streaming import TableStream
from mlp_exp.data.table.target import class_codes, join_names
from mlp_exp.errors import DataError
from mlp_exp.inference.ensemble import Ensemble
from mlp_exp.storage.atomic import atomic
from mlp_exp.tasks.task import task_named


@dataclass(frozen=True)
class Predicted:
    """A summary: numbers of rows, the ignored columns, which no run uses, and the metrics if there is a target.

    `misfits` says of each column how many cells are taken for missing.

    There are no metrics where the prediction of a row with a target is not finite.
    """

    rows: int
    ignored: list[str]
    misfits: list[str]
    without_target: int = 0
    not_finite: int = 0
    metrics: dict[str, float | None] = field(default_factory=dict)


def predict_table(
    ensemble: Ensemble,
    path: str,
    output: Path,
    target: str | None = None,
    open_file: Opener = open_binary,
    rows: int | None = None,
) -> Predicted:
    """Writes a row of predictions for each row of a CSV or Parquet file; memory does not grow with the file.

    Args:
        output: CSV or Parquet by its ending; written as a whole or not at all.
        target: a column with the true values, for metrics, which keep a prediction of each row in memory.
        open_file: opens the table, so that a caller can show the progress.
        rows: most rows at a time; None for as many as fit.

    Raises:
        DataError: the table cannot be read, or does not hold what the runs need.
    """
    where = f"'{path}'"
    done = not_finite = 0
    with _without_key():
        stream = TableStream(path, ensemble.first.feature_schema.format)
        ensemble.check(stream.names, where)
        names = ensemble.names
        evaluation = None
        if target is not None:
            evaluation = _Evaluation(ensemble, find_column(target, stream.names, "--target"), where)
            names = list(dict.fromkeys([*names, target]))
        class_names = ensemble.class_names
        misfits = Misfits(where)
        with atomic(output) as temporary, temporary.open("wb") as file, _writer(file, output, class_names) as writer:
            for chunk in stream.chunks(names, open_file, rows or ensemble.chunk_rows):
                outputs = ensemble.outputs(chunk, misfits)
                if evaluation:
                    evaluation.add(chunk, outputs, done)
                misfits.count_rows(len(chunk))
                writer.write_table(_as_rows(outputs, class_names))
                done += len(chunk)
                not_finite += int((~np.isfinite(outputs).reshape(len(outputs), -1).all(axis=1)).sum())
            misfits.check()
    ignored = [name for name in stream.names if name not in names]
    if not evaluation:
        return Predicted(done, ignored, misfits.lines, 0, not_finite)
    return Predicted(done, ignored, misfits.lines, done - evaluation.count, not_finite, evaluation.metrics())


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
    """The columns of the predictions; without probabilities where there are no classes."""
    return ["prediction", *(f"probability_{name}" for name in class_names)]


def _as_rows(outputs: Floats, class_names: Sequence[str]) -> pa.Table:
    """Outputs `[N, C]` or `[N]` as rows with a prediction and, for classes, their probabilities."""
    if not class_names:
        return pa.table({"prediction": outputs})
    labels = pa.array(class_names, pa.string()).take(pa.array(outputs.argmax(axis=1)))
    return pa.table([labels, *(pa.array(column) for column in outputs.T)], names=output_names(class_names))


def _writer(file: BinaryIO, output: Path, class_names: Sequence[str]) -> Any:
    """Arrow's writer of such rows, of Parquet or CSV by the ending of `output`."""
    schema = _as_rows(np.zeros((0, len(class_names)) if class_names else 0), class_names).schema
    if output.suffix.lower() == ".parquet":
        return parquet.ParquetWriter(file, schema)
    header = io.StringIO()
    plain_csv.writer(header, lineterminator="\n").writerow(schema.names)  # Arrow would quote each name
    file.write(header.getvalue().encode())
    plain = not any(sign in name for name in class_names for sign in ',"\r\n')
    options = csv.WriteOptions(include_header=False, quoting_style="none" if plain else "needed")
    return csv.CSVWriter(file, schema, write_options=options)

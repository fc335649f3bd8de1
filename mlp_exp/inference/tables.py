"""Predicts a file: rows stream in, and what is said of them streams out."""

import csv as plain_csv
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv, parquet

from mlp_exp.data.dataset import Column
from mlp_exp.data.table.columns import find_column, numeric_features
from mlp_exp.data.table.file import Opener, open_binary, shorten
from mlp_exp.data.table.streaming import TableStream
from mlp_exp.data.table.target import class_codes, join_names
from mlp_exp.data.table.values import FIX
from mlp_exp.data.target_scaling import Floats
from mlp_exp.errors import DataError
from mlp_exp.inference.ensemble import Ensemble
from mlp_exp.storage.atomic import atomic
from mlp_exp.tasks.task import task_named


@dataclass(frozen=True)
class Predicted:
    """What became of a table.

    Attributes:
        rows: how many were predicted.
        ignored: columns that no run takes.
        without_target: rows that have none, where one was asked for.
        not_finite: rows whose prediction is no finite number; there are no metrics where one of them has a target.
    """

    rows: int
    ignored: list[str]
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
    """Writes a row of predictions for each row of a table; what is in memory does not grow with the table.

    Args:
        path: a CSV or Parquet file.
        output: the same by its ending; it is there as a whole or not at all.
        target: a column with the truth, for metrics; they keep a prediction of each row in memory.
        open_file: opens the table, so that a caller can watch the reading.
        rows: how many at a time at most; None for as many as fit.

    Raises:
        DataError: the table cannot be read, or does not hold what the runs need.
    """
    where = f"'{path}'"
    done = not_finite = 0
    with _named_by_path():
        stream = TableStream(path, ensemble.first.reading.separator, ensemble.first.reading.encoding)
        ensemble.check(stream.names, where)
        names = ensemble.names
        scores = None
        if target is not None:
            scores = _Scores(ensemble, find_column(target, stream.names, "--target"), where)
            names = list(dict.fromkeys([*names, target]))
        with (
            atomic(output) as temporary,
            _writer(temporary, output.suffix.lower(), ensemble.first.class_names) as write,
        ):
            for chunk in stream.chunks(names, open_file, rows or ensemble.chunk_rows):
                answers = ensemble.outputs(chunk, where, done)
                if scores:
                    scores.add(chunk, answers, done)
                write(answers)
                done += len(chunk)
                not_finite += int((~np.isfinite(answers).reshape(len(answers), -1).all(axis=1)).sum())
    ignored = [name for name in stream.names if name not in names]
    if not scores:
        return Predicted(done, ignored, 0, not_finite)
    return Predicted(done, ignored, done - scores.count, not_finite, scores.metrics())


@contextmanager
def _named_by_path() -> Iterator[None]:
    """Takes the key of the configuration, which training would be told of, from messages on the file."""
    try:
        yield
    except DataError as error:
        raise DataError(str(error).removeprefix("data.path: ")) from error


class _Scores:
    """The truth that a table holds, beside what was said of it."""

    def __init__(self, ensemble: Ensemble, target: str, where: str) -> None:
        self._run = ensemble.first
        self._where = where
        self._column = Column(target, "category" if self._run.class_names else "number", type=self._run.target_type)
        if not self._run.class_names and not self._run.target_type:
            self._column = Column(target, "number", type="double")
        self._truth: list[NDArray[Any]] = []
        self._said: list[Floats] = []
        self._codes = {name: code for code, name in enumerate(self._run.class_names)}
        self._numbers = {_number(name): code for name, code in self._codes.items()}

    @property
    def count(self) -> int:
        """Rows that have a target."""
        return sum(map(len, self._truth))

    def add(self, table: pa.Table, answers: Floats, first_row: int) -> None:
        """Takes in a piece of the table.

        Raises:
            DataError: a label is of no class, or a value is no number.
        """
        values = self._run.feature_schema.converted(self._column, table[self._column.name], self._where, first_row)
        truth: NDArray[Any]
        if self._run.class_names:
            truth = self._class_codes(values, first_row)
            there = truth >= 0
        else:
            (truth,) = numeric_features(self._column, values, self._where, first_row)
            there = ~np.isnan(truth)
        self._truth.append(truth[there])
        self._said.append(answers[there])

    def metrics(self) -> dict[str, float | None]:
        """None where nothing has a target or a prediction is not a finite number."""
        if not self.count:
            return {}
        truth, said = np.concatenate(self._truth), np.concatenate(self._said)
        if not np.isfinite(said).all():
            return {}
        return task_named(self._run.task).evaluate(truth, said)

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


@contextmanager
def _writer(path: Path, ending: str, class_names: Sequence[str]) -> Iterator[Callable[[Floats], None]]:
    """Writes answers `[N, C]` or `[N]` as rows with a prediction and, for classes, their probabilities."""
    names = ["prediction", *(f"probability_{name}" for name in class_names)]
    label = pa.string() if class_names else pa.float64()
    schema = pa.schema([(name, label if name == "prediction" else pa.float64()) for name in names])
    with path.open("wb") as file, _open_writer(file, schema, ending, class_names) as writer:

        def write(answers: Floats) -> None:
            if class_names:
                labels = pa.array(class_names, pa.string()).take(pa.array(answers.argmax(axis=1)))
                columns = [labels, *(pa.array(column) for column in answers.T)]
            else:
                columns = [pa.array(answers)]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))

        yield write


def _open_writer(file: Any, schema: pa.Schema, ending: str, class_names: Sequence[str]) -> Any:
    if ending == ".parquet":
        return parquet.ParquetWriter(file, schema)
    header = io.StringIO()
    plain_csv.writer(header, lineterminator="\n").writerow(schema.names)  # Arrow would quote each name
    file.write(header.getvalue().encode())
    plain = not any(sign in name for name in class_names for sign in ',"\r\n')
    return csv.CSVWriter(
        file,
        schema,
        write_options=csv.WriteOptions(include_header=False, quoting_style="none" if plain else "needed"),
    )

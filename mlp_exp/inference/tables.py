"""Predicts a file: its rows stream in, and their predictions stream out."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlp_exp.data.table.file import Opener, open_native
from mlp_exp.data.table.misfits import Misfits
from mlp_exp.data.table.streaming import TableStream
from mlp_exp.errors import DataError
from mlp_exp.inference.ensemble import Ensemble
from mlp_exp.inference.evaluation import Evaluation, target_columns
from mlp_exp.inference.output import kept_columns, writer
from mlp_exp.tasks.metrics import Scores


@dataclass(frozen=True)
class Predicted:
    """A summary: numbers of rows, the ignored columns, which no run uses, and the metrics if there is a target.

    `misfits` says of each column how many cells are taken for missing. There are no metrics where the prediction of a
    row with a target is not finite.

    Attributes:
        targets: the columns with the true values.
        scores: the metrics, empty without a target.
        seen: how many rows equal a training row of any run, as its network sees them; one at least if `seen_is_least`.
    """

    rows: int
    ignored: list[str]
    misfits: list[str]
    without_target: int = 0
    not_finite: int = 0
    seen: int = 0
    seen_is_least: bool = False
    targets: list[str] = field(default_factory=list)
    scores: Scores = field(default_factory=lambda: Scores({}, {}))


def predict_table(
    ensemble: Ensemble,
    path: str,
    output: Path | BinaryIO,
    targets: Sequence[str] = (),
    keep: Sequence[str] = (),
    open_file: Opener = open_native,
    rows: int | None = None,
    *,
    spread: bool = False,
) -> Predicted:
    """Writes a row of predictions for each row of a CSV or Parquet file; memory does not grow with the file.

    Args:
        output: a CSV or Parquet file by its ending, written as a whole or not at all; or a stream, for CSV.
        targets: columns with the true values, for metrics, which keep a prediction of each row in memory.
        keep: columns of the table to be written first, as `kept_columns` takes them.
        open_file: opens the table, so that a caller can show the progress.
        rows: most rows at a time; None for as many as fit.
        spread: whether to write how far the networks are apart, too.

    Raises:
        DataError: the table cannot be read, or does not hold what the runs need; or the spread is asked for of one
            network.
    """
    where = f"'{path}'"
    done = not_finite = seen = 0
    with _without_key():
        stream = TableStream(path, ensemble.first.feature_schema.format)
        ensemble.check(stream.names, where)
        truth = target_columns(targets, ensemble.task, stream.names)
        evaluation = Evaluation(ensemble.feature_schema, ensemble.task, truth, where) if truth else None
        kept = kept_columns(keep, stream.names, _made(ensemble, spread=spread))
        names = list(dict.fromkeys([*ensemble.names, *truth, *kept]))
        misfits = Misfits(where)
        with writer(output) as write:
            for chunk in stream.chunks(names, open_file, rows or ensemble.chunk_rows):
                answers, are_seen = ensemble.answers_and_seen(chunk, misfits)
                outputs = ensemble.mean(answers)
                if evaluation:
                    evaluation.add(chunk, outputs, done)
                misfits.count_rows(len(chunk))
                made = {**ensemble.task.columns(outputs), **(ensemble.spread(answers) if spread else {})}
                write(_as_rows(chunk.select(kept), made))
                done += len(chunk)
                not_finite += int((~np.isfinite(outputs).all(axis=1)).sum())
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
        truth,
        evaluation.scores() if evaluation else Scores({}, {}),
    )


@contextmanager
def _without_key() -> Iterator[None]:
    """Removes the configuration's key, which only training has, from messages about the file."""
    try:
        yield
    except DataError as error:
        raise DataError(str(error).removeprefix("data.path: ")) from error


def _made(ensemble: Ensemble, *, spread: bool) -> list[str]:
    """The names of the columns that are predicted."""
    nothing = [np.zeros((0, ensemble.task.answers_width))] * len(ensemble.runs)
    return [*ensemble.task.column_names, *(ensemble.spread(nothing) if spread else ())]


def _as_rows(kept: pa.Table, made: Mapping[str, NDArray[Any]]) -> pa.Table:
    """Columns to be kept, followed by those that were made."""
    columns = [pa.array(each, pa.string() if each.dtype.kind == "U" else None) for each in made.values()]
    return pa.table([*kept.columns, *columns], names=[*kept.column_names, *made])

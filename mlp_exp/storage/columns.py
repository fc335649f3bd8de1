"""CSV files of a run: numbers that read back exactly, and columns of predictions."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from mlp_exp.errors import RunFolderError
from mlp_exp.storage.atomic import atomic, write_text

MEMBER = "member"
"""Column with the number of a network, from 0."""
Histories = Sequence[Sequence[Sequence[float]]]
"""Of each network a row for each epoch."""


def write_numbers(path: Path, columns: Sequence[str], rows: Iterable[Sequence[float]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([float.__repr__(v) if isinstance(v, float) else repr(v) for v in row] for row in rows)
    write_text(path, text.getvalue())


def read_numbers(path: Path, columns: Sequence[str]) -> list[list[float]]:
    """The rows; RunFolderError without the file, for other columns, or for a value that is no number."""
    if not path.is_file():
        raise RunFolderError(f"{path}: there is no such file; expected the history of a run")
    try:
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        if header != list(columns) or any(len(row) != len(columns) for row in rows):
            raise ValueError(f"columns {', '.join(columns)}")
        return [[float(value) for value in row] for row in rows]
    except (ValueError, csv.Error) as error:
        raise RunFolderError(f"{path}: expected the history of a run: {error}") from error


def joined_histories(columns: Sequence[str], histories: Histories) -> tuple[list[str], list[list[float]]]:
    """Columns and rows of all networks, epoch by epoch: the epoch first, then the number of the network."""
    rows = [[row[0], number, *row[1:]] for number, rows in enumerate(histories) for row in rows]
    rows.sort(key=lambda row: (row[0], row[1]))
    return [*columns[:1], MEMBER, *columns[1:]], rows


def read_histories(path: Path) -> tuple[list[str], list[list[list[float]]]]:
    """Columns and histories of which a file has the rows of `joined_histories`; errors of `read_numbers`."""
    columns = [name for name in read_header(path) if name != MEMBER]
    histories: dict[float, list[list[float]]] = {}
    for epoch, number, *values in read_numbers(path, joined_histories(columns, [])[0]):
        histories.setdefault(number, []).append([epoch, *values])
    return columns, [histories[number] for number in sorted(histories)]


def read_header(path: Path) -> list[str]:
    """The names of the columns; empty without the file. Raises RunFolderError if it is not a history."""
    if not path.is_file():
        return []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return next(csv.reader(file), [])
    except (UnicodeError, csv.Error) as error:
        raise RunFolderError(f"{path}: expected the history of a run: {error}") from error


def write_columns(path: Path, columns: Mapping[str, NDArray[Any]]) -> None:
    """Writes columns `[n]` of numbers and texts."""
    import pyarrow as pa  # a run on a table has imported it already
    from pyarrow import csv as arrow_csv

    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    with atomic(path) as temporary:
        arrow_csv.write_csv(table, temporary)

"""The history of a run as a CSV file: a row for each epoch."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from mlp_exp.errors import RunFolderError
from mlp_exp.storage.atomic import atomic


def write_history(path: Path, columns: Sequence[str], rows: Sequence[Sequence[float]]) -> None:
    """Writes numbers so that they read back exactly."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([float.__repr__(v) if isinstance(v, float) else repr(v) for v in row] for row in rows)
    with atomic(path) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8")


def create_history(path: Path, columns: Sequence[str]) -> None:
    """Creates the file with its header; raises FileExistsError if there is one."""
    with path.open("x", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerow(columns)


def read_header(path: Path) -> list[str]:
    """The names of the columns; empty if there is no file. Raises RunFolderError if it is not a history."""
    try:
        if path.is_file():
            with path.open(encoding="utf-8", newline="") as file:
                return next(csv.reader(file), [])
    except (UnicodeError, csv.Error) as error:
        raise RunFolderError(f"{path}: expected the history of a run: {error}") from error
    return []


def read_history(path: Path, columns: Sequence[str]) -> list[list[float]]:
    """The rows; raises RunFolderError if there is no file, it has other columns, or a value is not a number."""
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

"""The journal of a study in Optuna's own format: each step of the search is one append, which counts as a whole or not.

Optuna's backend for files locks, writes and syncs for each value. Here the lines of a step are kept and appended at
once. Each of them says how many lines of its step follow; Optuna ignores the key. So a journal that was cut in the
middle of a step, by a kill or a full disk, is opened as it was before that step.
"""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from optuna.storages.journal import BaseJournalBackend

from mlp_exp.errors import RunFolderError
from mlp_exp.storage.lease import check_held

FOLLOWING = "following"
"""The key of a line that says how many lines of its step come after it."""

Line = dict[str, Any]


class StepJournal(BaseJournalBackend):
    """What `optuna.storages.JournalStorage` reads and writes; for one writer at a time."""

    def __init__(self, path: Path) -> None:
        """Opens a journal, or makes an empty one; cuts off a step that was not written as a whole.

        Raises RunFolderError if the file is not a journal.
        """
        self._path = path
        self._pending: list[str] | None = None
        self._lines = self._read() if path.exists() else []

    def read_logs(self, log_number_from: int) -> Sequence[Line]:
        return self._lines[log_number_from:]

    def append_logs(self, logs: list[Line]) -> None:
        with self.step():
            for log in logs:
                text = json.dumps(log, separators=(",", ":"), allow_nan=False)
                self._lines.append(json.loads(text))  # what a later process will read
                assert self._pending is not None
                self._pending.append(text)

    @contextmanager
    def step(self) -> Iterator[None]:
        """All that is recorded inside it is appended at its end; nothing after an error."""
        if self._pending is not None:  # inside of another one
            yield
            return
        self._pending = []
        try:
            yield
            self._append(self._pending)
        finally:
            self._pending = None

    def _append(self, texts: Sequence[str]) -> None:
        if not texts:
            return
        left = range(len(texts) - 1, -1, -1)
        lines = [f'{text[:-1]},"{FOLLOWING}":{n}}}\n' for text, n in zip(texts, left, strict=True)]
        check_held()
        with self._path.open("ab") as file:
            file.write("".join(lines).encode())
            file.flush()
            os.fsync(file.fileno())

    def _read(self) -> list[Line]:
        whole, lines, size, kept = 0, [], 0, 0
        content = self._path.read_bytes()
        rows = content.splitlines(keepends=True)
        for number, row in enumerate(rows, 1):
            line = _parse(row)
            if line is None:
                if number == len(rows):
                    break
                raise RunFolderError(
                    f"{self._path}, line {number}: expected a record of Optuna's journal, found {row[:40]!r}. The file "
                    "is damaged: restore it, or start the search in a new folder"
                )
            lines.append(line)
            size += len(row)
            if not line.get(FOLLOWING):
                whole, kept = len(lines), size
        if kept < len(content):
            os.truncate(self._path, kept)
        return lines[:whole]


def _parse(row: bytes) -> Line | None:
    """The record in a line; None if it holds none, or not all of it."""
    if not row.endswith(b"\n"):
        return None
    try:
        line = json.loads(row)
    except ValueError:
        return None
    return line if isinstance(line, dict) and "op_code" in line else None

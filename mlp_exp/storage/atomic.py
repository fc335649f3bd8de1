"""Atomic writes: a reader sees the old file or the new one, never a partial one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlp_exp.storage.lease import check_held


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A temporary path to write to: renamed to `path` at the end, removed after an error."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        check_held()
        os.replace(temporary, path)
    except OSError as error:
        if error.filename is None:  # as after a write to a full disk
            raise OSError(error.errno, f"{error.strerror} (nothing was written there)", str(path)) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str, errors: str = "strict") -> None:
    """Writes a text file in UTF-8 as a whole; `errors` as of `str.encode`."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors=errors)

"""Files that travel in pieces, between machines that share none: to a worker with a task, and back as they are written.

All paths in pieces are those of the command's machine.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from mlp_exp.experiment.elsewhere import below
from mlp_exp.storage.lease import check_held
from mlp_exp.storage.run_folder import RESULT

PARCEL_BYTES = 4 * 2**20
"""Pieces are sent together up to this size; larger ones are not made."""
TEXTS = (".json", ".log")
"""Endings of files in which a worker may have written paths."""
Parcel = list["Piece"]
Stamp = tuple[int, int, int]


class Piece(NamedTuple):
    """A part of a file.

    Attributes:
        path: of the file.
        data: its next bytes; None for a file that is removed.
        last: whether the file is whole with it.
    """

    path: str
    data: bytes | None
    last: bool


def pieces_of(file: Path, path: str, hidden: bytes = b"") -> Iterator[Piece]:
    """The pieces of a file as it is now; none if there is no such file any more.

    Args:
        path: by which the other side knows it.
        hidden: is left out of texts.
    """
    with suppress(FileNotFoundError), file.open("rb") as source:
        left = os.fstat(source.fileno()).st_size  # what is appended meanwhile is for the next time
        while left > 0 and (data := source.read(min(left, PARCEL_BYTES))):
            if hidden and file.suffix in TEXTS:
                data += source.readline(max(left - len(data), 0))
            left -= len(data)
            yield Piece(path, data.replace(hidden, b"") if hidden and file.suffix in TEXTS else data, False)
        yield Piece(path, b"", True)


def packed(pieces: Iterable[Piece]) -> Iterator[Parcel]:
    """Pieces in parcels of some size."""
    parcel: Parcel = []
    size = 0
    for piece in pieces:
        parcel.append(piece)
        size += len(piece.data or b"")
        if size >= PARCEL_BYTES:
            yield parcel
            parcel, size = [], 0
    if parcel:
        yield parcel


def files_of(folder: Path) -> list[Path]:
    """The files in a run folder, without links and those that are just being written."""
    found = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return [path for path in found if not (path.name.startswith(".") and path.name.endswith(".tmp"))]


class Receiver:
    """Writes what comes; a file is there when it is whole.

    Args:
        place: where a path of the command's machine is on this one.
    """

    def __init__(self, place: Callable[[str], Path]) -> None:
        self._place = place
        self._parts: dict[Path, Path] = {}

    def take(self, parcel: Parcel) -> None:
        """Raises OSError, with the path, where it cannot be written."""
        for path, data, last in parcel:
            target = self._place(path)
            try:
                if data is None:
                    target.unlink(missing_ok=True)
                else:
                    self._add(target, data, last=last)
            except OSError as error:
                raise OSError(error.errno, error.strerror or str(error), str(target)) from error

    def _add(self, target: Path, data: bytes, *, last: bool) -> None:
        begins = target not in self._parts
        if begins:
            target.parent.mkdir(parents=True, exist_ok=True)
            self._parts[target] = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        with self._parts[target].open("wb" if begins else "ab") as file:
            file.write(data)
        if last:
            check_held()
            self._parts.pop(target).replace(target)

    def close(self) -> None:
        """Removes files of which the rest has not come."""
        for part in self._parts.values():
            part.unlink(missing_ok=True)
        self._parts.clear()


class Changes:
    """What a worker has changed in run folders since the command has seen them.

    Args:
        root: the folder below which the worker's files are, and so of all paths that it writes.
        folders: of the runs, as they are on the command's machine; what is in them now the command knows.
    """

    def __init__(self, root: Path, folders: Iterable[str]) -> None:
        self._root = root
        self._known = {folder: _stamps(below(root, folder)) for folder in folders}

    def so_far(self) -> Iterator[Parcel]:
        """Those of all runs, which may still train: without results, since what belongs to one may be missing."""
        return packed(piece for folder in self._known for piece in self._pieces(folder, trains=True))

    def whole(self, folder: str) -> Iterator[Parcel]:
        """Those of a run that has ended, or paused."""
        return packed(self._pieces(folder, trains=False))

    def _pieces(self, folder: str, *, trains: bool) -> Iterator[Piece]:
        here = below(self._root, folder)
        known, now = self._known[folder], _stamps(here)
        if trains:
            now.pop(RESULT, None)
            now |= {RESULT: known[RESULT]} if RESULT in known else {}
        self._known[folder] = now
        for name in sorted(known.keys() - now.keys()):
            yield Piece(str(Path(folder, name)), None, True)
        changed = [name for name, stamp in now.items() if known.get(name) != stamp]
        for name in sorted(changed, key=lambda name: (name == RESULT, now[name])):  # as they were written
            yield from pieces_of(here / name, str(Path(folder, name)), os.fsencode(self._root))


def _stamps(folder: Path) -> dict[str, Stamp]:
    """When each file in a run folder was written, its size, and its number on the drive."""
    stamps = {}
    for file in files_of(folder):
        with suppress(FileNotFoundError):
            found = file.stat()
            stamps[file.relative_to(folder).as_posix()] = (found.st_mtime_ns, found.st_size, found.st_ino)
    return stamps

"""What `train`, `sweep` and `search` have in common: where they write, what they train from, and how they continue."""

import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from mlp_exp.api.command import command
from mlp_exp.api.overrides import argument
from mlp_exp.api.tables import read_data
from mlp_exp.cli.hydra_words import RUN_DIR, SWEEP_DIR
from mlp_exp.cli.in_python import Called
from mlp_exp.config.dotted import key_in
from mlp_exp.data.table.file import NOT_SAVED
from mlp_exp.data.table.frames import save_table
from mlp_exp.display.commands import RESUME
from mlp_exp.errors import ConfigError, DataError, RunFolderError
from mlp_exp.storage.atomic import atomic
from mlp_exp.storage.run_folder import CHECKPOINT, DATA, HISTORY, RESULT, RunFolder
from mlp_exp.storage.sweep_folder import MULTIRUN, is_untrained

DATED = "outputs/DATE/TIME"
"""Stands for a new folder, as the command line makes it: `outputs/DATE/TIME`, or of a sweep `outputs/multirun/…`."""
BEGUN = (RESULT, HISTORY, CHECKPOINT, MULTIRUN)
"""Files of which a folder has one once something trains in it."""
Folder = str | os.PathLike[str]


class TemporaryFolder:
    """A folder that is there as long as this object is.

    Attributes:
        path: of the folder.
    """

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="mlp_exp-"))
        weakref.finalize(self, _remove, self.path, os.getpid())


def _remove(folder: Path, process: int) -> None:
    if os.getpid() == process:  # and not in a fork of it, which trains there
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Call:
    """One call of `train`, `sweep` or `search`, whose arguments these are.

    Attributes:
        words: the overrides, as arguments of the command line.
        sweeps: whether it is for several runs.
    """

    words: Sequence[str]
    sweeps: bool
    data: Any
    target: Any
    folder: Folder | None
    save_data: bool
    resume: Folder | None
    quiet: bool

    def carry_out(self) -> tuple[Called, TemporaryFolder | None]:
        """Trains; returns what was done, and what holds its folder where that is temporary.

        Raises:
            MlpExpError: as of `command`; or the arguments do not fit together.
        """
        self._require_said_once()
        multirun = ["--multirun"] if self.sweeps else []
        if self.resume is not None:
            self._require_resumable(Path(self.resume))
            return command([*multirun, f"{RESUME}={os.fspath(self.resume)}", *self.words], quiet=self.quiet), None
        table, of_data = read_data(self.data, self.target)
        keep = TemporaryFolder() if self.folder is None else None
        place = self._place(keep, has_table=table is not None)
        where = [] if place is None else [argument(self._dir_key, place, sweeps=False)]
        with ExitStack() as around:
            if table is not None and place is not None:
                path = around.enter_context(self._saved(table, place))
                of_data.append(argument("data.path", path, sweeps=False))
            return command([*multirun, *of_data, *self.words, *where], quiet=self.quiet), keep

    @property
    def _dir_key(self) -> str:
        return (SWEEP_DIR if self.sweeps else RUN_DIR).removesuffix("=")

    def _require_said_once(self) -> None:
        """Raises ConfigError for overrides of what the other arguments say, or the function that was called."""
        chosen = self.folder != DATED or not isinstance(self.data, str | os.PathLike | None)
        problems = {self._dir_key: "leave it out, and give folder=…"} if chosen else {}
        problems["hydra.mode"] = "leave it out: train() trains one run, and sweep() several"
        if self.data is not None:
            problems |= dict.fromkeys(("data", "data.path"), "leave it out: data=… was given")
        if self.target is not None:
            problems["data.target"] = "leave it out: target=… was given"
        keys = [key_in(word) for word in self.words]
        if self._lacks_data(keys):
            raise ConfigError(["data: missing; target=… names a column of a table, which is given as data=…"])
        if found := [f"{key}: {what}" for key, what in problems.items() if key in keys]:
            raise ConfigError(found)

    def _lacks_data(self, keys: Sequence[str]) -> bool:
        """Whether there is a target, and no data that may have it, unless some configuration of the user's does."""
        given = {key.lstrip("+").partition(".")[0] for key in keys}
        elsewhere = given & {"data", "experiment"} or any(word.startswith("-") for word in self.words)
        return self.target is not None and self.data is None and self.resume is None and not elsewhere

    def _require_resumable(self, folder: Path) -> None:
        own = {"data": self.data, "target": self.target, "folder": None if self.folder == DATED else self.folder}
        given = [name for name, value in own.items() if value is not None]
        if given:
            raise ConfigError([f"{name}: {RESUME}={str(folder)!r} has its own; leave it out" for name in given])
        is_sweep = (folder / MULTIRUN).is_file() and not (folder / CHECKPOINT).exists()
        if is_sweep and not self.sweeps:
            raise RunFolderError(f"{folder}: is a sweep; continue it with {continuation('sweep', folder)}")
        if self.sweeps and not is_sweep:
            how = f"a run is continued with {continuation('train', folder)}"
            raise RunFolderError(f"{folder}: expected the folder of a sweep, with {MULTIRUN}; {how}")

    def _place(self, keep: TemporaryFolder | None, *, has_table: bool) -> Path | None:
        """The folder of the run or sweep; None where the command line is to choose it."""
        if keep is not None:
            return keep.path
        if self.folder != DATED:
            return None if self.folder is None else Path(self.folder)
        above = Path("outputs", "multirun") if self.sweeps else Path("outputs")
        return above / f"{datetime.now():%Y-%m-%d/%H-%M-%S-%f}" if has_table else None

    @contextmanager
    def _saved(self, table: pa.Table, place: Path) -> Iterator[Path]:
        """The file that a table is trained from: in the folder, unless it is not to be saved there."""
        if not (self.save_data or self.folder is None):
            if not self.quiet:
                print("The table is not saved (save_data=False): what is trained here predicts, but cannot be resumed.")
            scratch = TemporaryFolder()
            save_table(table, scratch.path / NOT_SAVED)
            yield scratch.path / NOT_SAVED
            return
        path = place.absolute() / DATA
        taken = () if RunFolder(place).is_untrained or is_untrained(place) else (*BEGUN, DATA)
        for name in taken:
            if (place / name).exists():
                raise RunFolderError(f"{place}: holds {name} of an earlier run or sweep; choose another folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic(path) as temporary:
            save_table(table, temporary)
        try:
            yield path
        except DataError as error:  # the caller knows no such file
            error.args = (str(error).replace(f"data.path: '{path}'", "data").replace(f"'{path}': ", ""),)
            raise
        finally:
            if not any((place / name).exists() for name in BEGUN):  # it was refused
                path.unlink()
                with suppress(OSError):
                    path.parent.rmdir()


def continuation(function: str, folder: Path) -> str:
    """How something is continued from Python."""
    return f"{function}({RESUME}={str(folder)!r})"

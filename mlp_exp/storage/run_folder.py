"""The run folder. No other file knows the names of its files, but for those that Hydra saves.

Files are written under a temporary name and then renamed, so that a reader never sees a partial file.
"""

import csv
import difflib
import json
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, get_args

from numpy.typing import NDArray
from omegaconf import OmegaConf

from mlp_exp.config.components import current_names
from mlp_exp.config.words import of_folder
from mlp_exp.errors import RunFolderError, UntrustedError, describe
from mlp_exp.storage import tensor_file
from mlp_exp.storage.atomic import atomic, write_text
from mlp_exp.storage.columns import (
    joined_histories,
    read_header,
    read_histories,
    read_numbers,
    write_columns,
    write_numbers,
)
from mlp_exp.storage.ended import require_file
from mlp_exp.storage.folder_lock import folder_lock
from mlp_exp.storage.free_folder import free_folder
from mlp_exp.storage.hydra_files import HYDRA, HYDRA_CONFIG, OVERRIDES, HydraFiles
from mlp_exp.storage.model_file import read_model, read_models

DONE = ("finished", "stopped_early", "diverged")
"""Status of a run that is over and is not tried again."""
PRUNED = "pruned"
"""Status of a run that a search has ended early; it can be resumed."""
UNFINISHED = "unfinished"
"""Shown in place of a status if a run has no result: it waits, trains, or was killed."""

HISTORY = "history.csv"
MEMBER_HISTORIES = "members.csv"
HELD_OUT = "oof.csv"
RESULT = "result.json"
BASELINES = "baselines.json"
MODEL = "model.pt"
CHECKPOINT = "checkpoint.pt"
DATA = "data.parquet"
"""The table in memory that a run, or a sweep, was trained on."""
PLOTS = "plots"
FigureFormat = Literal["png", "svg"]
TRACKED = "tracker.json"
EVENT_FILES = "tensorboard"
CHOSEN = "chosen"
"""In the result of a combination of runs: these, with their weights."""


class RunFolder(HydraFiles):
    """The folder of one run, which need not exist; its path is made absolute."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).absolute()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Raises RunFolderError if another process trains this run; without effect where folders cannot be locked."""
        with folder_lock(self.path, wait=False) as free:
            if not free:
                raise RunFolderError(f"{self.path}: another process is training this run; wait for it, or end it")
            yield

    def require_unused(self, what: Literal["run", "sweep"] = "run") -> None:
        """Raises RunFolderError if `what` cannot begin here: there is result or history of a run that has trained."""
        if self.is_untrained:
            return
        for name in (RESULT, HISTORY):
            if (self.path / name).exists():
                raise RunFolderError(f"{self.path}: holds {name} of {self._other_run(what)}")

    @property
    def is_untrained(self) -> bool:
        """Whether the run here failed before it trained anything, as by a mistake in its data."""
        trained = any((self.path / name).exists() for name in (HISTORY, MODEL, CHECKPOINT))
        if trained or not (self.path / RESULT).exists():
            return False
        with suppress(RunFolderError):
            return (self.result() or {}).get("status") == "failed"
        return False

    def _other_run(self, what: str) -> str:
        """Which run is there, and what to type, also to go on with it or to replace it where it has not ended well."""
        status, which = None, "another run"
        with suppress(RunFolderError):  # it is damaged: perhaps not even a run's
            status = (self.result() or {}).get("status")
        ways = [f"give this {what} a folder of its own: {free_folder(f'hydra.{what}.dir', self.path)}"]
        if status not in (None, *DONE):
            which = f"a run with status {status}"
            ways.insert(0, f"replace it: rm -r {shlex.quote(str(self.path))}")
        if status not in DONE and self.checkpoint.exists():
            ways.insert(0, f"go on with it: {of_folder('resume', self.path)}")
        said = "; or ".join(ways)
        return f"{which}. {said[0].upper()}{said[1:]}"

    def result(self) -> dict[str, Any] | None:
        """The content of `result.json`; None if there is none. Raises RunFolderError if it is not a result."""
        from mlp_exp.storage.result import read_result  # imports pydantic, which `--help` should not wait for

        return read_result(self.path / RESULT)

    def prepare(self, *, resumes: bool) -> dict[str, Any] | None:
        """Makes sure that a run can begin or continue here; returns the result if it is resumed and over, else None.

        A run that is resumed without a checkpoint begins again: the files that it left are removed.
        Raises RunFolderError if the folder has files of another run, or its files cannot be read.
        """
        if not resumes:
            self.require_unused()
            if self.is_untrained:
                (self.path / RESULT).unlink()
            return None
        if self.path.exists():
            self.require_own_files()
        result = self.result()
        if result is not None and result["status"] in DONE:
            return result
        if not self.checkpoint.exists():
            self.clear()
        return None

    def clear(self) -> None:
        """Removes result, history and model of an unfinished run. Keeps the log; with a checkpoint, also the model."""
        kept = (MODEL,) if self.checkpoint.exists() else ()
        for name in {RESULT, HISTORY, MEMBER_HISTORIES, HELD_OUT, MODEL}.difference(kept):
            (self.path / name).unlink(missing_ok=True)

    def discard_checkpoint(self) -> None:
        """Removes all that a run has trained so far, which then begins anew."""
        self.checkpoint.unlink()
        self.clear()

    def save_extended(self, config: Mapping[str, Any], override: str) -> None:
        """Updates Hydra's files, if there are any, for a run that is trained further because of this override."""
        if not (self.path / HYDRA).is_dir():
            return
        write_text(self.path / HYDRA_CONFIG, OmegaConf.to_yaml(OmegaConf.create(dict(config))))
        overrides = self.path / OVERRIDES
        typed = overrides.read_text(encoding="utf-8").strip() if overrides.is_file() else ""
        write_text(overrides, f"{typed.removeprefix('[]')}\n- {override}\n".lstrip())

    def claim(self, columns: Sequence[str]) -> None:
        """Creates the history with its header; raises RunFolderError if another run has begun here."""
        try:
            with (self.path / HISTORY).open("x", encoding="utf-8", newline="") as file:
                csv.writer(file, lineterminator="\n").writerow(columns)
        except FileExistsError:
            self.require_unused()

    def write_history(self, columns: Sequence[str], rows: Sequence[Sequence[float]]) -> None:
        """Writes a row for each epoch, with numbers that read back exactly."""
        write_numbers(self.path / HISTORY, columns, rows)

    def write_member_histories(self, columns: Sequence[str], histories: Sequence[Sequence[Sequence[float]]]) -> None:
        """Writes the histories of an ensemble's networks, epoch by epoch."""
        write_numbers(self.path / MEMBER_HISTORIES, *joined_histories(columns, histories))

    def read_member_histories(self) -> tuple[list[str], list[list[list[float]]]]:
        """The columns and histories that `write_member_histories` has written; errors of `read_history`."""
        return read_histories(self.path / MEMBER_HISTORIES)

    def write_held_out(self, columns: Mapping[str, NDArray[Any]]) -> None:
        """Writes predictions of rows that were held out, by columns `[n]`."""
        write_columns(self.path / HELD_OUT, columns)

    def of_member(self, number: int) -> Path:
        """A folder for what callbacks write of one network of an ensemble."""
        path = self.path / "members" / str(number)
        path.mkdir(parents=True, exist_ok=True)
        return path

    @property
    def history_columns(self) -> list[str]:
        """The header of the history; empty if there is none. Raises RunFolderError if it is not a history."""
        return read_header(self.path / HISTORY)

    def read_history(self, columns: Sequence[str]) -> list[list[float]]:
        """The rows; raises RunFolderError without a history, for other columns, or for a value that is no number."""
        return read_numbers(self.path / HISTORY, columns)

    def history_mtime(self) -> int:
        """Modification time of the history, in nanoseconds since 1970; 0 if there is none."""
        try:
            return (self.path / HISTORY).stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def write_result(self, result: Mapping[str, Any]) -> None:
        """Writes `result` as JSON; raises ValueError for a number that is not finite."""
        write_text(self.path / RESULT, json.dumps(result, indent=2, allow_nan=False) + "\n")

    def write_failure(self, error: BaseException) -> None:
        """Writes the result of a run that an error ended, or Ctrl-C, which is no failure; keeps an earlier one."""
        if not (self.path / RESULT).exists():
            why = {} if isinstance(error, KeyboardInterrupt) else {"reason": describe(error)}
            self.write_result({"status": "failed" if why else "interrupted", **why, "metrics": {}})

    def write_model(self, model: Mapping[str, Any]) -> None:
        """Writes a mapping of tensors, numbers and texts."""
        tensor_file.write_tensors(self.path / MODEL, model)

    def read_model(self) -> dict[str, Any]:
        """The content of the model file of a run. What its configuration would call is not checked yet.

        Raises RunFolderError for no such file, a damaged one, or a combination of runs, which has not trained itself;
        UntrustedError for links that lead out of the folder.
        """
        return read_model(self._model())

    @property
    def is_combination(self) -> bool:
        """Whether its result says that it was not trained, but chosen from runs that were."""
        return CHOSEN in (self.result() or {})

    def read_models(self) -> dict[str, Any]:
        """Likewise, also of a combination: `models`, each the content of a run's model file, and their `weights`."""
        return read_models(self._model())

    def _model(self) -> Path:
        """The model file; raises RunFolderError for a run that has none because it was pruned, or failed before."""
        self.require_own_files()
        require_file(self.path / MODEL, self.result() or {}, goes_on=self.checkpoint.exists())
        return self.path / MODEL

    @property
    def checkpoint(self) -> Path:
        return self.path / CHECKPOINT

    def write_checkpoint(self, checkpoint: Mapping[str, Any]) -> None:
        tensor_file.write_tensors(self.checkpoint, checkpoint)

    def read_checkpoint(self) -> dict[str, Any]:
        """The content of the checkpoint; like `read_model`."""
        self.require_own_files()
        require_file(self.checkpoint, self.result() or {}, goes_on=False)
        content = tensor_file.read_tensors(self.checkpoint, "a checkpoint of a run", "format", "config")
        return content | {"config": current_names(content["config"])}

    def _near(self) -> str:
        """The folder beside it whose name is nearest, as a question."""
        beside = {path.name: path for path in self.path.parent.glob("*/")}
        near = difflib.get_close_matches(self.path.name, beside, n=1, cutoff=0.65)
        return f". Did you mean {beside[near[0]]}?" if near else ""

    def require_own_files(self) -> None:
        """Raises RunFolderError if there is no such folder, and UntrustedError if it may have been made to do harm.

        A link out of it could redirect what is written, and reading from anything but a file might never end.
        """
        if not self.path.is_dir():
            raise RunFolderError(f"{self.path}: there is no such folder; expected that of a run{self._near()}")
        inside = self.path.resolve()
        for path in list(self.path.rglob("*")):  # as a list: an error would leave a directory open
            if path.is_symlink() and not path.resolve().is_relative_to(inside):
                raise UntrustedError(f"{path}: is a link that leads out of the run's folder; remove it")
            if path.exists() and not (path.is_file() or path.is_dir()):
                raise UntrustedError(f"{path}: is neither a file nor a folder; remove it")

    @property
    def figures(self) -> Path:
        return self.path / PLOTS

    def figure_files(self) -> list[Path]:
        """Existing figures, sorted by name. Links are left out: they may lead anywhere."""
        found = (path for path in self.figures.glob("*") if path.suffix[1:] in get_args(FigureFormat))
        return sorted(path for path in found if path.is_file() and not path.is_symlink())

    @property
    def event_files(self) -> Path:
        return self.path / EVENT_FILES

    def attachments(self) -> list[Path]:
        """The files that a tracker stores, as far as they exist: configuration, history, results, model and figures."""
        files = [self.path / name for name in (HYDRA_CONFIG, HISTORY, RESULT, BASELINES, MODEL)]
        return [file for file in files if file.is_file() and not file.is_symlink()] + self.figure_files()

    def write_figure(self, name: str, content: bytes) -> None:
        """Saves a figure as `plots/<name>`, a name with its suffix."""
        self.figures.mkdir(exist_ok=True)
        with atomic(self.figures / name) as temporary:
            temporary.write_bytes(content)


def runs_in(folder: Path) -> list[RunFolder]:
    """The run in a folder and all runs below it, at any depth, sorted by path."""
    begun = [path.parent.parent for path in folder.rglob(OVERRIDES)]
    own = [folder] if (folder / RESULT).is_file() else []
    return [RunFolder(path) for path in sorted({*begun, *own})]

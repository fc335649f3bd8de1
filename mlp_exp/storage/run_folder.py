"""The run folder: the only place that knows the names of its files.

Every file is written under a temporary name and renamed, so that none is ever half there.
"""

import csv
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from mlp_exp.config.components import current_names
from mlp_exp.errors import RunFolderError, UntrustedError, describe
from mlp_exp.storage.atomic import atomic
from mlp_exp.storage.yaml_file import read_yaml

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

DONE = ("finished", "stopped_early", "diverged")
"""How a run ends that needs no other try."""
UNFINISHED = "unfinished"
"""What is said of a run that has no result: it waits, trains, or was killed."""

HISTORY = "history.csv"
RESULT = "result.json"
MODEL = "model.pt"
CHECKPOINT = "checkpoint.pt"
HYDRA = ".hydra"
OVERRIDES = f"{HYDRA}/overrides.yaml"
PLOTS = "plots"
TRACKED = "tracker.json"
EVENT_FILES = "tensorboard"

MOST_SETTINGS = 100_000
"""Values in the configuration that Hydra has saved."""
MODEL_FORMAT = 2
"""Of what a model file holds; another one is refused."""


def _is_locked(folder: int) -> bool:
    """Whether another process has locked an open folder; else it is locked now."""
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


class RunFolder:
    """A folder that belongs to one run."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).absolute()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Inside, no other process trains the run of this folder; where the system knows no such locks, one may.

        Raises:
            RunFolderError: one does.
        """
        if fcntl is None:
            yield
            return
        folder = os.open(self.path, os.O_RDONLY)
        try:
            with suppress(OSError):  # some network drives lock no folders
                if _is_locked(folder):
                    raise RunFolderError(f"{self.path}: another process is training this run; wait for it, or end it")
            yield
        finally:
            os.close(folder)  # with which the lock is gone, as with the process

    def require_unused(self) -> None:
        """Raises RunFolderError where another run has left its files."""
        for name in (RESULT, HISTORY):
            if (self.path / name).exists():
                raise RunFolderError(
                    f"{self.path}: holds {name} of another run. Give this run a folder of its own: hydra.run.dir=…"
                )

    def result(self) -> dict[str, Any] | None:
        """The result, if the run has one.

        Raises:
            RunFolderError: the file holds something else.
        """
        from mlp_exp.storage.result import read_result  # with pydantic, which `--help` does not wait for

        return read_result(self.path / RESULT)

    def make_room(self, *, resumes: bool) -> dict[str, Any] | None:
        """Makes sure that a run can begin here, or go on.

        Args:
            resumes: whether the folder goes on with what an earlier command began; what a run without a checkpoint has
                left is then removed.

        Returns:
            The result of a run that needs no other try, when resumed; else None.

        Raises:
            RunFolderError: another run's files are there, or they cannot be read.
        """
        if not resumes:
            self.require_unused()
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
        """Removes what a run that did not come to its end says of itself; the log stays, and what it goes on from."""
        stays = (MODEL,) if self.checkpoint.exists() else ()
        for name in {RESULT, HISTORY, MODEL}.difference(stays):
            (self.path / name).unlink(missing_ok=True)

    def save_extended(self, config: Mapping[str, Any], override: str) -> None:
        """Saves the configuration of a run that is extended, and what was typed for it, over what Hydra has saved."""
        hydra_folder = self.path / HYDRA
        if not hydra_folder.is_dir():
            return
        with atomic(hydra_folder / "config.yaml") as temporary:
            temporary.write_text(OmegaConf.to_yaml(OmegaConf.create(dict(config))), encoding="utf-8")
        overrides = hydra_folder / "overrides.yaml"
        typed = overrides.read_text(encoding="utf-8").strip() if overrides.is_file() else ""
        with atomic(overrides) as temporary:
            temporary.write_text(f"{typed.removeprefix('[]')}\n- {override}\n".lstrip(), encoding="utf-8")

    def claim(self, columns: Sequence[str]) -> None:
        """Begins the history with its columns; of two runs that want one folder, only one can.

        Raises:
            RunFolderError: another run has begun here.
        """
        try:
            with (self.path / HISTORY).open("x", encoding="utf-8", newline="") as file:
                csv.writer(file, lineterminator="\n").writerow(columns)
        except FileExistsError:
            self.require_unused()

    def write_history(self, columns: Sequence[str], rows: Sequence[Sequence[float]]) -> None:
        """All epochs so far; numbers are written so that they read back exactly."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([float.__repr__(v) if isinstance(v, float) else repr(v) for v in row] for row in rows)
        with atomic(self.path / HISTORY) as temporary:
            temporary.write_text(text.getvalue(), encoding="utf-8")

    def write_result(self, result: Mapping[str, Any]) -> None:
        """`result` as JSON; raises ValueError for a number that is not finite."""
        with atomic(self.path / RESULT) as temporary:
            temporary.write_text(json.dumps(result, indent=2, allow_nan=False) + "\n", encoding="utf-8")

    def write_failure(self, error: BaseException) -> None:
        """The result of a run that ended before it could write its own; an earlier one stays."""
        if not (self.path / RESULT).exists():
            status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
            self.write_result({"status": status, "reason": describe(error), "metrics": {}})

    def write_model(self, model: Mapping[str, Any]) -> None:
        """Tensors, numbers and texts alone."""
        from mlp_exp.storage.tensor_file import write_tensors

        write_tensors(self.path / MODEL, model)

    def read_model(self) -> dict[str, Any]:
        """What `write_model` wrote; its configuration is not checked yet for what it would call.

        Raises:
            RunFolderError: there is none, or it is damaged.
        """
        from mlp_exp.storage.tensor_file import read_tensors

        path = self.path / MODEL
        self.require_own_files()
        model = read_tensors(path, "a model of this project")
        if not {"config", "state_dict"} <= model.keys():
            raise RunFolderError(f"{path}: expected a model of this project: it has no config and state_dict")
        return model | {"config": current_names(model["config"])}

    @property
    def checkpoint(self) -> Path:
        """The file of the checkpoint."""
        return self.path / CHECKPOINT

    def write_checkpoint(self, checkpoint: Mapping[str, Any]) -> None:
        """Tensors, numbers and texts alone."""
        from mlp_exp.storage.tensor_file import write_tensors

        write_tensors(self.checkpoint, checkpoint)

    def read_checkpoint(self) -> dict[str, Any]:
        """What `write_checkpoint` wrote; its configuration is not checked yet for what it would call.

        Raises:
            RunFolderError: there is none, or it is damaged.
        """
        from mlp_exp.storage.tensor_file import read_tensors

        self.require_own_files()
        checkpoint = read_tensors(self.checkpoint, "a checkpoint of a run")
        if not {"format", "config"} <= checkpoint.keys():
            raise RunFolderError(f"{self.checkpoint}: expected a checkpoint of a run: it has no format and config")
        return checkpoint | {"config": current_names(checkpoint["config"])}

    def require_own_files(self) -> None:
        """Refuses a folder that is not there, that has a link out of it, or a pipe.

        What is written to a link would land elsewhere, and a pipe would be waited for.

        Raises:
            RunFolderError: there is no such folder.
            UntrustedError: it has such a link, or something else than files and folders.
        """
        if not self.path.is_dir():
            raise RunFolderError(f"{self.path}: there is no such folder; expected that of a run")
        inside = self.path.resolve()
        for path in self.path.rglob("*"):
            if path.is_symlink() and not path.resolve().is_relative_to(inside):
                raise UntrustedError(f"{path}: is a link that leads out of the run's folder; remove it")
            if path.exists() and not (path.is_file() or path.is_dir()):
                raise UntrustedError(f"{path}: is neither a file nor a folder; remove it")

    @property
    def history_columns(self) -> list[str]:
        """The header of the history; nothing where there is none."""
        path = self.path / HISTORY
        try:
            if path.is_file():
                with path.open(encoding="utf-8", newline="") as file:
                    return next(csv.reader(file), [])
        except (UnicodeError, csv.Error) as error:
            raise RunFolderError(f"{path}: expected the history of a run: {error}") from error
        return []

    def read_history(self, columns: Sequence[str]) -> list[list[float]]:
        """The rows of the history.

        Raises:
            RunFolderError: there is none, it has other columns, or it holds something else than numbers.
        """
        path = self.path / HISTORY
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

    def history_written(self) -> int:
        """When the history was written, in nanoseconds since 1970; 0 where there is none."""
        try:
            return (self.path / HISTORY).stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def overrides(self) -> list[str]:
        """As typed for this run; none where Hydra has saved nothing.

        Raises:
            RunFolderError: the file holds something else.
        """
        saved = self.path / OVERRIDES
        overrides = (read_yaml(saved) or []) if saved.exists() else []
        if not isinstance(overrides, list) or not all(isinstance(override, str) for override in overrides):
            raise RunFolderError(f"{saved}: expected a list of overrides")
        return overrides

    def config(self) -> dict[str, Any]:
        """The configuration that Hydra has saved, as it stands in the file; empty where there is none.

        Raises:
            RunFolderError: the file holds something else, or too much when it is written out.
        """
        from mlp_exp.config.trust import check_plain  # with pydantic, as above

        saved = self.path / HYDRA / "config.yaml"
        config = read_yaml(saved) if saved.exists() else {}
        if not isinstance(config, dict):
            raise RunFolderError(f"{saved}: expected the configuration of a run")
        check_plain(config, saved, MOST_SETTINGS)
        named: dict[str, Any] = current_names(config)
        return named

    def job_number(self) -> int | None:
        """In a sweep; None for a run that was no job.

        Raises:
            RunFolderError: the file holds something else.
        """
        saved = self.path / HYDRA / "hydra.yaml"
        if not saved.exists():
            return None
        try:
            number = read_yaml(saved)["hydra"]["job"]["num"]
        except (KeyError, TypeError) as error:
            raise RunFolderError(f"{saved}: expected Hydra's settings with hydra.job.num") from error
        return number if isinstance(number, int) else None

    @property
    def figures(self) -> Path:
        """The folder of the figures."""
        return self.path / PLOTS

    def figure_files(self) -> list[Path]:
        """The figures that are drawn, by name; no links, which may lead anywhere."""
        return sorted(path for path in self.figures.glob("*.png") if path.is_file() and not path.is_symlink())

    @property
    def event_files(self) -> Path:
        """The folder of what TensorBoard reads."""
        return self.path / EVENT_FILES

    def attachments(self) -> list[Path]:
        """The files that a tracker keeps of a run: what it was, what came out, and the figures that are drawn."""
        names = (f"{HYDRA}/config.yaml", HISTORY, RESULT, MODEL)
        files = [self.path / name for name in names]
        return [file for file in files if file.is_file() and not file.is_symlink()] + self.figure_files()

    def write_figures(self, figures: Mapping[str, Any]) -> None:
        """matplotlib figures by name, as `plots/<name>.png`."""
        self.figures.mkdir(exist_ok=True)
        for name, figure in figures.items():
            with atomic(self.figures / f"{name}.png") as temporary:
                figure.savefig(temporary, format="png", dpi=120)


def runs_in(folder: Path) -> list[RunFolder]:
    """The folder itself, where it is a run's, and the runs at any depth in it that Hydra has begun, by path."""
    begun = [path.parent.parent for path in folder.rglob(OVERRIDES)]
    itself = [folder] if (folder / RESULT).is_file() else []
    return [RunFolder(path) for path in sorted({*begun, *itself})]

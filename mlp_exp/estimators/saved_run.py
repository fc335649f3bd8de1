"""The files of a trained run, kept in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.filesize import decimal

from mlp_exp.api.calling import TemporaryFolder
from mlp_exp.errors import RunFolderError
from mlp_exp.inference.ensemble import Ensemble
from mlp_exp.inference.loading import load_runs
from mlp_exp.inference.trained_run import TrainedRun
from mlp_exp.storage.free_folder import what_is_there
from mlp_exp.storage.run_folder import CHECKPOINT


@dataclass(frozen=True, repr=False)
class SavedRun:
    """All files of a run's folder but the checkpoint.

    Attributes:
        files: their content, by their paths in the folder.
        allow: packages that a network or loss of the user's own is from.
    """

    files: Mapping[str, bytes]
    allow: Sequence[str]

    @classmethod
    def of(cls, folder: Path, allow: Sequence[str]) -> "SavedRun":
        paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != CHECKPOINT]
        return cls({path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}, allow)

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name} {decimal(len(content))}" for name, content in self.files.items())
        return f"SavedRun({sizes})"

    def load(self) -> TrainedRun | Ensemble:
        """As `mlp_exp.load` of the folder, which is a temporary one for as long as what is returned is there."""
        folder = TemporaryFolder()
        self.write(folder.path)
        return load_runs([folder.path], self.allow, keep=folder)

    def write(self, folder: Path) -> None:
        """Writes the files; raises RunFolderError if there is something already."""
        if what := what_is_there(folder):
            raise RunFolderError(f"{folder}: expected a new folder for the run, and {what}; name another one")
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

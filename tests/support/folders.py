"""Run folders below a test's own."""

from pathlib import Path


def run_folders(path: Path) -> list[Path]:
    """The run folders below `path/outputs`, single runs and jobs of sweeps, in the order of their paths."""
    return sorted(log.parent for log in (path / "outputs").rglob("run.log"))


def the_run_folder(path: Path) -> Path:
    """The one run folder below `path/outputs`."""
    (folder,) = run_folders(path)
    return folder


def files_in(folder: Path) -> set[str]:
    """The paths of all files below a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def names(path: Path) -> list[str]:
    """What a folder holds, in the order of the names."""
    return sorted(entry.name for entry in path.iterdir())

"""Folders that are taken, and ones that are not, for messages."""

from itertools import count
from pathlib import Path

from mlp_exp.config.words import override


def what_is_there(folder: Path) -> str:
    """What keeps a new folder from being made, as the end of a sentence; "" for an empty folder, or none."""
    if folder.is_dir():
        return "it has files" if any(folder.iterdir()) else ""
    return "it is a file" if folder.exists() else ""


def free_folder(key: str, taken: Path) -> str:
    """The override of `key`, as a word of a shell, that names a new folder beside one that is taken.

    >>> print(free_folder("hydra.run.dir", Path("/runs/my run")))
    'hydra.run.dir="/runs/my run-2"'
    """
    others = (taken.with_name(f"{taken.name}-{number}") for number in count(2))
    return override(key, str(next(path for path in others if not path.exists())))

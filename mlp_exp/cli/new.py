"""`mlp-exp new PATH`: a folder for experiments of one's own.

It is a word of the command that trains, as `git init` is one of git: a word without `=` means nothing else there.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from mlp_exp.display.commands import program
from mlp_exp.errors import ArgumentError
from mlp_exp.storage.free_folder import what_is_there

NEW = "new"
STARTER = Path(__file__).resolve().parent.parent / "starter"
"""What is copied: a package with data, network, loss and metric, options and a preset that name them, a README."""


def make_folder(paths: Sequence[str]) -> None:
    """Makes the folder, and prints what to do there; ArgumentError unless it is one new or empty folder."""
    if len(paths) != 1 or not paths[0]:
        got = f"got {', '.join(paths)}" if paths else "got none"
        raise ArgumentError(f"{NEW}: expected the path of a new folder, as in {program()} {NEW} my_experiments; {got}")
    folder = Path(paths[0])
    if what := what_is_there(folder):
        raise ArgumentError(f"{NEW} {folder}: expected a new folder or an empty one, and {what}; give another name")
    shutil.copytree(STARTER, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    print(f"{folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}")
    print(f"Go there and train: {program()} --config-dir conf experiment=mine")

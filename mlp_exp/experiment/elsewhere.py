"""A run on a machine that does not see the command's files: there all paths of the run begin below a root.

So a path of the command's machine is found in whatever a worker writes by leaving the root out, and relative paths are
the same.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlp_exp.config.named_files import named_files
from mlp_exp.experiment.spec import RunSpec

CWD = "hydra.runtime.cwd"


def below(root: Path, path: str) -> Path:
    """Where an absolute path of the command's machine is on this one."""
    return root.joinpath(*Path(path).parts[1:])


def moved(spec: RunSpec, root: Path) -> RunSpec:
    """The run with its folders below the root. Its configuration, which is saved, stays as it is."""
    folder = str(below(root, spec.folder))
    cwd = spec.job.get(CWD)
    return replace(
        spec,
        folder=folder,
        sweep=str(below(root, spec.sweep)) if spec.sweep else None,
        directory=str(below(root, spec.directory)),
        log=_replaced(spec.log, spec.folder, folder),
        job=spec.job | ({CWD: str(below(root, cwd))} if cwd else {}),
    )


def _replaced(value: Any, old: str, new: str) -> Any:
    """The same settings with another folder in all texts."""
    if isinstance(value, dict):
        return {key: _replaced(each, old, new) for key, each in value.items()}
    if isinstance(value, list):
        return [_replaced(each, old, new) for each in value]
    return value.replace(old, new) if isinstance(value, str) else value


def absolute_names(specs: Sequence[RunSpec]) -> dict[str, str]:
    """Of the files that configurations name otherwise than relative to the working directory: their absolute paths."""
    names = dict.fromkeys(name for spec in specs for name in named_files(spec.values))
    found = {name: os.path.expanduser(name) for name in names}
    return {name: path for name, path in found.items() if os.path.isabs(path)}


def files_to_send(specs: Sequence[RunSpec]) -> list[str]:
    """The absolute paths of all files that configurations name, those in folders of tables too."""
    from mlp_exp.data.table.file import table_files  # imports Arrow, which who only passes events on does not need

    named = dict.fromkeys((spec.directory, name) for spec in specs for name in named_files(spec.values))
    paths = [Path(directory, os.path.expanduser(name)) for directory, name in named]
    each = [file for path in paths for file in (table_files(path) if path.is_dir() else [path])]
    return list(dict.fromkeys(str(file) for file in each if file.is_file()))

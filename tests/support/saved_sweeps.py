"""Folders of sweeps that hold their settings alone, as a stranger may have written them."""

from collections.abc import Sequence
from pathlib import Path

import yaml

from support.strangers import SMALL


def write_sweep(
    folder: Path, *task: str, hydra: Sequence[str] = (), config_dir: str | None = None, name: str = "run"
) -> Path:
    """A folder with the file that Hydra writes; `task` are overrides beside those of a short run."""
    sources = [{"provider": "main", "path": "conf"}]
    sources += [{"provider": "command-line", "path": config_dir}] if config_dir else []
    words = {"task": [*SMALL, *task], "hydra": [*hydra, "hydra.sweep.dir=somewhere", "hydra.mode=MULTIRUN"]}
    settings = {"overrides": words, "job": {"config_name": name}, "runtime": {"config_sources": sources}}
    folder.mkdir()
    (folder / "multirun.yaml").write_text(yaml.safe_dump({"hydra": settings}), encoding="utf-8")
    return folder

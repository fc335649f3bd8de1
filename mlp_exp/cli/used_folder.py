"""Keeps a new run out of another run's folder, and a new sweep out of another sweep's."""

import sys
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from mlp_exp.cli.application import options
from mlp_exp.errors import RunFolderError
from mlp_exp.storage.run_folder import RunFolder
from mlp_exp.storage.sweep_folder import MULTIRUN
from mlp_exp.storage.yaml_file import read_yaml


class RefuseUsedFolder(Callback):
    """Refuses before Hydra saves its configuration over the one that is there."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        if options().resumes:
            return
        try:
            RunFolder(config.hydra.run.dir).require_unused()
        except RunFolderError as error:
            sys.exit(str(error))  # Hydra turns any other exception of a callback into a warning

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        folder = Path(config.hydra.sweep.dir).absolute()
        saved = folder / MULTIRUN
        if not saved.exists():
            if options().resumes:
                sys.exit(f"{folder}: expected the folder of an earlier sweep, with {MULTIRUN}, to resume")
            return
        if not options().resumes:
            sys.exit(f"{folder}: holds another sweep. Go on with it: resume=true; or choose another hydra.sweep.dir")
        try:
            earlier = read_yaml(saved)["hydra"]["overrides"]["task"]
            " ".join(earlier)
        except (RunFolderError, KeyError, TypeError) as error:
            sys.exit(f"{saved}: expected the settings of a sweep, as Hydra writes them: {error}")
        if earlier != config.hydra.overrides.task:
            was, now = (" ".join(overrides or ()) for overrides in (earlier, config.hydra.overrides.task))
            sys.exit(f"{folder}: resume=true goes on with the same sweep.\n  It was: {was}\n  Now:    {now}")

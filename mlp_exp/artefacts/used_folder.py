"""Keeps a new run out of another run's folder."""

import sys
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from mlp_exp.artefacts.run_folder import RunFolder
from mlp_exp.config.errors import RunFolderError


class RefuseUsedFolder(Callback):
    """Refuses before Hydra saves its configuration over the one that is there."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        try:
            RunFolder(config.hydra.run.dir).require_unused()
        except RunFolderError as error:
            sys.exit(str(error))  # Hydra turns any other exception of a callback into a warning

"""A run that has trained, from its folder: its data is read again, its weights are those that it saved."""

from collections.abc import Sequence
from pathlib import Path

from mlp_exp.config.components import NO_EARLY_STOPPING
from mlp_exp.config.trust import UNBUILT, check_config
from mlp_exp.config.validation import require_valid
from mlp_exp.experiment.components import Components
from mlp_exp.experiment.planning import plan
from mlp_exp.experiment.prepare import load
from mlp_exp.experiment.run import Run
from mlp_exp.experiment.session import Session
from mlp_exp.storage.run_folder import RunFolder


def reopened(path: Path, allow: Sequence[str], session: Session, without: Sequence[str] = UNBUILT) -> Run:
    """The run in a folder, without what only training needs: early stopping, and the groups `without`.

    Raises:
        UntrustedError: its configuration names something that is not on the list, nor in packages of `allow`.
        ConfigError: its configuration is not one of this version.
        RunFolderError: there is none, or its data has changed.
    """
    folder = RunFolder(path)
    config = folder.read_model()["config"]
    check_config(config, allow, folder.path, trains=False)
    config = {key: value for key, value in config.items() if key not in without} | {"early_stopping": NO_EARLY_STOPPING}
    check_config(config, allow, folder.path)
    require_valid(config)
    return load(plan(Components(config, session)), folder)

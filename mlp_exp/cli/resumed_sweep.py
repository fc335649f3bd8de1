"""A sweep that goes on by its folder alone: its configurations may do no more than that of a saved run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from mlp_exp.cli.options import Options
from mlp_exp.cli.saved_overrides import GO_ON, own_command, require_overrides
from mlp_exp.display.commands import ALLOW
from mlp_exp.errors import SweeperError, UntrustedError
from mlp_exp.storage.sweep_folder import MULTIRUN


def require_trusted(config: DictConfig, overrides: Sequence[str], options: Options) -> None:
    """Checks a configuration of a sweep that goes on by its folder alone, before any value of it is resolved.

    Args:
        config: composed, that of a job or of the whole; a node of Hydra's own is left out.
        overrides: those of the job, which the sweeper may have taken from elsewhere than the command line.

    Raises:
        SweeperError: it may do more than that of a saved run; the whole sweep ends.
    """
    if options.sweep is None:
        return
    from mlp_exp.config.components import current_names
    from mlp_exp.config.trust import check_config

    plain: Any = OmegaConf.to_container(config, resolve=False)
    plain.pop("hydra", None)
    try:
        require_overrides(options.sweep, overrides)
        check_config(current_names(plain), options.allow, options.sweep / MULTIRUN)
    except UntrustedError as error:
        more = "" if ALLOW in str(error) or GO_ON in str(error) else f". {own_command(options.sweep)}"
        raise SweeperError(f"{error}{more}") from error


def require_inside(folder: str, options: Options) -> None:
    """Raises SweeperError if a run of such a sweep would leave its files elsewhere: names of folders may have `..`."""
    if options.sweep is not None and not Path(folder).resolve().is_relative_to(options.sweep.resolve()):
        raise SweeperError(f"{options.sweep / MULTIRUN}: {folder} is not in the sweep's folder. Start another sweep")

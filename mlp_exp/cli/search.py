"""A search as Hydra begins it: its settings and its space are read and checked, and handed to the command."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, configure_log, setup_globals
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from mlp_exp.cli.application import Command
from mlp_exp.cli.jobs import HydraJob, Launch, prepare_context, runs_together
from mlp_exp.cli.launchers import backend_of, settings_of, trains_stacks
from mlp_exp.errors import ConfigError
from mlp_exp.storage.atomic import write_text
from mlp_exp.storage.sweep_folder import MULTIRUN


def search(
    config: DictConfig, context: HydraContext, task_function: TaskFunction, arguments: Sequence[str]
) -> list[JobReturn]:
    """Searches.

    Args:
        config: the command's whole configuration.
        arguments: the overrides, without Hydra's own.

    Raises:
        MlpExpError: a setting or the space is wrong, before anything trains.
    """
    from mlp_exp.hpo.sampling import require_optuna  # no other command imports what a search needs

    require_optuna()
    from mlp_exp.config.search_settings import SearchSettings
    from mlp_exp.hpo.asked import Asked
    from mlp_exp.hpo.space import Space
    from mlp_exp.hpo.space_checks import require_valid

    if not runs_together(task_function):
        raise ConfigError(["hydra/sweeper: this one searches for mlp_exp alone"])
    launcher = settings_of(config.hydra.launcher)
    if not trains_stacks(launcher):
        raise ConfigError(
            [f"hydra/launcher: expected stacked, ray or slurm for a search, got {launcher.get('_target_')}"]
        )
    prepare_context(context, task_function)
    setup_globals()
    configure_log(config.hydra.hydra_logging, config.hydra.verbose)
    node: Any = OmegaConf.to_container(config.hydra.sweeper, resolve=True)
    settings = SearchSettings.read({key: value for key, value in node.items() if not key.startswith("_")})
    loader = context.config_loader
    overrides = OverridesParser.create(config_loader=loader).parse_overrides(list(arguments))
    space = Space.read(overrides, settings.params, settings.conditions, loader)
    launch = Launch(config, context, task_function)

    def make_job(number: int, own: Sequence[str]) -> HydraJob:
        return HydraJob(number, own, launch)

    require_valid(space, lambda own: make_job(0, own).compose(), settings.repeat)
    folder = Path(config.hydra.sweep.dir).absolute()

    def save() -> None:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / MULTIRUN, OmegaConf.to_yaml(config))

    command: Command = task_function.__self__  # type: ignore[attr-defined]
    jobs = command.search(Asked(settings, space, make_job, folder, partial(backend_of, launcher), save))
    return [job.end() for job in jobs if isinstance(job, HydraJob)]

"""The jobs of a sweep: composed quickly, and each with the folder that Hydra's own launcher would give it.

With `hydra_app`, the only file that touches Hydra's inner machinery. Hydra composes every job twice from files, and
`run_job` copies its own settings six times; a sweep of short runs would spend most of its time there.
"""

import copy
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra.core.config_loader import ConfigLoader
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.utils import (
    JobReturn,
    JobRuntime,
    JobStatus,
    configure_log,
    env_override,
    filter_overrides,
    setup_globals,
)
from hydra.errors import ConfigCompositionException
from hydra.experimental.callback import Callback
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, flag_override
from omegaconf._utils import get_omega_conf_dumper
from omegaconf.errors import OmegaConfBaseException

from mlp_exp.cli.application import Command
from mlp_exp.errors import ConfigError


class QuickLoader(ConfigLoaderImpl):
    """Composes the jobs that choose the same options of groups once, and sets the values of each on a copy.

    What it returns is good until the next call, since all jobs share the node of Hydra's own settings.
    """

    def __init__(self, loader: ConfigLoader) -> None:
        super().__init__(loader.get_search_path())
        self._composed: dict[tuple[str, ...], tuple[DictConfig, DictConfig]] = {}
        self._checked: dict[tuple[str, ...], DictConfig] = {}

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """The configuration of a job, as Hydra composes it."""
        config, hydra_node = self.compose_job(master_config, sweep_overrides)
        self._checked[tuple(sweep_overrides)] = config
        return with_hydra(config, hydra_node)

    def compose_job(self, master_config: DictConfig, sweep_overrides: list[str]) -> tuple[DictConfig, DictConfig]:
        """The same in two: the run's own configuration and Hydra's node."""
        overrides = [_parse(override) for override in sweep_overrides]
        values = [override for override in overrides if _sets_a_value(override, master_config)]
        choices = [str(override.input_line) for override in overrides if override not in values]
        base, hydra_node = self._base(master_config, choices)
        config = self._checked.pop(tuple(sweep_overrides), None)  # the sweeper has had it composed to check it
        if config is None:
            config = copy.deepcopy(base)
            try:
                self._apply_overrides_to_config(values, config)
            except OmegaConfBaseException as error:
                raise ConfigCompositionException().with_traceback(error.__traceback__) from error
        own = [override for override in overrides if not override.is_hydra_override()]
        with flag_override(hydra_node, ["struct", "readonly"], False):
            hydra_node.overrides.task = [override.input_line for override in own]
            dirname = hydra_node.job.config.override_dirname
            hydra_node.job.override_dirname = get_overrides_dirname(
                own, dirname.exclude_keys, dirname.item_sep, dirname.kv_sep
            )
        OmegaConf.copy_cache(from_config=master_config, to_config=config)
        return config, hydra_node

    def _base(self, master_config: DictConfig, choices: list[str]) -> tuple[DictConfig, DictConfig]:
        """What all jobs with these choices start from."""
        key = tuple(choices)
        if key not in self._composed:
            config = super().load_sweep_config(master_config, choices)
            hydra_node = config.hydra
            with flag_override(config, ["struct", "readonly"], False):
                del config["hydra"]
            self._composed[key] = config, hydra_node
        return self._composed[key]


@cache
def _parse(override: str) -> Override:
    """A parsed override; a millisecond each, and the jobs of a sweep have most of them in common."""
    return OverridesParser.create().parse_overrides([override])[0]


def with_hydra(config: DictConfig, hydra_node: DictConfig) -> DictConfig:
    """The run's own configuration and Hydra's node as one, which shares their nodes."""
    whole = OmegaConf.create({}, flags={"no_deepcopy_set_nodes": True})
    for key in config:
        whole[key] = config._get_node(key)
    whole["hydra"] = hydra_node
    OmegaConf.set_struct(whole, True)
    OmegaConf.copy_cache(from_config=config, to_config=whole)
    return whole


def _sets_a_value(override: Override, config: DictConfig) -> bool:
    """Whether the override can change no choice of a group: it gives values, to a key inside a group or on top."""
    key = override.key_or_group
    if override.package is not None or override.is_hydra_override() or override.is_sweep_override() or "/" in key:
        return False
    node = config._get_node(key, validate_access=False)  # as it stands: an interpolation may have no value yet
    return isinstance(override.value(), dict) or "." in key or (node is not None and not OmegaConf.is_config(node))


class _Dumper(yaml.CDumper if yaml.__with_libyaml__ else yaml.Dumper):  # type: ignore[misc]
    """Writes what OmegaConf's own dumper writes, by the C library where PyYAML has it."""


_Dumper.yaml_representers = {**_Dumper.yaml_representers, **get_omega_conf_dumper().yaml_representers}


def to_yaml(config: Any) -> str:
    """As `OmegaConf.to_yaml`, some four times as fast."""
    container = (
        OmegaConf.to_container(config, resolve=False, enum_to_str=True) if OmegaConf.is_config(config) else config
    )
    return str(yaml.dump(container, default_flow_style=False, allow_unicode=True, sort_keys=False, Dumper=_Dumper))


class Job:
    """One job of a sweep.

    Attributes:
        number: from 0, over all batches of the sweep.
        overrides: as typed, without Hydra's own.
        has_folder: whether it is known where the job's folder is: once it has been active, and its name made sense.
        value: what the run returns to the sweeper; None after a failure.
        failure: why it failed, in words.
    """

    def __init__(self, number: int, arguments: Sequence[str], launch: "Launch") -> None:
        self.number = number
        self.overrides = list(filter_overrides(arguments))
        self._folder: Path | None = None
        self.value: float | None = None
        self.failure: str | None = None
        self._arguments = list(arguments)
        self._launch = launch
        self._files: list[logging.Handler] = []
        self._config = OmegaConf.create()
        self._begun = False

    @property
    def has_folder(self) -> bool:
        return self._folder is not None

    @property
    def folder(self) -> Path:
        """The job's own."""
        assert self._folder is not None
        return self._folder

    @property
    def name(self) -> str:
        """As it is called in messages."""
        return f"job {self.number} ({','.join(sorted(self.overrides))})"

    @contextmanager
    def active(self) -> Iterator[DictConfig]:
        """Inside, this is Hydra's job at hand, whose configuration it yields, and its log alone is written to."""
        config, hydra_node = self._launch.loader.compose_job(self._launch.config, self._arguments)
        whole = with_hydra(config, hydra_node)
        with flag_override(hydra_node, ["struct", "readonly"], False):
            hydra_node.job.num = hydra_node.job.id = self.number
            before = HydraConfig.instance().cfg
            HydraConfig.instance().cfg = whole  # type: ignore[assignment]
            self._folder = _folder(whole)
            hydra_node.runtime.output_dir = str(self.folder)
        self._config = config
        directory = os.getcwd()
        try:
            with env_override(hydra_node.job.env_set), self.logging():
                if hydra_node.job.chdir:
                    self.folder.mkdir(parents=True, exist_ok=True)
                    os.chdir(self.folder)
                yield config
        finally:
            os.chdir(directory)
            HydraConfig.instance().cfg = before

    @property
    def _hydra_folder(self) -> Path:
        return self.folder / (HydraConfig.get().output_subdir or "")

    def begin(self) -> None:
        """Makes the folder, with Hydra's files and the log; inside `active`."""
        whole = _job_at_hand()
        self.folder.mkdir(parents=True, exist_ok=True)
        configure_log(whole.hydra.job_logging, whole.hydra.verbose)
        self._files = self._launch.divide_handlers()
        if whole.hydra.output_subdir is not None:
            self._hydra_folder.mkdir(parents=True, exist_ok=True)
            hydra_alone = {"hydra": OmegaConf.to_container(whole.hydra, resolve=False, enum_to_str=True)}
            for name, content in (
                ("config.yaml", self._config),
                ("hydra.yaml", hydra_alone),
                ("overrides.yaml", whole.hydra.overrides.task),
            ):
                (self._hydra_folder / name).write_text(to_yaml(content), encoding="utf-8")
        self._launch.context.callbacks.on_job_start(config=whole, task_function=self._launch.task_function)
        self._begun = True

    @contextmanager
    def logging(self) -> Iterator[None]:
        """Inside, log lines go to the job's log alone."""
        root = logging.getLogger()
        root.handlers[:] = self._files or [logging.NullHandler()]
        try:
            yield
        finally:
            for handler in self._files:
                handler.close()  # it opens again with the next line: a thousand jobs must not hold a thousand files
            root.handlers[:] = self._launch.console

    def mute(self) -> None:
        """Lets nothing but the jobs' own logs be written to."""
        self._launch.console = []
        logging.getLogger().handlers[:] = []

    def end(self) -> JobReturn:
        """What the sweeper gets."""
        done = JobReturn(overrides=self.overrides, working_dir=os.getcwd(), status=JobStatus.COMPLETED)
        done.task_name = JobRuntime.instance().get("name")
        done.return_value = self.value
        callbacks = self._launch.context.callbacks
        listens = any(type(callback).on_job_end is not Callback.on_job_end for callback in callbacks.callbacks)
        if listens and self._begun:
            with self.active():
                callbacks.on_job_end(config=_job_at_hand(), job_return=done)
        return done


def _folder(config: DictConfig) -> Path:
    """Where a job leaves its files.

    Raises:
        ConfigError: an interpolation leads nowhere.
    """
    try:
        return Path(os.path.abspath(Path(config.hydra.sweep.dir, config.hydra.sweep.subdir)))
    except OmegaConfBaseException as error:
        raise ConfigError([f"{error.full_key}: {str(error).splitlines()[0]}"]) from error


def _job_at_hand() -> DictConfig:
    """The run's configuration and Hydra's."""
    config = HydraConfig.instance().cfg
    assert isinstance(config, DictConfig)
    return config


class Launch:
    """What the jobs of a batch have in common.

    Attributes:
        console: the handlers of log lines that are no job's.
    """

    def __init__(self, config: DictConfig, context: HydraContext, task_function: TaskFunction) -> None:
        assert isinstance(context.config_loader, QuickLoader)
        self.config = config
        self.context = context
        self.task_function = task_function
        self.loader = context.config_loader
        self.console = list(logging.getLogger().handlers)

    def divide_handlers(self) -> list[logging.Handler]:
        """Takes a job's own handlers, those that write to files, from the ones just configured."""
        handlers = list(logging.getLogger().handlers)
        files: list[logging.Handler] = [handler for handler in handlers if isinstance(handler, logging.FileHandler)]
        self.console = [handler for handler in handlers if handler not in files]
        logging.getLogger().handlers[:] = files
        return files


def runs_together(task_function: TaskFunction) -> bool:
    """Whether the task is this project's, which takes all jobs of a sweep at once."""
    return isinstance(getattr(task_function, "__self__", None), Command)


def prepare_context(context: HydraContext, task_function: TaskFunction) -> None:
    """Lets the sweeper, which composes all jobs to check them, compose them quickly."""
    if runs_together(task_function):
        context.config_loader = QuickLoader(context.config_loader)


def launch_together(
    config: DictConfig,
    context: HydraContext,
    task_function: TaskFunction,
    job_overrides: Sequence[Sequence[str]],
    first: int,
    max_stack: int | None,
) -> list[JobReturn]:
    """Hands all jobs of a batch to the command at once.

    Args:
        first: number of the first job.
        max_stack: as the user set it.

    Raises:
        ConfigError: it is below 1.
    """
    if max_stack is not None and max_stack < 1:
        raise ConfigError([f"hydra.launcher.max_stack: expected a whole number, 1 or more, or null, got {max_stack}"])
    setup_globals()
    configure_log(config.hydra.hydra_logging, config.hydra.verbose)
    launch = Launch(config, context, task_function)
    jobs = [Job(first + index, arguments, launch) for index, arguments in enumerate(job_overrides)]
    command: Command = task_function.__self__  # type: ignore[attr-defined]
    command.run_jobs(jobs, Path(config.hydra.sweep.dir), max_stack)
    return [job.end() for job in jobs]

"""The jobs of a sweep, each with the folder that Hydra's own launcher would give it.

Hydra's `run_job` copies its own settings six times; a sweep of short runs would spend most of its time there.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra._internal.logging_config import configure_logging
from hydra.core.utils import (
    JobReturn,
    JobRuntime,
    JobStatus,
    configure_log,
    env_override,
    filter_overrides,
    setup_globals,
)
from hydra.experimental.callback import Callback
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, flag_override
from omegaconf.errors import OmegaConfBaseException

from mlp_exp.cli.application import Command
from mlp_exp.cli.as_typed import rewritten, with_typed
from mlp_exp.cli.composing import QuickLoader, with_hydra
from mlp_exp.cli.launchers import settings_of
from mlp_exp.cli.options import OPTIONS
from mlp_exp.cli.resumed_sweep import require_inside, require_trusted
from mlp_exp.cli.specs import spec_of, typed_overrides
from mlp_exp.cli.yaml_text import YamlParts, to_yaml
from mlp_exp.config.validation import unresolved
from mlp_exp.errors import ConfigError
from mlp_exp.experiment.configs import plain_values
from mlp_exp.experiment.job_context import active, current_job
from mlp_exp.experiment.session import Session
from mlp_exp.experiment.spec import RunSpec
from mlp_exp.multirun.job import Job

JOB_SECTIONS = ("job", "overrides", "runtime")
"""Of Hydra's node, those that differ from job to job."""


class HydraJob(Job):
    """One job of a batch.

    Args:
        arguments: its overrides, Hydra's own among them.
    """

    def __init__(self, number: int, arguments: Sequence[str], launch: "Launch") -> None:
        super().__init__(number, filter_overrides(arguments))
        self._arguments = list(arguments)
        self._launch = launch
        self._composed: tuple[DictConfig, DictConfig] | None = None
        self._begun = False

    def compose(self) -> RunSpec:
        config, hydra_node = self._launch.loader.compose_job(self._launch.config, self._arguments)
        require_trusted(config, self._arguments, OPTIONS.get())
        whole = with_hydra(config, hydra_node)
        self._composed = config, whole
        with flag_override(hydra_node, ["struct", "readonly"], False):
            hydra_node.job.num = hydra_node.job.id = self.number
            try:
                with current_job(whole), env_override(hydra_node.job.env_set):  # values may ask for these variables
                    known = {"sweep.dir": hydra_node.sweep.dir, "sweep.subdir": hydra_node.sweep.subdir}
                    folder = os.path.abspath(Path(*known.values()))
                    require_inside(folder, OPTIONS.get())
                    hydra_node.runtime.output_dir = folder
                    spec = spec_of(config, hydra_node, folder, self.number, known)
                    return with_typed(spec, self._launch.typed)
            except OmegaConfBaseException as error:
                raise ConfigError([unresolved(error)]) from error

    def _take_composed(self) -> tuple[DictConfig, DictConfig]:
        """The run's configuration, and the same with Hydra's node, which all jobs share: not to be kept."""
        assert self._composed is not None
        composed, self._composed = self._composed, None
        return composed

    def begin(self, spec: RunSpec, session: Session) -> None:
        """With Hydra's files, log and callbacks; to be called before another job is composed."""
        config, whole = self._take_composed()
        folder = Path(spec.folder)
        with current_job(whole), active(spec):
            _configure_log(spec.log, whole.hydra)
            session.logs.divide(spec)
            with session.logs.of(spec):
                if whole.hydra.output_subdir is not None:
                    self._write_files(config, whole, folder / whole.hydra.output_subdir)
                self._launch.context.callbacks.on_job_start(config=whole, task_function=self._launch.task_function)
        self._begun = True

    def _write_files(self, config: DictConfig, whole: DictConfig, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in (
            ("config.yaml", self._launch.parts.join(plain_values(config))),
            ("hydra.yaml", self._launch.hydra_yaml(whole.hydra)),
            ("overrides.yaml", to_yaml(whole.hydra.overrides.task)),
        ):
            (folder / name).write_text(text, encoding="utf-8")

    def end(self) -> JobReturn:
        """What the sweeper gets."""
        done = JobReturn(overrides=list(self.overrides), working_dir=os.getcwd(), status=JobStatus.COMPLETED)
        done.task_name = JobRuntime.instance().get("name")
        done.return_value = self.value
        callbacks = self._launch.context.callbacks
        listens = any(type(callback).on_job_end is not Callback.on_job_end for callback in callbacks.callbacks)
        if listens and self._begun:
            spec = self.compose()
            _, whole = self._take_composed()
            with current_job(whole), active(spec):
                callbacks.on_job_end(config=whole, job_return=done)
        return done


class Launch:
    """What the jobs of a batch have in common."""

    def __init__(self, config: DictConfig, context: HydraContext, task_function: TaskFunction) -> None:
        assert isinstance(context.config_loader, QuickLoader)
        self.config = config
        self.context = context
        self.task_function = task_function
        self.loader = context.config_loader
        self.typed = rewritten(typed_overrides(config.hydra))
        self.parts = YamlParts()
        self._common: dict[int, dict[str, str]] = {}

    def hydra_yaml(self, node: DictConfig) -> str:
        """Hydra's node as YAML; the sections that are the same for all jobs, three quarters of it, are read once."""
        if id(node) not in self._common:  # the loader keeps it, for all jobs of the same choices
            self._common[id(node)] = {
                name: self.parts.join({name: of}, "hydra") for name, of in plain_values(node).items()
            }
        sections = self._common[id(node)]
        for name in JOB_SECTIONS:
            sections[name] = f"  {name}:\n{self.parts.join(plain_values(node._get_node(name)), 'hydra', name)}"
        return "hydra:\n" + "".join(sections.values())


def _configure_log(settings: Mapping[str, Any], hydra_node: DictConfig) -> None:
    """As Hydra's `configure_log`, which would resolve again what the spec has of `hydra.job_logging`."""
    if settings.get("root") is None:
        return configure_log(hydra_node.job_logging, hydra_node.verbose)
    configure_logging(dict(settings))
    if hydra_node.verbose is not False:
        configure_log(OmegaConf.create({"root": None}), hydra_node.verbose)
    return None


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
) -> list[JobReturn]:
    """Hands all jobs of a batch to the command at once.

    Args:
        first: number of the first job.
    """
    setup_globals()
    configure_log(config.hydra.hydra_logging, config.hydra.verbose)
    launch = Launch(config, context, task_function)
    jobs = [HydraJob(first + index, arguments, launch) for index, arguments in enumerate(job_overrides)]
    command: Command = task_function.__self__  # type: ignore[attr-defined]
    command.run_jobs(jobs, Path(config.hydra.sweep.dir), settings_of(config.hydra.launcher))
    return [job.end() for job in jobs]

"""Hydra's door to the stacked launcher of mlp_exp: `hydra/launcher=stacked`.

Hydra imports this file in every program of the environment, so that it holds no more than the settings and imports the
rest when a sweep begins.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


@dataclass
class StackedLauncherConf:
    """Settings.

    Attributes:
        max_stack: runs that train as one stack at most; None to find it from cache and memory.
    """

    _target_: str = "hydra_plugins.mlp_exp_stacked.StackedLauncher"
    max_stack: int | None = None


ConfigStore.instance().store(group="hydra/launcher", name="stacked", node=StackedLauncherConf, provider="mlp_exp")


class StackedLauncher(BasicLauncher):
    """Trains the runs of a sweep together; the jobs of any other program one after another, as Hydra's own launcher."""

    def __init__(self, **settings: Any) -> None:
        super().__init__()  # the settings are read where the stacks train

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)
        from mlp_exp.cli.jobs import prepare_context

        prepare_context(hydra_context, task_function)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        assert self.config is not None
        assert self.hydra_context is not None
        assert self.task_function is not None
        from mlp_exp.cli.jobs import launch_together, runs_together

        if not runs_together(self.task_function):
            return super().launch(job_overrides, initial_job_idx)
        return launch_together(self.config, self.hydra_context, self.task_function, job_overrides, initial_job_idx)

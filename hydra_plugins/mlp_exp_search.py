"""Hydra's door to the search of mlp_exp: `hydra/sweeper=optuna`; its settings are in `conf/hydra/sweeper`.

Hydra imports this file in every program of the environment, so that it imports the rest when a search begins.
"""

from typing import Any

from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class OptunaSweeper(Sweeper):
    """Searches with Optuna; the trials of a batch train together."""

    def __init__(self, **settings: Any) -> None:
        """The settings are read from the configuration, as they were composed."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self._context = hydra_context
        self._task_function = task_function
        self._config = config

    def sweep(self, arguments: list[str]) -> Any:
        from mlp_exp.cli.search import search

        return search(self._config, self._context, self._task_function, arguments)

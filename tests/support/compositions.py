"""Configurations as the command line composes them."""

from collections.abc import Callable, Sequence

import hydra
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

from mlp_exp.cli.composing import quick_composition
from support.project import CONF

Compose = Callable[..., DictConfig]


def compose_run(overrides: Sequence[str] = ()) -> DictConfig:
    """The configuration of a run, without Hydra's own node."""
    GlobalHydra.instance().clear()
    with quick_composition(), hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        return hydra.compose("run", overrides=list(overrides))

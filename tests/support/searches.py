"""Spaces of searches, read and composed in this process."""

from collections.abc import Mapping, Sequence
from typing import Any

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from mlp_exp.cli.composing import QuickLoader, quick_composition
from mlp_exp.experiment.configs import plain_config
from mlp_exp.experiment.spec import RunSpec
from mlp_exp.hpo.space import Space
from support.project import CONF


def space_of(
    *overrides: str, params: Mapping[str, Any] | None = None, conditions: Mapping[str, Any] | None = None
) -> Space:
    """The space of overrides and of `hydra.sweeper`."""
    return Space.read(OverridesParser.create().parse_overrides(list(overrides)), params, conditions)


class Search:
    """A search as the command line begins it.

    Attributes:
        settings: `hydra.sweeper`.
        space: what it searches.
    """

    def __init__(self, *overrides: str) -> None:
        GlobalHydra.instance().clear()
        with quick_composition(), hydra.initialize_config_dir(str(CONF), version_base="1.3"):
            loader = GlobalHydra.instance().config_loader()
            self._master: DictConfig = loader.load_configuration("run", list(overrides), RunMode.MULTIRUN)
        self._loader = QuickLoader(loader)
        self.settings: DictConfig = self._master.hydra.sweeper
        parsed = OverridesParser.create().parse_overrides(list(overrides))
        self.space = Space.read(parsed, self.settings.get("params"), self.settings.get("conditions"))

    def compose(self, overrides: Sequence[str]) -> RunSpec:
        config, node = self._loader.compose_job(self._master, list(overrides))
        choices = OmegaConf.to_container(node.runtime.choices)
        return RunSpec(plain_config(config), "", job={"hydra.runtime.choices": choices})

"""How files and overrides lie on top of each other, where that differs from Hydra."""

import os
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra._internal.config_repository import IConfigRepository
from hydra.core.default_element import ResultDefault
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.errors import ConfigCompositionException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, flag_override, open_dict
from omegaconf.errors import OmegaConfBaseException

from mlp_exp.config.by_task import CLASSES, VALUES, is_by_task


class LayeredLoader(ConfigLoaderImpl):
    """Composes as Hydra does, but a pair of values by task and a list or another mapping replace each other."""

    def _load_configuration_impl(
        self,
        config_name: str | None,
        overrides: list[str],
        run_mode: RunMode,
        from_shell: bool = True,
        validate_sweep_overrides: bool = True,
    ) -> DictConfig:
        parsed = [parse(override) for override in overrides]
        containers = [override for override in parsed if _sets_container(override)]
        others = [str(override.input_line) for override in parsed if override not in containers]
        config = super()._load_configuration_impl(config_name, others, run_mode, from_shell, validate_sweep_overrides)
        if containers:  # Hydra's own method would refuse some
            self.apply(containers, config)
            fill_in(config, parsed)
        return config

    def _compose_config_from_defaults_list(self, defaults: list[ResultDefault], repo: IConfigRepository) -> DictConfig:
        config = OmegaConf.create()
        with flag_override(config, "no_deepcopy_set_nodes", True):
            for default in defaults:
                layer = super()._compose_config_from_defaults_list([default], repo)
                _make_room(config, layer)
                try:
                    config.merge_with(layer)
                except OmegaConfBaseException as error:
                    raise ConfigCompositionException(
                        f"In '{default.config_path}': {type(error).__name__} raised while composing config:\n{error}"
                    ).with_traceback(error.__traceback__) from None
        return config

    def apply(self, overrides: Sequence[Override], config: DictConfig) -> None:
        """Sets the values of these overrides, which choose no options."""
        for override in overrides:
            if _sets_container(override):
                before = OmegaConf.select(config, override.key_or_group, throw_on_resolution_failure=False)
                if _replaces(before, override.value()):
                    OmegaConf.update(config, override.key_or_group, None, merge=False)
            self._apply_overrides_to_config([override], config)


def _sets_container(override: Override) -> bool:
    """Whether it sets a key inside a group to a list or a mapping."""
    return (
        override.type is OverrideType.CHANGE
        and override.package is None
        and "." in override.key_or_group
        and not override.is_hydra_override()
        and isinstance(override.value(), list | dict)
    )


def _make_room(config: DictConfig, layer: DictConfig) -> None:
    """Empties the values of `config` that those of `layer` are to replace."""
    for key in layer:
        before, after = config._get_node(key), layer._get_node(key)
        if _replaces(before, after):
            config[key] = None
        elif isinstance(before, DictConfig) and isinstance(after, DictConfig):
            _make_room(before, after)


def _replaces(before: Any, after: Any) -> bool:
    """Whether a pair of values by task meets a list or another mapping; a part of a pair changes the pair."""
    if not (OmegaConf.is_config(before) and isinstance(after, Mapping | Sequence) and not isinstance(after, str)):
        return False
    if is_by_task(before):
        return not (isinstance(after, Mapping) and {CLASSES, VALUES}.issuperset(after))
    return is_by_task(after)


@cache
def parse(override: str) -> Override:
    """A parsed override; a millisecond each, and the jobs of a sweep have most of them in common."""
    return OverridesParser.create().parse_overrides([override])[0]


def fill_in(config: DictConfig, overrides: Sequence[Override]) -> None:
    """Sets what Hydra's node says of the overrides, the environment and the working directory."""
    node = config.hydra
    with open_dict(node):
        fill_in_overrides(node, overrides)
        node.overrides.hydra = [override.input_line for override in overrides if override.is_hydra_override()]
        for name in node.job.env_copy:
            node.job.env_set[name] = os.environ[name]
        node.runtime.cwd = os.getcwd()


def fill_in_overrides(node: DictConfig, overrides: Sequence[Override]) -> None:
    """Sets what Hydra's node says of the overrides."""
    own = [override for override in overrides if not override.is_hydra_override()]
    node.overrides.task = [override.input_line for override in own]
    dirname = node.job.config.override_dirname
    node.job.override_dirname = get_overrides_dirname(own, dirname.exclude_keys, dirname.item_sep, dirname.kv_sep)

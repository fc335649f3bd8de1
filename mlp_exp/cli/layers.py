"""How files and overrides lie on top of each other, where that differs from Hydra."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra._internal.config_repository import ConfigRepository, IConfigRepository
from hydra._internal.defaults_list import create_defaults_list
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.default_element import ConfigDefault, InputDefault, ResultDefault
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType, ValueType
from hydra.errors import ConfigCompositionException, HydraException
from hydra.plugins.config_source import ConfigResult
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, flag_override, open_dict
from omegaconf.errors import OmegaConfBaseException

from mlp_exp.config.by_data import is_by_data

NUMBER = re.compile(r"([a-z_]+(?:\.[a-z_]+)*)=(-?(?:0|[1-9]\d*))((?:\.\d+)?(?:e[+-]?\d+)?)", re.ASCII)
"""A key with a number as Python writes it."""
PRESETS = "experiment/"
SWEEPERS = "hydra/sweeper/"
OF_ANY_OPTION = "data"
"""The group in which a preset's values are for whatever option is chosen: they say what the data is, as `max_rows`."""

BY_KEY = ("hydra.sweeper.params", "hydra.sweeper.conditions", "hydra.sweeper.repeat")
"""Settings of a search that are mappings from any keys of a configuration."""


class LayeredLoader(ConfigLoaderImpl):
    """Composes as Hydra does, with four rules more.

    1. What is typed wins, also the option of a group: a preset's values in a group are for the option that it, or
       `run.yaml`, chooses there, and not for another one that the command line chooses.
    2. A pair of values by task and a list, or another mapping, replace each other.
    3. A preset that an option of data brings, `table`, is replaced by the same and by `table_…` where they are chosen.
    4. The mappings by key of a search, as `hydra.sweeper.params`, take keys that they do not have.
    """

    def __init__(self, config_search_path: ConfigSearchPath) -> None:
        super().__init__(config_search_path)
        self._files = self.repository = _Repository(config_search_path)
        self._composing: tuple[str | None, list[Override]] = None, []

    def _load_configuration_impl(
        self,
        config_name: str | None,
        overrides: list[str],
        run_mode: RunMode,
        from_shell: bool = True,
        validate_sweep_overrides: bool = True,
    ) -> DictConfig:
        parsed = [parse(override) for override in overrides]
        self._composing = config_name, parsed
        self._files.presets = [name for override in parsed for name in _presets(override)]
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
                if str(default.config_path).startswith(PRESETS):
                    self._yield_to_typed(config, layer, repo)
                _make_room(config, layer)
                try:
                    config.merge_with(layer)
                except OmegaConfBaseException as error:
                    raise ConfigCompositionException(
                        f"In '{default.config_path}': {type(error).__name__} raised while composing config:\n{error}"
                    ).with_traceback(error.__traceback__) from None
        return config

    def _yield_to_typed(self, config: DictConfig, preset: DictConfig, repo: IConfigRepository) -> None:
        """Takes from a preset its values for options in whose place others were typed, but those that these leave open.

        Args:
            config: all that comes before the preset.
        """
        name, overrides = self._composing
        typed = {
            override.key_or_group: override.value()
            for override in overrides
            if override.key_or_group in preset and chooses_option(override, repo)
        }
        typed.pop(OF_ANY_OPTION, None)
        if not typed:
            return
        others = [override for override in overrides if override.key_or_group not in typed]
        untyped = create_defaults_list(
            repo, name, others, prepend_hydra=True, skip_missing=True
        ).overrides.known_choices
        for group in [group for group, option in typed.items() if untyped.get(group) != option]:
            values, chosen = preset._get_node(group), config._get_node(group)
            if isinstance(values, DictConfig) and isinstance(chosen, DictConfig):
                left_open = {key for key in chosen.keys() & values.keys() if OmegaConf.is_missing(chosen, key)}
                for key in values.keys() - left_open:
                    del values[key]

    def apply(self, overrides: Sequence[Override], config: DictConfig) -> None:
        """Sets the values of these overrides, which choose no options."""
        for override in overrides:
            if _sets_container(override):
                before = OmegaConf.select(config, override.key_or_group, throw_on_resolution_failure=False)
                if _replaces(before, override.value()):
                    OmegaConf.update(config, override.key_or_group, None, merge=False)
            self._apply_overrides_to_config([override], config)

    @staticmethod
    def _apply_overrides_to_config(overrides: list[Override], cfg: DictConfig) -> None:
        opened = [replace(each, type=OverrideType.FORCE_ADD) if _adds_key(each, cfg) else each for each in overrides]
        ConfigLoaderImpl._apply_overrides_to_config(opened, cfg)


class _Repository(ConfigRepository):
    """Reads configurations; an option of data without those presets in whose place others are chosen.

    Attributes:
        presets: the names of those that the command line chooses.
    """

    presets: Sequence[str] = ()

    def load_config(self, config_path: str) -> ConfigResult | None:
        found = super().load_config(config_path)
        if found and config_path.startswith(SWEEPERS):  # else Hydra merges a file into what a plugin stores by its name
            found.is_schema_source = True
        if found and found.defaults_list and not config_path.startswith(PRESETS):
            found.defaults_list = [each for each in found.defaults_list if not self._replaced(each)]
        return found

    def _replaced(self, default: InputDefault) -> bool:
        path = default.path if isinstance(default, ConfigDefault) else None
        brought = str(path).removeprefix("/").removeprefix(PRESETS)
        is_preset = str(path).startswith(f"/{PRESETS}")
        return is_preset and any(f"{name}_".startswith(f"{brought}_") for name in self.presets)


def _presets(override: Override) -> list[str]:
    """The presets that it chooses."""
    if override.key_or_group != PRESETS.removesuffix("/") or override.is_sweep_override():
        return []
    value = override.value()
    return [str(each) for each in (value if isinstance(value, list) else [value])]


def chooses_option(override: Override, repository: IConfigRepository) -> bool:
    """Whether it chooses options of a group; by Hydra's own rule."""
    return (
        not override.is_sweep_override()
        and repository.group_exists(override.key_or_group)
        and not isinstance(override.value(), dict)
    )


def _sets_container(override: Override) -> bool:
    """Whether it sets a key inside a group to a list or a mapping."""
    return (
        override.type in (OverrideType.CHANGE, OverrideType.FORCE_ADD)
        and override.package is None
        and "." in override.key_or_group
        and not override.is_hydra_override()
        and isinstance(override.value(), list | dict)
    )


def _adds_key(override: Override, config: DictConfig) -> bool:
    """Whether it sets a mapping by key of a search, or a key in one; Hydra's own sweeper has none."""
    mapping = next((key for key in BY_KEY if f"{override.key_or_group}.".startswith(f"{key}.")), None)
    has_it = mapping and OmegaConf.is_dict(OmegaConf.select(config, mapping, throw_on_resolution_failure=False))
    return bool(has_it) and override.type is OverrideType.CHANGE


def _make_room(config: DictConfig, layer: DictConfig) -> None:
    """Empties the values of `config` that those of `layer` are to replace."""
    for key in config.keys() & layer.keys():  # a mapping that is null, or a reference, has none
        before, after = config._get_node(key), layer._get_node(key)
        if _replaces(before, after):
            config[key] = None
        elif isinstance(before, DictConfig) and isinstance(after, DictConfig):
            _make_room(before, after)


def _replaces(before: Any, after: Any) -> bool:
    """Whether a pair of values by data meets a list or another mapping; a part of a pair changes the pair."""
    if not (OmegaConf.is_config(before) and isinstance(after, Mapping | Sequence) and not isinstance(after, str)):
        return False
    if is_by_data(before):
        return not (isinstance(after, Mapping) and set(before).issuperset(after))
    return is_by_data(after)


@cache
def parse(override: str) -> Override:
    """A parsed override; a millisecond each, but for numbers, which each trial of a search has others of."""
    number = NUMBER.fullmatch(override)
    if number:
        key, whole, fraction = number.groups()
        value = float(f"{whole}{fraction}") if fraction else int(whole)
        return Override(OverrideType.CHANGE, key, value_type=ValueType.ELEMENT, _value=value, input_line=override)
    return OverridesParser.create().parse_overrides([override])[0]


def parse_if_readable(word: str) -> Override | None:
    """A parsed override; None for a word that is none."""
    try:
        return parse(word)
    except (HydraException, ValueError, RecursionError):
        return None


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

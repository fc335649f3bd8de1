"""The configurations of a sweep's jobs, composed quickly: Hydra composes each of them twice from files."""

import copy
from functools import cache

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import ConfigCompositionException
from omegaconf import DictConfig, OmegaConf, flag_override
from omegaconf.errors import OmegaConfBaseException


class QuickLoader(ConfigLoaderImpl):
    """Composes the jobs that choose the same options of groups once, and sets the values of each on a copy.

    What it returns is valid until the next call, since all jobs share the node of Hydra's own settings.
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

"""Configurations composed quickly: Hydra composes those of a command and of its jobs several times, from files."""

import copy
import gc
import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import islice
from typing import Any

import hydra._internal.hydra as hydra_commands
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import IConfigRepository
from hydra.core.config_loader import ConfigLoader
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.override_parser.types import Override
from hydra.core.utils import JobRuntime
from hydra.errors import ConfigCompositionException
from hydra.plugins.config_source import ConfigSource
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, flag_override
from omegaconf.errors import OmegaConfBaseException

from mlp_exp.cli.layers import LayeredLoader, chooses_option, fill_in, fill_in_overrides, parse

SAVED = "saved_run"
"""Name of the configuration that is that of an earlier run."""
LOADER = ConfigLoaderImpl.__name__
"""By which name Hydra makes what composes."""
MOST_FILES = 500
"""A configuration folder with more files is read anew for each composition."""
MOST_KEPT = 64
MOST_CHECKED = 500
"""Jobs whose configurations are kept from their check, each some 80 kB; those of the others are composed again."""
WITHOUT_COPY = ("hydra.searchpath", "hydra.job.env_copy", "hydra.job.env_set")
"""Settings that decide how everything else is composed."""
State = tuple[Any, ...]
BASES: dict[Any, Callable[[], DictConfig]] = {}
"""Makes copies of what has been composed here, by primary configuration, name of the program, choices and files."""


class CachedLoader(LayeredLoader):
    """For commands: composes each choice of options once in a process, and sets the values on a copy."""

    def __init__(self, config_search_path: ConfigSearchPath) -> None:
        super().__init__(config_search_path)
        self._repositories: dict[str | None, IConfigRepository] = {}

    def _load_configuration_impl(
        self,
        config_name: str | None,
        overrides: list[str],
        run_mode: RunMode,
        from_shell: bool = True,
        validate_sweep_overrides: bool = True,
    ) -> DictConfig:
        self.ensure_main_config_source_available()
        arguments = config_name, overrides, run_mode, from_shell, validate_sweep_overrides
        parsed = [parse(override) for override in overrides]
        if config_name not in self._repositories:  # its sources may depend on the primary configuration
            self._repositories[config_name] = self._parse_overrides_and_create_caching_repo(config_name, [])[1]
        repository = self._repositories[config_name]
        state = _state_of(repository.get_sources())
        special = any(override.key_or_group.startswith(WITHOUT_COPY) for override in parsed)
        if state is None or special or config_name in (None, SAVED):
            return super()._load_configuration_impl(*arguments)
        if validate_sweep_overrides:
            self.validate_sweep_overrides_legal(parsed, run_mode, from_shell)
        values = [override for override in parsed if not chooses_option(override, repository)]
        choices = [str(override.input_line) for override in parsed if override not in values]
        key = config_name, JobRuntime.instance().get("name"), tuple(choices), state
        if key not in BASES:
            if len(BASES) > MOST_KEPT:
                BASES.clear()
            base = super()._load_configuration_impl(config_name, choices, RunMode.MULTIRUN, from_shell, False)
            BASES[key] = copier(base)
        config = BASES[key]()
        chosen = config.hydra.runtime.choices
        if any(OmegaConf.is_missing(chosen, group) for group in chosen):  # which a sweep alone may leave open
            return super()._load_configuration_impl(*arguments)
        self.apply([one for one in values if not one.is_sweep_override()], config)
        fill_in(config, parsed)
        return config


def _state_of(sources: Sequence[ConfigSource]) -> State | None:
    """The sources, and paths, times and sizes of all files that may take part; None where they cannot be told."""
    folders = [str(source.path) for source in sources if source.scheme() == "file"]
    others = [source for source in sources if source.scheme() not in ("file", "structured")]
    if not all(source.scheme() == "pkg" and source.path.startswith("hydra.") for source in others):
        return None
    files = list(islice((file for folder in folders for file in _files_below(folder)), MOST_FILES + 1))
    if len(files) > MOST_FILES or None in files:
        return None
    return (*((source.provider, source.scheme(), source.path) for source in sources), *sorted(filter(None, files)))


def _files_below(folder: str) -> Iterator[tuple[str, int, int] | None]:
    """None for a folder that is a link, which may lead into itself."""
    for where, folders, names in os.walk(os.path.abspath(folder)):
        if any(os.path.islink(os.path.join(where, name)) for name in folders):
            yield None
        for path in (os.path.join(where, name) for name in names):
            with suppress(OSError):  # an editor's lock, which links to nowhere; a file that is just being replaced
                found = os.stat(path)
                yield path, found.st_mtime_ns, found.st_size


@contextmanager
def quick_composition() -> Iterator[None]:
    """Inside, Hydra composes with a `CachedLoader`."""
    names = vars(hydra_commands)
    before = names[LOADER]
    names[LOADER] = CachedLoader
    try:
        yield
    finally:
        names[LOADER] = before


class QuickLoader(CachedLoader):
    """For the jobs of a sweep: composes those that choose the same options once, and sets the values of each on a copy.

    What it returns is valid until the next call, since all jobs share the node of Hydra's own settings.
    """

    def __init__(self, loader: ConfigLoader) -> None:
        super().__init__(loader.get_search_path())
        self._composed: dict[tuple[str, ...], tuple[Callable[[], DictConfig], DictConfig]] = {}
        self._checked: dict[tuple[str, ...], DictConfig] = {}
        self._composed_jobs = 0

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """The configuration of a job, as Hydra composes it."""
        config, hydra_node = self.compose_job(master_config, sweep_overrides)
        if len(self._checked) < MOST_CHECKED:
            self._checked[tuple(sweep_overrides)] = config
        self._collect()
        return with_hydra(config, hydra_node)

    def _collect(self) -> None:
        """Configurations are circles, and Python does not collect these while a command begins."""
        self._composed_jobs += 1
        if self._composed_jobs == 1 and not gc.isenabled():  # a command
            gc.freeze()  # so that what has been imported is not looked at
        elif self._composed_jobs % MOST_CHECKED == 0:
            gc.collect()

    def compose_job(self, master_config: DictConfig, sweep_overrides: list[str]) -> tuple[DictConfig, DictConfig]:
        """The same in two: the run's own configuration and Hydra's node."""
        overrides = [parse(override) for override in sweep_overrides]
        values = [override for override in overrides if _sets_a_value(override, master_config)]
        choices = [str(override.input_line) for override in overrides if override not in values]
        copy_of_base, hydra_node = self._base(master_config, choices)
        config = self._checked.pop(tuple(sweep_overrides), None)  # the sweeper has had it composed to check it
        if config is None:
            config = copy_of_base()
            try:
                self.apply(values, config)
            except OmegaConfBaseException as error:
                raise ConfigCompositionException().with_traceback(error.__traceback__) from error
        with flag_override(hydra_node, ["struct", "readonly"], False):
            fill_in_overrides(hydra_node, overrides)
        OmegaConf.copy_cache(from_config=master_config, to_config=config)
        return config, hydra_node

    def _base(self, master_config: DictConfig, choices: list[str]) -> tuple[Callable[[], DictConfig], DictConfig]:
        """What all jobs with these choices start from: a copy of their configuration, and Hydra's node."""
        key = tuple(choices)
        if key not in self._composed:
            config = super().load_sweep_config(master_config, choices)
            hydra_node = config.hydra
            with flag_override(config, ["struct", "readonly"], False):
                del config["hydra"]
            self._composed[key] = copier(config), hydra_node
        return self._composed[key]


def copier(config: DictConfig) -> Callable[[], DictConfig]:
    """What copies a configuration: `deepcopy` takes five times as long, and is for one with objects of the user's."""
    try:
        stored = pickle.dumps(config)
    except Exception:  # a user's class may raise anything
        return partial(copy.deepcopy, config)
    return partial(pickle.loads, stored)


def with_hydra(config: DictConfig, hydra_node: DictConfig) -> DictConfig:
    """The run's own configuration and Hydra's node as one, which shares their nodes."""
    whole = OmegaConf.create({}, flags={"no_deepcopy_set_nodes": True})
    nodes: dict[Any, Any] = {**{key: config._get_node(key) for key in config}, "hydra": hydra_node}
    for node in nodes.values():
        node._set_parent(whole)
    whole.__dict__["_content"] = nodes  # an assignment of each would check it again
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

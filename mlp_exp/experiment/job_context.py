"""What surrounds a run while it is built: working directory, environment variables, and what Hydra says of the job."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, flag_override

from mlp_exp.config.validation import require_valid
from mlp_exp.experiment.spec import RunSpec
from mlp_exp.storage.run_folder import RunFolder


@contextmanager
def active(spec: RunSpec) -> Iterator[None]:
    """Inside, the process is where the run expects it: the user's own code may ask for any of this.

    `HydraConfig` then has the run's folder, number and overrides, and what else `RunSpec.job` holds, unless Hydra
    itself is running this job.
    """
    directory, before = os.getcwd(), HydraConfig.instance().cfg
    try:
        if not _is_current(spec):
            HydraConfig.instance().cfg = _hydra_config(spec)  # type: ignore[assignment]
        if spec.directory == spec.folder:
            Path(spec.folder).mkdir(parents=True, exist_ok=True)
        with _variables(spec.environment):
            os.chdir(spec.directory)
            yield
    finally:
        os.chdir(directory)
        HydraConfig.instance().cfg = before


def check(spec: RunSpec) -> None:
    """Checks the configuration of a run as a whole; its folder says so if it is wrong.

    Raises:
        ConfigError: with a line for every mistake.
    """
    try:
        with active(spec):
            require_valid(spec.values, spec.overrides)
    except BaseException as error:
        RunFolder(spec.folder).write_failure(error)
        raise


def _is_current(spec: RunSpec) -> bool:
    cfg: Any = HydraConfig.instance().cfg
    return cfg is not None and OmegaConf.select(cfg, "hydra.runtime.output_dir", throw_on_missing=False) == spec.folder


@cache
def _structure() -> DictConfig:
    """Hydra's settings with their defaults; one for all runs of the process, since to make it takes milliseconds."""
    return OmegaConf.create({"hydra": OmegaConf.structured(HydraConf)})


def _hydra_config(spec: RunSpec) -> DictConfig:
    config = _structure()
    with flag_override(config, ["struct", "readonly"], False):
        for key, value in spec.job.items():
            OmegaConf.update(config, key, value, merge=False)
        OmegaConf.update(config, "hydra.overrides.task", list(spec.overrides), merge=False)
        OmegaConf.update(config, "hydra.runtime.output_dir", spec.folder)
        if spec.number is not None:
            OmegaConf.update(config, "hydra.job.num", spec.number)
    return config


@contextmanager
def _variables(values: Mapping[str, str]) -> Iterator[None]:
    """Inside, these environment variables are set."""
    before: dict[str, Any] = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

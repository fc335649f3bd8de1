"""From Hydra's composed configuration to a run as plain data."""

import os
from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from mlp_exp.config.shared import shared
from mlp_exp.config.validation import unresolved
from mlp_exp.errors import ConfigError, SweeperError
from mlp_exp.experiment.configs import plain_config, plain_values, resolved_values
from mlp_exp.experiment.spec import RunSpec

JOB_KEYS = (
    "job.name",
    "job.id",
    "job.override_dirname",
    "job.config_name",
    "job.chdir",
    "runtime.choices",
    "runtime.cwd",
    "runtime.version",
)
"""Settings of Hydra, beside number, folder and overrides, that a user's code may ask for inside its run."""


def spec_of(
    config: Any, hydra: Any, folder: str, number: int | None, known: Mapping[str, Any] | None = None
) -> RunSpec:
    """The spec of Hydra's current job.

    Args:
        config: its configuration, without Hydra's own node `hydra`.
        number: in its sweep; None for a single run.
        known: settings of Hydra's node whose values are known, by dotted keys; the others take some time each.

    Raises:
        ConfigError: an interpolation in Hydra's node has no value, or its resolver is not known; for one in the
            configuration, the spec has a mistake.
        SweeperError: the sweeper has several objectives.
    """
    plain, mistake = _plain_config(config)
    keys = (*JOB_KEYS, *(("run.dir",) if number is None else ("sweep.dir", "sweep.subdir")))
    try:
        said = {key: known[key] if known and key in known else _said(hydra, key) for key in keys}
        return RunSpec(
            config=shared(plain),
            folder=folder,
            number=number,
            overrides=typed_overrides(hydra),
            sweep=None if number is None else os.path.join(hydra.runtime.cwd, said["sweep.dir"]),
            directory=folder if hydra.job.chdir else os.getcwd(),
            environment={str(name): str(value) for name, value in hydra.job.env_set.items()},
            job=shared(
                {f"hydra.{key}": _plain(value) for key, value in said.items() if value is not None}
                | {"hydra.mode": hydra.mode.name}
            ),
            log=_plain(hydra.job_logging) or {},
            direction=_direction(hydra.sweeper),
            mistake=mistake,
        )
    except OmegaConfBaseException as error:
        raise ConfigError([mistake or unresolved(error)]) from error


def _plain_config(config: Any) -> tuple[dict[str, Any], str | None]:
    """A configuration as plain values, and what is wrong with one that has none."""
    try:
        return plain_config(config), None
    except OmegaConfBaseException as error:
        return {}, unresolved(error)


def typed_overrides(hydra: Any) -> tuple[str, ...]:
    """A job's overrides with their interpolations as typed."""
    return tuple(str(override) for override in plain_values(hydra.overrides.task) or ())


def _said(hydra: Any, key: str) -> Any:
    try:
        return OmegaConf.select(hydra, key, throw_on_missing=False)
    except OmegaConfBaseException:
        if key == "job.override_dirname":  # overrides as typed: `${.key}` has its value at its own place alone
            return None
        raise


def _plain(node: Any) -> Any:
    return resolved_values(node) if OmegaConf.is_config(node) else node


def _direction(sweeper: DictConfig) -> str | None:
    """What a sweeper that optimises does with the value of a run, as hydra-optuna-sweeper names it, also in a list.

    Raises:
        SweeperError: it has several objectives.
    """
    direction = OmegaConf.select(sweeper, "direction", throw_on_missing=False)
    each = direction if OmegaConf.is_list(direction) else [direction]
    names = [name for name in (getattr(one, "name", one) for one in each) if name in ("minimize", "maximize")]
    if len(names) > 1:
        raise SweeperError(
            "hydra.sweeper.direction: expected one, since a run returns one number, the best value of what early "
            f"stopping watches, got {', '.join(names)}"
        )
    return names[0] if names else None

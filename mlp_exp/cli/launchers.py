"""The launchers of sweeps that train in stacks, and where each trains."""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from mlp_exp.errors import LauncherError

if TYPE_CHECKING:
    from mlp_exp.multirun.executors.backend import Backend

BACKENDS = {
    "hydra_plugins.mlp_exp_stacked.StackedLauncher": ("mlp_exp.multirun.executors.local", "Local"),
    "hydra_plugins.mlp_exp_slurm.SlurmLauncher": ("mlp_exp.multirun.executors.slurm", "SlurmBackend"),
    "hydra_plugins.mlp_exp_ray.RayLauncher": ("mlp_exp.multirun.executors.ray", "RayBackend"),
}
"""By the class of a launcher, the module and class of its backend."""
EXTRAS = ("ray",)
"""Packages of launchers that need one, named as the extras that install them."""


def settings_of(launcher: DictConfig) -> dict[str, Any]:
    """The node `hydra.launcher` as plain values."""
    found = OmegaConf.to_container(launcher, resolve=True)
    assert isinstance(found, dict)
    return {str(key): value for key, value in found.items()}


def trains_stacks(launcher: Mapping[str, Any]) -> bool:
    """Whether it is one of these."""
    return launcher.get("_target_") in BACKENDS


def backend_of(launcher: Mapping[str, Any]) -> "Backend":
    """Where a launcher trains, not yet connected.

    Raises:
        ConfigError: a setting is wrong.
        LauncherError: a package is missing.
    """
    module, name = BACKENDS[launcher["_target_"]]
    own = {key: value for key, value in launcher.items() if not key.startswith("_")}
    try:
        found: Backend = getattr(import_module(module), name).read(own)  # imports torch
    except ModuleNotFoundError as error:
        if error.name not in EXTRAS:
            raise
        raise LauncherError(
            f"hydra/launcher: {error.name} is not installed. Install it: pip install 'mlp_exp[{error.name}]'"
        ) from error
    return found

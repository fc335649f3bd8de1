"""The launchers of sweeps that train in stacks, and where each trains."""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

if TYPE_CHECKING:
    from mlp_exp.multirun.executors.backend import Backend

BACKENDS = {
    "hydra_plugins.mlp_exp_stacked.StackedLauncher": ("mlp_exp.multirun.executors.local", "Local"),
    "hydra_plugins.mlp_exp_slurm.SlurmLauncher": ("mlp_exp.multirun.executors.slurm", "SlurmBackend"),
}
"""By the class of a launcher, the module and class of its backend."""


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
    found: Backend = getattr(import_module(module), name).read(own)  # imports torch
    return found

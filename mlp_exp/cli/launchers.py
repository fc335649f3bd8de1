"""The launchers of sweeps that train in stacks, and where each trains."""

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
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
NEEDED = {"RayBackend": ("ray", "ray"), "SlurmBackend": ("submitit", "slurm")}
"""The package that a backend needs, and the extra that installs it, named as the launcher."""


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
    if name in NEEDED and find_spec(NEEDED[name][0]) is None:
        package, extra = NEEDED[name]
        raise LauncherError(
            f"hydra/launcher={extra} needs the package {package}, which is not installed: "
            f"pip install 'mlp_exp[{extra}]'"
        )
    found: Backend = getattr(import_module(module), name).read(own)  # imports torch
    return found

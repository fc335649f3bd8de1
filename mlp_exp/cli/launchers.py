"""The launchers of sweeps that train in stacks, and where each trains."""

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

from omegaconf import DictConfig, OmegaConf

from mlp_exp.errors import LauncherError

if TYPE_CHECKING:
    from mlp_exp.multirun.executors.backend import Backend


class _Launcher(NamedTuple):
    """A launcher.

    Attributes:
        name: as an option, and as the extra that installs its package.
        module, backend: the class of its backend, and where it is.
        package: that it needs; None for no more than this project does.
    """

    name: str
    module: str
    backend: str
    package: str | None = None


LAUNCHERS = {
    "hydra_plugins.mlp_exp_stacked.StackedLauncher": _Launcher("stacked", "mlp_exp.multirun.executors.local", "Local"),
    "hydra_plugins.mlp_exp_ray.RayLauncher": _Launcher("ray", "mlp_exp.multirun.executors.ray", "RayBackend", "ray"),
    "hydra_plugins.mlp_exp_slurm.SlurmLauncher": _Launcher(
        "slurm", "mlp_exp.multirun.executors.slurm", "SlurmBackend", "submitit"
    ),
}
"""By their classes."""


def settings_of(launcher: DictConfig) -> dict[str, Any]:
    """The node `hydra.launcher` as plain values."""
    found = OmegaConf.to_container(launcher, resolve=True)
    assert isinstance(found, dict)
    return {str(key): value for key, value in found.items()}


def trains_stacks(launcher: Mapping[str, Any]) -> bool:
    """Whether it is one of these."""
    return launcher.get("_target_") in LAUNCHERS


def backend_of(launcher: Mapping[str, Any]) -> "Backend":
    """Where a launcher trains, not yet connected.

    Raises:
        ConfigError: a setting is wrong.
        LauncherError: a package is missing.
    """
    chosen = LAUNCHERS[launcher["_target_"]]
    own = {key: value for key, value in launcher.items() if not key.startswith("_")}
    if chosen.package and find_spec(chosen.package) is None:
        raise LauncherError(
            f"hydra/launcher={chosen.name} needs the package {chosen.package}, which is not installed: "
            f"pip install 'mlp_exp[{chosen.name}]'"
        )
    found: Backend = getattr(import_module(chosen.module), chosen.backend).read(own)  # imports torch
    return found

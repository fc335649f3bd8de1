"""The settings of a sweep, as Hydra writes them into its folder."""

from pathlib import Path

from pydantic import BaseModel, ValidationError

from mlp_exp.config.conf_folder import CONFIG_NAME, hydra_settings
from mlp_exp.errors import RunFolderError
from mlp_exp.storage.checked import first_problem
from mlp_exp.storage.sweep_folder import MULTIRUN
from mlp_exp.storage.yaml_file import read_yaml


class _Words(BaseModel):
    task: list[str]
    hydra: list[str]


class _Job(BaseModel):
    config_name: str | None = CONFIG_NAME


class _Source(BaseModel):
    provider: str
    path: str


class _Runtime(BaseModel):
    config_sources: list[_Source] = []


class SavedSweep(BaseModel):
    """Those that are read.

    Attributes:
        overrides: as typed: `task`, those of the runs' configuration, and `hydra`, of Hydra's own.
    """

    overrides: _Words
    job: _Job = _Job()
    runtime: _Runtime = _Runtime()

    @property
    def config_name(self) -> str:
        return self.job.config_name or CONFIG_NAME

    @property
    def typed(self) -> list[str]:
        """The overrides of Hydra's settings, without those that every command has."""
        untyped = [f"{key}={value}" for key, value in hydra_settings(self.config_name).items()]
        return [word for word in self.overrides.hydra if not word.startswith("hydra.mode=") and word not in untyped]

    @property
    def flags(self) -> list[tuple[str, str]]:
        """By which the command line chose folders of configurations, and a primary one."""
        folders = [source.path for source in self.runtime.config_sources if source.provider == "command-line"]
        flags = [("--config-dir", path) for path in folders]
        return flags + ([("--config-name", self.config_name)] if self.config_name != CONFIG_NAME else [])


class _Saved(BaseModel):
    hydra: SavedSweep


def read_sweep(folder: Path) -> SavedSweep:
    """Raises FileNotFoundError, or RunFolderError if they are damaged."""
    path = folder / MULTIRUN
    try:
        return _Saved.model_validate(read_yaml(path)).hydra
    except ValidationError as error:
        problem = first_problem(error, "all of it")
        raise RunFolderError(f"{path}: expected the settings of a sweep, as Hydra writes them; {problem}") from error

"""What Hydra saves of a run: its overrides, its configuration, and Hydra's own settings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from mlp_exp.config.components import current_names
from mlp_exp.errors import RunFolderError
from mlp_exp.storage.atomic import atomic
from mlp_exp.storage.yaml_file import read_yaml

MAX_SETTINGS = 100_000
"""Most values that a saved configuration may have."""


def read_overrides(path: Path) -> list[str]:
    """The overrides as they were typed; empty if there is no file. Raises RunFolderError if it is no list of texts."""
    overrides = (read_yaml(path) or []) if path.exists() else []
    if not isinstance(overrides, list) or not all(isinstance(override, str) for override in overrides):
        raise RunFolderError(f"{path}: expected a list of overrides")
    return overrides


def read_config(path: Path) -> dict[str, Any]:
    """The configuration with today's names of components, as `RunFolder.config`."""
    from mlp_exp.config.trust import check_plain  # imports pydantic, which `--help` should not wait for

    config = read_yaml(path) if path.exists() else {}
    if not isinstance(config, dict):
        raise RunFolderError(f"{path}: expected the configuration of a run")
    check_plain(config, path, MAX_SETTINGS)
    named: dict[str, Any] = current_names(config)
    return named


def read_job_number(path: Path) -> int | None:
    """The number of a run in its sweep; None for a single run. Raises RunFolderError if it is not in the file."""
    if not path.exists():
        return None
    try:
        number = read_yaml(path)["hydra"]["job"]["num"]
    except (KeyError, TypeError) as error:
        raise RunFolderError(f"{path}: expected Hydra's settings with hydra.job.num") from error
    return number if isinstance(number, int) else None


def save_config(path: Path, config: Mapping[str, Any]) -> None:
    with atomic(path) as temporary:
        temporary.write_text(OmegaConf.to_yaml(OmegaConf.create(dict(config))), encoding="utf-8")


def add_override(path: Path, override: str) -> None:
    """Adds a line to the saved overrides."""
    typed = path.read_text(encoding="utf-8").strip() if path.is_file() else ""
    with atomic(path) as temporary:
        temporary.write_text(f"{typed.removeprefix('[]')}\n- {override}\n".lstrip(), encoding="utf-8")

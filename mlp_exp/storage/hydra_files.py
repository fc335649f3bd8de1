"""What Hydra has saved in the folder of a run: configuration, overrides, settings. No other file knows their names."""

import re
from pathlib import Path
from typing import Any

from mlp_exp.config.components import current_names
from mlp_exp.errors import RunFolderError
from mlp_exp.storage.yaml_file import read_yaml

HYDRA = ".hydra"
HYDRA_CONFIG = f"{HYDRA}/config.yaml"
HYDRA_SETTINGS = f"{HYDRA}/hydra.yaml"
OVERRIDES = f"{HYDRA}/overrides.yaml"
MAX_SETTINGS = 100_000
"""Most values that a saved configuration may have."""
JOB_NUMBER = re.compile(r"hydra:\n(?:(?:  .*)?\n)*?  job:\n(?:    .*\n)*?    num: (\d{1,9})\n")


class HydraFiles:
    """Those in a folder, which need not exist."""

    path: Path

    def overrides(self) -> list[str]:
        """The overrides as they were typed; empty if Hydra has saved none. Raises RunFolderError for other content."""
        path = self.path / OVERRIDES
        overrides = (read_yaml(path) or []) if path.exists() else []
        if not isinstance(overrides, list) or not all(isinstance(override, str) for override in overrides):
            raise RunFolderError(f"{path}: expected a list of overrides")
        return overrides

    def config(self) -> dict[str, Any]:
        """The configuration that Hydra has saved, with today's names of components, references unresolved.

        Empty if Hydra has saved none. Raises RunFolderError for other content, or too many values when written out.
        """
        from mlp_exp.config.trust import check_plain  # imports pydantic, which `--help` should not wait for

        path = self.path / HYDRA_CONFIG
        config = read_yaml(path) if path.exists() else {}
        if not isinstance(config, dict):
            raise RunFolderError(f"{path}: expected the configuration of a run")
        check_plain(config, path, MAX_SETTINGS)
        return dict(current_names(config))

    def forget(self) -> None:
        """Removes them."""
        for name in (HYDRA_CONFIG, HYDRA_SETTINGS, OVERRIDES):
            (self.path / name).unlink(missing_ok=True)

    def job_number(self) -> int | None:
        """The number of this run in its sweep; None for a single run. Raises RunFolderError for other content."""
        path = self.path / HYDRA_SETTINGS
        found = JOB_NUMBER.match(path.read_text(encoding="utf-8", errors="replace")) if path.is_file() else None
        if found:  # as Hydra writes it: to parse all of its settings takes a millisecond
            return int(found[1])
        number = self._of_hydra("job", "num")
        return number if isinstance(number, int) else None

    def choices(self) -> dict[str, Any]:
        """The option of each group; empty if Hydra has saved none. Raises RunFolderError for other content."""
        choices = self._of_hydra("runtime", "choices")
        return choices if isinstance(choices, dict) else {}

    def _of_hydra(self, section: str, key: str) -> Any:
        """One of Hydra's settings; None where it has saved none."""
        path = self.path / HYDRA_SETTINGS
        if not path.exists():
            return None
        try:
            return read_yaml(path)["hydra"][section][key]
        except (KeyError, TypeError) as error:
            raise RunFolderError(f"{path}: expected Hydra's settings with hydra.{section}.{key}") from error

"""Where the YAML groups are, and what their primary configuration sets of Hydra itself."""

from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

PACKAGE = Path(__file__).resolve().parent.parent
CONF = next(path for path in (PACKAGE.parent / "conf", PACKAGE / "conf") if (path / "run.yaml").is_file())
"""The folder of YAML groups: beside the package in a checkout, inside it in a wheel."""
CONFIG_NAME = "run"
"""The primary configuration, `run.yaml`."""


def hydra_settings(name: str) -> dict[str, str]:
    """Hydra's settings of `conf/run.yaml` as overrides, for another primary configuration (a saved one has none)."""
    if name == CONFIG_NAME:
        return {}
    hydra: Any = OmegaConf.to_container(OmegaConf.load(CONF / f"{CONFIG_NAME}.yaml").hydra, resolve=False)
    nodes = ("job", "run", "sweep")
    settings = {f"hydra.{node}.{key}": str(value) for node in nodes for key, value in hydra[node].items()}
    settings |= {f"hydra/{group}": "mlp_exp" for group in ("job_logging", "hydra_logging", "callbacks")}
    return settings | {"hydra/launcher": "stacked"}

"""What Hydra does for each run in this process, done quickly: it copies the configuration and writes it down."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import hydra.core.utils as hydra_jobs

from mlp_exp.cli.composing import copier
from mlp_exp.cli.yaml_text import to_yaml


@contextmanager
def quick_jobs() -> Iterator[None]:
    """Inside, Hydra does so by pickle and by the C library of YAML, which is a fifth of a short run's time."""
    names = vars(hydra_jobs)
    before = {name: names[name] for name in ("copy", "_save_config")}
    names.update(copy=SimpleNamespace(deepcopy=_copied), _save_config=_save_config)
    try:
        yield
    finally:
        names.update(before)


def _copied(config: Any) -> Any:
    """Hydra's own node alone is part of a larger configuration, which pickle would copy too."""
    return copy.deepcopy(config) if set(config) == {"hydra"} else copier(config)()


def _save_config(config: Any, name: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(to_yaml(config), encoding="utf-8")

"""Small searches in folders of their own."""

from pathlib import Path

import pytest
from support.commands import Command, Result
from support.search_runs import OPTUNA, RANGES, SMALL, Search


@pytest.fixture
def search(command: Command, tmp_path: Path) -> Search:
    """A search in a folder of this name; returns how it ended, and the folder. Settings of `hydra.sweeper` by name."""

    def run(name: str, *args: str, ranges: tuple[str, ...] = RANGES, **settings: object) -> tuple[Result, Path]:
        own = [f"hydra.sweeper.{key}={value}" for key, value in settings.items()]
        return command("run", "-m", OPTUNA, *SMALL, *ranges, *own, *args, f"hydra.sweep.dir={name}"), tmp_path / name

    return run

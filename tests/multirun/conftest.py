"""Sweeps in folders of their own, and networks of the user's."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.commands import Command, Result
from support.sweeps import OWN, Sweep


@pytest.fixture
def sweep(command: Command, tmp_path: Path) -> Sweep:
    """A sweep in a folder of this name; returns how it ended, and the folder."""

    def run(name: str, *args: str) -> tuple[Result, Path]:
        return command("run", "-m", *args, f"hydra.sweep.dir={name}"), tmp_path / name

    return run


@pytest.fixture
def own(tmp_path: Path) -> Iterator[None]:
    """The user's own module, `own_parts`, in the folder where the command is called."""
    (tmp_path / "own_parts.py").write_text(OWN, encoding="utf-8")
    yield
    sys.modules.pop("own_parts", None)

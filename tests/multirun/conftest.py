"""Sweeps in folders of their own, and networks of the user's."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.commands import Command, Result
from support.sweeps import OWN, Sweep

if TYPE_CHECKING:
    from support.ray_nodes import Nodes


@pytest.fixture(scope="session")
def nodes() -> Iterator["Nodes"]:
    """A Ray cluster; a test that loses a node adds one first."""
    from support.ray_nodes import Nodes

    made = Nodes()
    yield made
    made.end()


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

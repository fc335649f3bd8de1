"""The folder of a run, and what commands say that load it."""

import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import NoReturn

import pytest
from support.commands import Command
from support.strangers import SMALL


def too_long(number: int, frame: FrameType | None) -> NoReturn:
    pytest.fail("a command waits without end")


@pytest.fixture
def in_time() -> Iterator[None]:
    """A command that waits for what never comes is a failure."""
    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(15)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def run(command: Command, shelf: Path, tmp_path: Path) -> Path:
    """The folder of a job that has finished, made once; and a table for its predictions."""
    if not (shelf / "0").exists():
        assert command("run", "-m", *SMALL, "model.hidden_sizes=[4]", "seed=0", "hydra.sweep.dir=made").returncode == 0
        shutil.move(tmp_path / "made" / "0", shelf / "0")
    (tmp_path / "table.csv").write_text("x1,x2\n1,2\n", encoding="utf-8")
    return Path(shutil.copytree(shelf / "0", tmp_path / "sweep" / "0"))


@pytest.fixture
def said(command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """How a command ends that loads a folder, and what it says on standard error."""
    more: dict[str, list[str]] = {
        "report": [],
        "predict": ["table.csv", "-o", "out.csv"],
        "export": ["-o", "out.pt2"],
    }

    def say(name: str, folder: Path, *args: str) -> tuple[int, str]:
        if name in ("resume", "rerun"):
            done = command("run", f"{name}={folder}", *args)
        else:
            done = command(name, folder, *more[name], *args)
        return done.returncode, done.stderr.removesuffix("\n")

    return say

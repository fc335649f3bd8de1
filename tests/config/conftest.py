"""The folder of a run, and what commands say that load it."""

import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import NoReturn

import pytest
from support.commands import CallMain
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
def run(call_main: CallMain, shelf: Path, tmp_path: Path) -> Path:
    """The folder of a job that has finished, made once; and a table for its predictions."""
    if not (shelf / "0").exists():
        assert call_main("-m", *SMALL, "model.hidden_sizes=[4]", "seed=0", "hydra.sweep.dir=made").returncode == 0
        shutil.move(tmp_path / "made" / "0", shelf / "0")
    (tmp_path / "table.csv").write_text("x1,x2\n1,2\n", encoding="utf-8")
    return Path(shutil.copytree(shelf / "0", tmp_path / "sweep" / "0"))


@pytest.fixture
def said(call_main: CallMain, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """How a command ends that loads a folder, and what it says on standard error."""

    def say(command: str, folder: Path, *args: str) -> tuple[int, str]:
        if command in ("resume", "rerun"):
            done = call_main(f"{command}={folder}", *args)
            return done.returncode, done.stderr.removesuffix("\n")
        from mlp_exp import export, predict, report  # noqa: F401

        more = {
            "report": [],
            "predict": [str(tmp_path / "table.csv"), "-o", str(tmp_path / "out.csv")],
            "export": ["-o", str(tmp_path / "out.pt2")],
        }
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "path", list(sys.path))
        try:
            sys.modules[f"mlp_exp.{command}"].main([str(folder), *more[command], *args])
        except SystemExit as end:
            return 1, str(end.code)
        return 0, ""

    return say

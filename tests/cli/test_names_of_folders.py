"""Folders of any name: each command that a message shows is pasted into a shell, and works."""

import random
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from support.commands import Command, refusal, said
from support.folders import shown_in
from support.project import QUICK_TABLE
from support.tables import write_people

from mlp_exp.config.words import override

SIGNS = "aB1 \\'\"$={}[](),:#~!&;|<>*?`%@^+-.é"
GIVEN = (
    *QUICK_TABLE, "data.path=people.csv", "data.target=income", "baselines=none", "trainer.epochs=1",
    "trainer.device=cpu", "trainer.plots=never", "scheduler=none",
)  # fmt: skip
Paste = Callable[..., list[str]]


def ugly_name(seed: int) -> str:
    """All signs in some order, but for the one of a key, with which a folder is refused."""
    signs = random.Random(seed).sample(SIGNS, len(SIGNS))
    return "".join(signs).replace("${", "{$").strip()


NAMES = [ugly_name(seed) for seed in range(2)]
SWEPT = (["seed=0,1"], ["hydra/sweeper=optuna", "hydra.sweeper.n_trials=2", "model.dropout=interval(0,0.3)"])


@pytest.fixture
def paste(command: Command, tmp_path: Path) -> Paste:
    """Runs a line as a shell would read it, and returns what it printed."""
    write_people(tmp_path / "people.csv")

    def run(line: str, *more: str) -> list[str]:
        python, dash_m, module, *words = shlex.split(line)
        assert (python, dash_m) == ("python", "-m")
        return said(command(module.removeprefix("mlp_exp."), *words, *more))

    return run


def word(key: str, folder: str) -> str:
    """As a user types it."""
    return shlex.split(override(key, folder))[0]


def after(mark: str, lines: Sequence[str]) -> str:
    """The rest of the line with a mark."""
    [found] = [line.partition(mark)[2] for line in lines if mark in line]
    return found


@pytest.mark.parametrize(("name", "swept"), [*zip(NAMES, SWEPT, strict=True)], ids=["sweep", "search"])
def test_commands_that_messages_show(
    command: Command, paste: Paste, tmp_path: Path, name: str, swept: Sequence[str]
) -> None:
    line = ("run", "-m", *GIVEN, *swept, word("hydra.sweep.dir", name))
    predicts = after("Predict with the best: ", said(command(*line)))
    paste(predicts.replace("TABLE.csv", "people.csv"))
    assert (tmp_path / "OUT.csv").is_file()
    go_on, _, other = after("Go on with it: ", [refusal(command(*line))]).rpartition(
        "; or give this sweep a folder of its own: "
    )
    paste(go_on)
    said(command(*line, *shlex.split(other)))
    assert (tmp_path / f"{name}-2" / "report.html").is_file()

    problem = refusal(command("run", f"resume={name}", "seed=3"))
    *extend, _ = shlex.split(after("To extend a run of it: ", [problem]))
    (tmp_path / name / "0" / "result.json").unlink()
    paste(after("Update the leaderboard and the page of its sweep with: ", said(command("run", *extend))))
    for again in {run["again"] for run in shown_in(tmp_path / name / "report.html")["runs"]}:
        paste(again)

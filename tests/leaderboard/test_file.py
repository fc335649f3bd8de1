"""How often the file of a leaderboard is written while runs end."""

import csv
import json
from pathlib import Path

import pytest
from support.clock import Clock
from support.runs import classes

from mlp_exp import regularly
from mlp_exp.leaderboard import leaderboard
from mlp_exp.leaderboard.leaderboard import Leaderboard
from mlp_exp.storage.atomic import write_text


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(regularly, "time", made)
    return made


def add(board: Leaderboard, folder: Path, job: int, loss: float) -> None:
    """A run that has ended."""
    (folder / str(job)).mkdir()
    (folder / f"{job}/result.json").write_text(json.dumps(classes(loss)), encoding="utf-8")
    board.add(job, [f"seed={job}"], folder / str(job))


def listed(folder: Path) -> list[int]:
    """The jobs in the file, in its order."""
    path = folder / "leaderboard.csv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [int(row["job"]) for row in csv.DictReader(file)]


def test_it_is_written_once_a_second_and_ranked(tmp_path: Path, clock: Clock) -> None:
    board = Leaderboard(tmp_path)
    add(board, tmp_path, 0, 0.3)
    assert listed(tmp_path) == []
    clock.now += 1
    add(board, tmp_path, 1, 0.1)
    assert listed(tmp_path) == [1, 0]
    clock.now += 0.9
    add(board, tmp_path, 2, 0.2)
    assert listed(tmp_path) == [1, 0]
    clock.now += 0.1
    add(board, tmp_path, 3, 0.05)
    assert listed(tmp_path) == [3, 1, 2, 0]
    add(board, tmp_path, 4, 0.4)
    board.refresh()
    assert listed(tmp_path) == [3, 1, 2, 0, 4]


def test_the_longer_it_takes_the_more_seldom(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most 2 % of the time."""

    def slowly(path: Path, text: str, errors: str) -> None:
        write_text(path, text, errors=errors)
        clock.now += 3

    monkeypatch.setattr(leaderboard, "write_text", slowly)
    board = Leaderboard(tmp_path)
    clock.now += 1
    add(board, tmp_path, 0, 0.3)
    for job, (passed, lists) in enumerate([(146, [0]), (0, [0]), (1, [3, 2, 1, 0])], start=1):
        clock.now += passed
        add(board, tmp_path, job, 0.3 - 0.05 * job)
        assert listed(tmp_path) == lists
    add(board, tmp_path, 4, 0.5)
    board.refresh()
    assert listed(tmp_path) == [3, 2, 1, 0]
    board.write()
    assert listed(tmp_path) == [3, 2, 1, 0, 4]

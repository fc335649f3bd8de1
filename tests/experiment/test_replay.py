"""On resume all that decides on records sees the earlier epochs, by the same method as while it trained."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from support.commands import Command
from support.folders import result_of, went_on
from support.resuming import Make, StopAfter, content, kill, timeless, words

from mlp_exp.experiment.checkpoint import Checkpoint
from mlp_exp.experiment.components import Components
from mlp_exp.experiment.planning import plan
from mlp_exp.experiment.prepare import load
from mlp_exp.experiment.session import Session
from mlp_exp.storage.run_folder import RunFolder
from mlp_exp.training.early_stopping import EarlyStopping
from mlp_exp.training.loop import Trainee
from mlp_exp.training.records import Decider, EpochRecord

Bring = Callable[[Callable[[], dict[str, Any]]], None]
VALUES = [each.name for each in fields(EpochRecord) if each.name not in ("member", "seconds", "status", "state")]


@pytest.fixture
def bring(monkeypatch: pytest.MonkeyPatch) -> Bring:
    """Has each run decide with what a function makes for it: values of fields of `Trainee`."""

    def patch(make: Callable[[], dict[str, Any]]) -> None:
        monkeypatch.setattr("mlp_exp.experiment.prepare.Trainee", lambda **how: Trainee(**{**how, **make()}))

    return patch


class Notes(Decider):
    """Keeps the records that it sees, and never ends a run."""

    def __init__(self) -> None:
        self.seen: list[list[object]] = []

    def judge(self, record: EpochRecord) -> bool:
        self.seen.append([getattr(record, name) for name in VALUES])
        return False


@pytest.mark.parametrize("args", [(), ("split.val=0", "split.train=0.8"), ("data=diabetes",)], ids=" ".join)
def test_a_decider_sees_the_records_of_a_run_that_never_stopped(
    command: Command, bring: Bring, stop_after: StopAfter, args: tuple[str, ...]
) -> None:
    found: list[Notes] = []

    def deciders() -> dict[str, Any]:
        found.append(Notes())
        return {"deciders": [found[-1]]}

    bring(deciders)
    assert command("run", *words(*args), "hydra.run.dir=whole").returncode == 0
    with stop_after(2):
        assert command("run", *words(*args), "hydra.run.dir=run").returncode == 130
    assert command("run", "resume=run").returncode == 0
    whole, first, second = found
    assert [record[0] for record in whole.seen] == [1, 2, 3, 4]
    assert first.seen == whole.seen[:2]
    assert second.seen == whole.seen


class AfterThree(Decider):
    """Ends a run, by what it has counted."""

    def __init__(self) -> None:
        self.count = 0

    def judge(self, record: EpochRecord) -> bool:
        self.count += 1
        return self.count == 3


class StopsInJudge(EarlyStopping):
    """Early stopping of one's own that overrides the method of all deciders."""

    def judge(self, record: EpochRecord) -> bool:
        super().judge(record)
        return self.best_epoch == 3


KINDS: dict[str, Callable[[], dict[str, Any]]] = {
    "a decider": lambda: {"deciders": [AfterThree()]},
    "early stopping": lambda: {"early_stopping": StopsInJudge()},
}


@pytest.mark.parametrize(("kind", "stopped"), [("a decider", 2), ("early stopping", 3)])
def test_whoever_ends_a_run_ends_it_after_a_resume(
    command: Command, bring: Bring, stop_after: StopAfter, tmp_path: Path, kind: str, stopped: int
) -> None:
    """Also one that was killed after its last epoch: then nothing is trained."""
    bring(KINDS[kind])
    run, whole = tmp_path / "run", tmp_path / "whole"
    assert command("run", *words(), "hydra.run.dir=whole").returncode == 0
    with stop_after(stopped):
        command("run", *words(), "hydra.run.dir=run")
    kill(run)
    assert command("run", "resume=run").returncode == 0
    assert timeless(run) == timeless(whole)
    assert (result_of(run)["status"], result_of(run)["epochs"], went_on(run)) == ("stopped_early", 3, [stopped])


def test_a_decider_that_raises_in_the_replay_fails_the_resume(command: Command, bring: Bring, make: Make) -> None:
    class Raises(Decider):
        def judge(self, record: EpochRecord) -> bool:
            raise ZeroDivisionError("the user's own")

    run = make(stopped=2)
    before = content(run)
    bring(lambda: {"deciders": [Raises()]})
    with pytest.raises(ZeroDivisionError, match=r"^the user's own$"):
        command("run", "resume=run")
    assert content(run)["checkpoint.pt"] == before["checkpoint.pt"]


def test_a_run_that_continued_is_loaded_with_each_epoch_once(command: Command, make: Make) -> None:
    """Its plan still has the checkpoint that it continued from, as when a sweep draws its best runs."""
    folder = RunFolder(make(stopped=2))
    checkpoint = Checkpoint.read(folder)
    assert command("run", "resume=run").returncode == 0
    run = load(plan(Components(checkpoint.config, Session())).continued_from(checkpoint), folder)
    assert run.history == folder.read_history(run.columns)
    assert run.best_epoch == result_of(folder.path)["best_epoch"] > 2

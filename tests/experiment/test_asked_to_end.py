"""SIGTERM while a stack trains: it ends with the epoch, and goes on from there."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.stack_tasks import RUNS, specs_in, task
from support.sweeps import trained

from mlp_exp import signals
from mlp_exp.experiment.checkpoint import Checkpoint
from mlp_exp.experiment.session import Session
from mlp_exp.experiment.spec import StackTask
from mlp_exp.multirun.executors.events import Done, Ended, Event, Progress
from mlp_exp.multirun.executors.work import work
from mlp_exp.storage.run_folder import RunFolder

SELDOM = "trainer.checkpoint_every=1000"


@pytest.fixture(autouse=True)
def _listening() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    signals.listen()
    yield
    signal.signal(signal.SIGTERM, before)


def test_what_is_asked_to_end_saves_its_latest_epoch(tmp_path: Path) -> None:
    """Although the next checkpoint was far away; what goes on from it is what had not stopped."""
    for name in ("whole", "ended"):
        (tmp_path / name).mkdir()
    specs, whole = specs_in(tmp_path / "ended", SELDOM), specs_in(tmp_path / "whole", SELDOM)
    assert work(task(0, whole), Session(), lambda event: None) == Done()

    def send(event: Event) -> None:
        if isinstance(event, Progress) and event.epoch == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(signals.Terminated):
        work(task(0, specs), Session(), send)
    saved = [Checkpoint.read(RunFolder(spec.folder)) for spec in specs]
    assert [checkpoint.epoch for checkpoint in saved] == [2] * RUNS
    assert {(RunFolder(spec.folder).result() or {})["status"] for spec in specs} == {"interrupted"}
    assert work(StackTask(1, tuple(specs), tuple(saved)), Session(), lambda event: None) == Done()
    assert [trained(Path(spec.folder)) for spec in specs] == [trained(Path(spec.folder)) for spec in whole]


def test_what_is_asked_to_end_before_it_trains_has_not_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its result, from which the command learns of it, gives no reason."""

    def asks(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr("mlp_exp.experiment.driver.prepare", asks)
    spec, *_ = specs = specs_in(tmp_path)
    with pytest.raises(signals.Terminated):
        work(task(0, specs), Session(), lambda event: None)
    result = RunFolder(spec.folder).result()
    assert result == {"status": "interrupted", "metrics": {}}
    assert Ended.of(0, result).failure is None


def waits_for_ever() -> None:
    with signals.postponed(0.01) as asked:
        os.kill(os.getpid(), signal.SIGTERM)
        assert asked()
        while True:
            signal.pause()


def test_an_epoch_that_takes_too_long_is_not_waited_for() -> None:
    with pytest.raises(signals.Terminated):
        waits_for_ever()
    assert signal.getsignal(signal.SIGTERM) is signals.terminate
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def fails() -> None:
    with signals.postponed():
        os.kill(os.getpid(), signal.SIGTERM)
        raise ValueError("its own")


def test_other_errors_are_not_hidden() -> None:
    with pytest.raises(ValueError, match="its own"):
        fails()
    assert signal.getsignal(signal.SIGTERM) is signals.terminate

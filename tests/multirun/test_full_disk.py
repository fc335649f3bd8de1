"""A worker whose disk is full: what it had in training goes on elsewhere, three times at most."""

import errno
import logging
import os
import re
from collections import Counter
from pathlib import Path

import pytest
from support.folders import went_on
from support.stack_tasks import RUNS, Notes, specs_in, task
from support.sweeps import trained

from mlp_exp.errors import CallbackError, DiskFullError, disk_is_full
from mlp_exp.experiment.session import Session
from mlp_exp.experiment.spec import RunSpec, StackTask
from mlp_exp.multirun.executors.coordinator import Coordinator
from mlp_exp.multirun.executors.events import Done, Event
from mlp_exp.multirun.executors.in_process import InProcess
from mlp_exp.multirun.executors.there import train_there
from mlp_exp.multirun.executors.wire import event_from_text, task_to_text
from mlp_exp.multirun.executors.work import work
from mlp_exp.storage.run_folder import RunFolder

pytestmark = pytest.mark.slow


class There(InProcess):
    """Trains as a worker on another machine does, in forks of this process.

    Attributes:
        submitted: numbers of runs in the tasks that were submitted.
        done: the last event of each.
    """

    submitted: list[int]
    done: list[Done]

    def submit(self, task: StackTask) -> None:
        self.submitted.append(len(task.specs))
        super().submit(task)

    def wait(self) -> None:
        task = self._waiting.popleft()
        texts: list[str] = []
        root = logging.getLogger()
        before = list(root.handlers)
        train_there(task_to_text(task), texts.append, Session(is_worker=True), 1)
        root.handlers[:] = before  # a worker prints nothing
        events: list[Event] = [event_from_text(text, task) for text in texts]
        for event in events:
            self.done += [event] if isinstance(event, Done) else []
            self.report(task, event)


@pytest.fixture
def tickets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with files `NUMBER-…`, each for a later checkpoint of a run than its first: it finds no room."""
    folder = tmp_path / "tickets"
    folder.mkdir()
    write = RunFolder.write_checkpoint

    def write_or_fail(self: RunFolder, checkpoint: dict[str, object]) -> None:
        for ticket in sorted(folder.glob(f"{self.path.name}-*")) if self.checkpoint.exists() else []:
            ticket.unlink()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.checkpoint))
        write(self, checkpoint)

    monkeypatch.setattr(RunFolder, "write_checkpoint", write_or_fail)
    There.submitted, There.done = [], []
    return folder


def learned(folder: Path) -> list[object]:
    """What the runs learn where there is room."""
    folder.mkdir()
    specs = specs_in(folder)
    assert work(task(0, specs), Session(), lambda event: None) == Done()
    return [trained(Path(spec.folder)) for spec in specs]


def sent(specs: list[RunSpec]) -> Notes:
    notes = Notes()
    Coordinator(Session(), There, notes, parallel=1).train([task(0, specs)])
    return notes


def test_it_is_sent_again_and_goes_on(tmp_path: Path, tickets: Path, caplog: pytest.LogCaptureFixture) -> None:
    specs = specs_in(tmp_path)
    tickets.joinpath("2-0").touch()
    notes = sent(specs)
    reason = f"the disk of its worker is full: {specs[2].folder}/checkpoint.pt: No space left on device"
    assert There.done == [Done(reason, "disk"), Done()]
    assert There.submitted[0] == RUNS
    assert notes.given_up == []
    assert Counter(event.run for event in notes.ended_runs) == dict.fromkeys(range(RUNS), 1)
    again = rf"{re.escape(reason)} with \d runs; they are sent again"
    assert [message for message in caplog.messages if re.fullmatch(again, message)]
    assert went_on(Path(specs[2].folder)) == [1]
    assert [trained(Path(spec.folder)) for spec in specs] == learned(tmp_path / "expected")


def test_after_three_times_it_has_failed_with_the_reason(tmp_path: Path, tickets: Path) -> None:
    """A run that never finds room is separated from the others, which train to their ends."""
    specs = specs_in(tmp_path)
    for count in range(20):
        tickets.joinpath(f"3-{count}").touch()
    notes = sent(specs)
    reason = f"the disk of its worker is full: {specs[3].folder}/checkpoint.pt: No space left on device"
    assert notes.given_up == [(3, reason)]
    assert sorted(event.run for event in notes.ended_runs) == [0, 1, 2, 4]
    assert There.done.count(Done(reason, "disk")) >= 4
    whole = learned(tmp_path / "expected")
    assert [trained(Path(specs[number].folder)) for number in (0, 1, 2, 4)] == [whole[n] for n in (0, 1, 2, 4)]


def test_on_this_machine_it_has_failed_at_once(tmp_path: Path, tickets: Path) -> None:
    (spec, *_) = specs_in(tmp_path)
    for count in range(2):
        tickets.joinpath(f"0-{count}").touch()
    notes = Notes()
    Coordinator(Session(), InProcess, notes, parallel=1).train([task(0, [spec])])
    assert [(event.run, event.failure) for event in notes.ended_runs] == [
        (0, f"{spec.folder}/checkpoint.pt: No space left on device")
    ]


def test_what_a_full_disk_has_caused_is_known() -> None:
    full, quota = (OSError(code, os.strerror(code)) for code in (errno.ENOSPC, errno.EDQUOT))
    by_callback = CallbackError("callbacks.one.on_end")
    by_callback.__cause__ = full
    assert [disk_is_full(error) for error in (full, quota, by_callback, DiskFullError("full"))] == [True] * 4
    assert [disk_is_full(error) for error in (OSError(errno.EACCES, "no"), ValueError(28), None)] == [False] * 3

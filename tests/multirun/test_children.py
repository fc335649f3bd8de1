"""Workers that get tasks as text: what they train, and what becomes of their runs when they end."""

import os
import signal
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from support.stack_tasks import RUNS, Notes, specs_in, task
from support.sweeps import trained

from mlp_exp._version import __version__
from mlp_exp.experiment.session import Session
from mlp_exp.experiment.spec import StackTask
from mlp_exp.multirun.executors import wire
from mlp_exp.multirun.executors.child import Child
from mlp_exp.multirun.executors.children import Children
from mlp_exp.multirun.executors.coordinator import Coordinator
from mlp_exp.multirun.executors.events import Done, Ended, Event, Paused, Progress
from mlp_exp.multirun.executors.executor import Executor, Report
from mlp_exp.multirun.executors.forked import Forked
from mlp_exp.multirun.executors.in_process import InProcess
from mlp_exp.multirun.executors.local import Local
from mlp_exp.multirun.executors.stacks import Kind
from mlp_exp.multirun.executors.there import train_there
from mlp_exp.multirun.executors.work import work
from mlp_exp.storage.lease import hold, release_held
from mlp_exp.storage.run_folder import RunFolder

pytestmark = pytest.mark.slow
LONG = ["trainer.epochs=800"]
"""Long enough to be interrupted, for those that are."""


def told(there: StackTask, text: str | None = None) -> list[Event]:
    """What a worker in this process tells of a task."""
    events: list[str] = []
    train_there(text or wire.task_to_text(there), events.append, Session(), 1)
    return [wire.event_from_text(event, there) for event in events]


def learned(folder: Path, *more: str) -> list[object]:
    """What each run learns when nothing goes wrong."""
    folder.mkdir()
    specs = specs_in(folder, *more)
    assert work(task(0, specs), Session(), lambda event: None) == Done()
    return [trained(Path(spec.folder)) for spec in specs]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    """What long runs learn when nothing goes wrong."""
    return learned(tmp_path_factory.mktemp("expected") / "runs", *LONG)


def test_a_task_and_its_events_travel_as_text(tmp_path: Path) -> None:
    specs = specs_in(tmp_path)
    sent = StackTask(7, tuple(specs), (None,) * RUNS, 2)
    assert wire.task_from_text(wire.task_to_text(sent)) == sent
    assert "\n" not in wire.task_to_text(sent)
    for event in (Progress(5, 1, "val_loss", 0.1, 3), Ended(2, None, "why", 3, 1, True), Done("lost", "worker")):
        assert wire.event_from_text(wire.event_to_text(event), sent) == event


def test_a_worker_trains_what_is_left(tmp_path: Path) -> None:
    """To an end epoch, and from there: a task that comes twice, as after a requeue, is not trained twice."""
    specs = specs_in(tmp_path)
    for _ in range(2):
        events = told(task(0, specs, end_epoch=2))
        assert {event.checkpoint.epoch for event in events if isinstance(event, Paused)} == {2}
        assert events[-1] == Done()
    assert not any(isinstance(event, Progress) for event in events)
    ended = [event for event in told(task(1, specs)) if isinstance(event, Ended)]
    assert sorted(event.run for event in ended) == list(range(RUNS))
    again = told(task(2, specs))
    assert [event for event in again if isinstance(event, Progress)] == []
    assert [(event.run, event.value) for event in again if isinstance(event, Ended)] == sorted(
        (event.run, event.value) for event in ended
    )
    assert [trained(Path(spec.folder)) for spec in specs] == learned(tmp_path / "expected")


def test_another_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = task(0, specs_in(tmp_path))
    text = wire.task_to_text(sent)
    monkeypatch.setattr(wire, "__version__", "9.9")
    reason = f"the worker has mlp_exp 9.9, and the command {__version__}: install the same version there"
    assert told(sent, text) == [Done(reason, "refused")]


def test_a_run_that_is_refused_has_failed_and_is_not_sent_again(tmp_path: Path) -> None:
    class Refusing(Executor):
        submitted = 0

        def submit(self, task: StackTask) -> None:
            self.submitted += 1
            self.task = task

        def wait(self) -> None:
            assert self.submitted == 1
            self.report(self.task, Done("another version", "refused"))

        def cancel(self, task: StackTask) -> None:
            """Nothing trains."""

        def close(self) -> None:
            """Nothing is left."""

    notes = Notes()
    Coordinator(Session(), Refusing, notes, parallel=1).train([task(0, specs_in(tmp_path))])
    assert notes.given_up == [(number, "another version") for number in range(RUNS)]


class _Noted(Child):
    """Says for which place it was made."""

    def __init__(self, made: "list[_Noted]", environment: Mapping[str, str]) -> None:
        made.append(self)
        self.place = environment["CUDA_VISIBLE_DEVICES"]
        super().__init__(environment)


class Watched(Children):
    """Does something to a child at its first events that tell of an epoch, of tasks of its choice."""

    def __init__(self, session: Session, report: Report, act: Callable[[Child, StackTask, int], None]) -> None:
        super().__init__(session, self._seen, [{"CUDA_VISIBLE_DEVICES": str(place)} for place in range(2)])
        self._act, self._told = act, report
        self._times: Counter[int] = Counter()
        self.submitted: list[int] = []

    def submit(self, task: StackTask) -> None:
        self.submitted.append(len(task.specs))
        super().submit(task)

    def _seen(self, task: StackTask, event: Event) -> None:
        if isinstance(event, Progress):
            self._times[task.number] += 1
            (child,) = (child for child, own in self._open.items() if own is task)
            self._act(child, task, self._times[task.number])
        self._told(task, event)


def train(tasks: Sequence[StackTask], act: Callable[[Child, StackTask, int], None]) -> tuple[Notes, list[int]]:
    """Trains tasks in two children; what was told, and the sizes of the tasks that were submitted."""
    notes, made = Notes(), []

    def make(session: Session, report: Report) -> Executor:
        made.append(Watched(session, report, act))
        return made[0]

    Coordinator(Session(), make, notes, parallel=2).train(tasks)
    return notes, made[0].submitted


def test_what_a_lost_worker_trained_goes_on_from_its_checkpoints(
    tmp_path: Path, expected: list[object], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One is killed, the other asked to end, as where a machine is taken back."""
    specs = specs_in(tmp_path, *LONG)
    ended: dict[int, Child] = {}
    made: list[_Noted] = []
    monkeypatch.setattr("mlp_exp.multirun.executors.children.Child", partial(_Noted, made))

    def act(child: Child, task: StackTask, times: int) -> None:
        saved = all(RunFolder(spec.folder).checkpoint.exists() for spec in task.specs)
        if saved and task.number in (0, 1) and task.number not in ended:
            os.kill(child.pid, signal.SIGTERM if task.number else signal.SIGKILL)
            ended[task.number] = child

    notes, submitted = train([task(0, specs[:3]), task(1, specs[3:])], act)
    assert sorted(ended) == [0, 1]
    assert Counter(child.place for child in made) == {"0": 2, "1": 2}  # a place that has lost its child gets another
    assert Counter(event.run for event in notes.ended_runs) == dict.fromkeys(range(RUNS), 1)
    assert notes.given_up == []
    assert sum(submitted) == 2 * RUNS
    assert all("goes on after epoch" in Path(spec.folder, "run.log").read_text("utf-8") for spec in specs)
    assert [trained(Path(spec.folder)) for spec in specs] == expected
    lost = [record.getMessage() for record in caplog.records if "sent again" in record.getMessage()]
    assert lost == ["its worker was ended by signal 9 with 3 runs; they are sent again"]


def test_a_run_that_loses_every_worker_fails_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is sent again three times with the others, then these are separated from it."""
    submitted: list[int] = []

    class Lossy(InProcess):
        def submit(self, task: StackTask) -> None:
            submitted.append(len(task.specs))
            super().submit(task)

        def wait(self) -> None:
            task = self._waiting[0]
            if 3 not in [spec.number for spec in task.specs]:
                return super().wait()
            self._waiting.popleft()
            return self.report(task, Done("its node is gone", "worker"))

    notes, specs = Notes(), specs_in(tmp_path)
    Coordinator(Session(), Lossy, notes, parallel=1).train([task(0, specs)])
    assert submitted == [5, 5, 5, 5, 3, 2, 1, 1]
    assert notes.given_up == [(3, "its node is gone")]
    assert Counter(event.run for event in notes.ended_runs) == dict.fromkeys((0, 1, 2, 4), 1)
    whole = learned(tmp_path / "expected")
    for number in (0, 1, 2, 4):
        assert trained(Path(specs[number].folder)) == whole[number]
    assert RunFolder(specs[3].folder).result() is None
    said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert said == [  # from then on the lines are those of runs
        *["its node is gone with 5 runs; they are sent again"] * 3,
        "its node is gone with 5 runs in a stack; trying again with 3",
    ]


def test_the_worker_of_a_command_that_has_lost_its_sweep_ends(tmp_path: Path) -> None:
    """Another command has taken over, and trains the runs; nothing is told, or written, any more."""
    specs = specs_in(tmp_path, *LONG)
    hold(tmp_path)
    try:
        text = wire.task_to_text(task(0, specs))
    finally:
        release_held()
    hold(tmp_path)
    child = Child()
    try:
        child.send(text)
        assert wire.event_from_text(child.receive(), task(0, specs)) == Done("its worker ended with 1", "worker")
    finally:
        release_held()
        child.kill()
    assert not any(RunFolder(spec.folder).checkpoint.exists() for spec in specs)


class _Plan:
    def __init__(self, device: str, threads: int = 1) -> None:
        self.device = torch.device(device)
        self.components = SimpleNamespace(trainer=SimpleNamespace(threads=threads))


@pytest.mark.parametrize(
    ("devices", "gpus", "parallel", "executor"),
    [
        (["cpu"], 4, 2, Forked), (["cuda"], 4, 4, Children), (["cuda"], 1, 1, InProcess),
        (["cpu", "cuda"], 4, 4, InProcess), (["mps"], 0, 1, InProcess),
    ],
)  # fmt: skip
def test_stacks_are_spread_over_cores_or_gpus(
    monkeypatch: pytest.MonkeyPatch, devices: list[str], gpus: int, parallel: int, executor: type[Executor]
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    local = Local(cores=2)
    plans: Any = [_Plan(device) for device in devices]
    assert local.parallel(plans[-1]) == parallel
    found = [Kind([0], plan, parallel, 1) for plan in plans]
    assert type(local.executor(found, Session(), lambda *_: None)) is executor

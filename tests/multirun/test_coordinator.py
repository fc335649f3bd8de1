"""The contract of an executor, shown by one that drops, delays, repeats and reorders events, and kills its workers."""

import contextlib
import logging
import multiprocessing
import os
import pickle
import random
import signal
from collections import Counter, deque
from collections.abc import Callable, Sequence
from itertools import cycle
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from support.folders import history_of, result_of
from support.stack_tasks import EPOCHS, RUNS, Notes, specs_in, task
from support.sweeps import trained

from mlp_exp import regularly
from mlp_exp.experiment import driver
from mlp_exp.experiment.checkpoint import Checkpoint
from mlp_exp.experiment.session import Session
from mlp_exp.experiment.spec import RunSpec, StackTask
from mlp_exp.multirun.executors.coordinator import Coordinator
from mlp_exp.multirun.executors.events import Done, Event, Paused, Progress
from mlp_exp.multirun.executors.executor import Executor, Report
from mlp_exp.multirun.executors.forked import Forked
from mlp_exp.multirun.executors.in_process import InProcess
from mlp_exp.multirun.executors.work import work
from mlp_exp.processes.forks import start_process
from mlp_exp.storage.run_folder import RunFolder

MOMENTS = ("start", "Progress", "write_checkpoint", "write_history", "write_model", "write_result", "Ended", "Paused")
"""When a worker is killed: before it trains, or just after it has sent such an event or written such a file."""
SEVERAL_TIMES = ("Progress", "write_checkpoint")
"""What may come more than once before the first of its runs is over; two at least are then left to train again."""


def killed(task: StackTask, session: Session, moment: str, times: int) -> list[Event]:
    """What a worker has sent that is killed once a moment has come so often, or else before it has said `Done`."""
    receiver, sender = multiprocessing.get_context("fork").Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(
        target=_train_until, args=(task, session, sender, moment, times)
    )
    start_process(process)
    sender.close()
    events: list[Event] = []
    with contextlib.suppress(EOFError):
        while True:
            events.append(pickle.loads(receiver.recv_bytes()))
    receiver.close()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    return events


def _train_until(task: StackTask, session: Session, sender: Connection, moment: str, times: int) -> None:
    """Work of the process that is killed; what is patched here is patched nowhere else."""
    passed: Counter[str] = Counter()

    def now(name: str) -> None:
        passed[name] += 1
        if passed[moment] == times:
            os.kill(os.getpid(), signal.SIGKILL)

    def then_now(name: str) -> None:
        method = getattr(RunFolder, name)

        def call(*args: object) -> None:
            method(*args)
            now(name)

        setattr(RunFolder, name, call)

    def send(event: Event) -> None:
        sender.send_bytes(pickle.dumps(event))
        now(type(event).__name__)

    for name in MOMENTS:
        if name.startswith("write"):
            then_now(name)
    regularly.REST = 0  # a checkpoint after every epoch
    session.logs.mute()
    now("start")
    work(task, session, send)
    os.kill(os.getpid(), signal.SIGKILL)


class Unreliable(Executor):
    """Trains in this process, and reports what `faults` leaves of it, in any order, some of it after `Done`.

    Args:
        faults: names of what goes wrong: drop, repeat, reorder, late, kill.
        kills: which tasks are killed, in a process of their own.
        moments: when, one of them for each task.
    """

    def __init__(
        self,
        session: Session,
        report: Report,
        faults: Sequence[str],
        seed: int,
        kills: Callable[[StackTask], bool] = lambda task: len(task.specs) > 2,
        moments: Sequence[str] = MOMENTS,
    ) -> None:
        super().__init__(session, report)
        self._faults, self._kills, self._moments = faults, kills, moments
        self._random = random.Random(seed)
        self._waiting: deque[StackTask] = deque()
        self._outbox: deque[tuple[StackTask, Event]] = deque()
        self.submitted: list[StackTask] = []
        self.closed = False

    def submit(self, task: StackTask) -> None:
        self._waiting.append(task)
        self.submitted.append(task)

    def wait(self) -> None:
        while self._waiting and not self._outbox:
            self._work(self._waiting.popleft())
        self.report(*self._outbox.popleft())

    def _work(self, task: StackTask) -> None:
        events: list[Event] = []
        done = Done("its process was ended by signal 9")
        if "kill" in self._faults and self._kills(task):
            moment = self._random.choice(self._moments)
            times = self._random.randint(1, 3) if moment in SEVERAL_TIMES else 1
            events = killed(task, self.session, moment, times)
        else:
            done = work(task, self.session, events.append)
        if "drop" in self._faults:
            events = [event for event in events if self._random.random() < 0.5]
        if "repeat" in self._faults:
            events += self._random.choices(events, k=3) if events else []
        if "reorder" in self._faults:
            self._random.shuffle(events)
        late = self._random.randrange(len(events) + 1) if "late" in self._faults else len(events)
        self._outbox.extend((task, event) for event in [*events[:late], done, *events[late:]])

    def cancel(self, task: StackTask) -> None:
        if task in self._waiting:
            self._waiting.remove(task)
            self._outbox.append((task, Done()))

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def specs(tmp_path: Path) -> list[RunSpec]:
    return specs_in(tmp_path)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    """What each run learns when nothing goes wrong."""
    specs = specs_in(tmp_path_factory.mktemp("expected"))
    assert work(task(0, specs), Session(), lambda event: None) == Done()
    return [trained(Path(spec.folder)) for spec in specs]


FAULTS = [
    ((), 0), (("drop",), 0), (("repeat",), 0), (("reorder",), 0), (("late",), 0), (("kill",), 0),
    (("drop", "reorder", "late", "repeat"), 0), (("drop", "reorder", "late", "repeat", "kill"), 1),
    (("drop", "reorder", "late", "repeat", "kill"), 2),
]  # fmt: skip


@pytest.mark.parametrize(
    ("faults", "seed"), FAULTS, ids=lambda value: str(value) if isinstance(value, int) else "-".join(value) or "none"
)
def test_every_run_ends_once_whatever_happens(
    specs: list[RunSpec], expected: list[object], faults: tuple[str, ...], seed: int
) -> None:
    notes, executors = Notes(), []

    def make(session: Session, report: Report) -> Executor:
        executors.append(Unreliable(session, report, faults, seed))
        return executors[0]

    Coordinator(Session(), make, notes, parallel=2).train([task(0, specs[:3]), task(1, specs[3:])])
    assert Counter(event.run for event in notes.ended_runs) == dict.fromkeys(range(RUNS), 1)
    assert {event.failure for event in notes.ended_runs} == {None}
    assert notes.given_up == []
    assert [trained(Path(spec.folder)) for spec in specs] == expected
    assert executors[0].closed
    numbers = [submitted.number for submitted in executors[0].submitted]
    assert len(set(numbers)) == len(numbers)
    sizes = sorted(len(submitted.specs) for submitted in executors[0].submitted)
    again = [[], [1, 1], [1, 2]] if "kill" in faults else [[]]  # what was left is trained in halves
    assert sizes in [sorted([2, 3, *halves]) for halves in again]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("moment", "faults"),
    list(zip(MOMENTS, cycle([("kill", "drop", "late"), ("kill",)]), strict=False)),
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_workers_are_killed_at_any_moment_also_of_runs_that_continue(
    specs: list[RunSpec], expected: list[object], faults: tuple[str, ...], moment: str
) -> None:
    """Up to an epoch where all pause, and from there to the end."""
    notes, submitted = Notes(), []

    class Killed(Unreliable):
        def __init__(self, session: Session, report: Report) -> None:
            super().__init__(session, report, faults, 0, moments=[moment])

        def submit(self, task: StackTask) -> None:
            super().submit(task)
            submitted.append(len(task.specs))

    coordinator = Coordinator(Session(), Killed, notes, parallel=2)
    coordinator.train([task(0, specs[:3], end_epoch=2), task(1, specs[3:], end_epoch=2)])
    assert (sorted(coordinator.paused), notes.ended_runs) == (list(range(RUNS)), [])
    starts = tuple(coordinator.paused[number] for number in range(RUNS))
    coordinator.train([StackTask(9, tuple(specs), starts)])
    assert Counter(event.run for event in notes.ended_runs) == dict.fromkeys(range(RUNS), 1)
    assert {event.failure for event in notes.ended_runs} == {None}
    assert (notes.given_up, coordinator.paused) == ([], {})
    assert [trained(Path(spec.folder)) for spec in specs] == expected
    assert len(submitted) > 3 or moment == "Paused"  # then all have left checkpoints


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["Progress", "write_checkpoint"])
def test_a_run_that_kills_its_worker_while_it_trains_fails_alone(
    specs: list[RunSpec], expected: list[object], moment: str
) -> None:
    def kills(task: StackTask) -> bool:
        return 3 in [spec.number for spec in task.specs]

    def make(session: Session, report: Report) -> Executor:
        return Unreliable(session, report, ("kill",), 0, kills, [moment])

    notes = Notes()
    Coordinator(Session(), make, notes, parallel=1).train([task(0, specs)])
    assert notes.given_up == [(3, "its process was ended by signal 9")]
    assert Counter(event.run for event in notes.ended_runs) == dict.fromkeys((0, 1, 2, 4), 1)
    for number in (0, 1, 2, 4):
        assert trained(Path(specs[number].folder)) == expected[number]
    assert RunFolder(specs[3].folder).result() is None


class Deaf(Executor):
    """Its workers all die."""

    def submit(self, task: StackTask) -> None:
        self._tasks = [*getattr(self, "_tasks", []), task]

    def wait(self) -> None:
        self.report(self._tasks.pop(0), Done("its process ended with 3"))

    def cancel(self, task: StackTask) -> None:
        """Nothing is saved."""

    def close(self) -> None:
        """Nothing is left."""


def test_a_run_that_kills_every_worker_has_failed_by_itself(
    specs: list[RunSpec], caplog: pytest.LogCaptureFixture
) -> None:
    notes = Notes()
    with caplog.at_level(logging.WARNING):
        Coordinator(Session(), Deaf, notes, parallel=1).train([task(0, specs)])
    assert notes.ended_runs == []
    assert sorted(number for number, _ in notes.given_up if number is not None) == list(range(RUNS))
    assert {reason for _, reason in notes.given_up} == {"its process ended with 3"}
    again = [
        "its process ended with 3 with 5 runs in a stack; trying again with 3",
        "its process ended with 3 with 3 runs in a stack; trying again with 2",
    ]
    assert [record.getMessage() for record in caplog.records][:2] == again


def test_more_tasks_are_open_where_the_room_grows(specs: list[RunSpec]) -> None:
    """As where a node joins a cluster."""
    opened, most = 0, list[int]()

    class Grows(InProcess):
        def room(self) -> int:
            return len(most)

        def submit(self, task: StackTask) -> None:
            nonlocal opened
            opened += 1
            super().submit(task)

        def wait(self) -> None:
            nonlocal opened
            most.append(opened)
            super().wait()
            opened -= 1

    Coordinator(Session(), Grows, Notes(), parallel=1).train(
        [task(number, [spec]) for number, spec in enumerate(specs)]
    )
    assert most == [1, 1, 2, 2, 1]


@pytest.mark.parametrize("executor", [InProcess, Forked])
def test_a_task_ends_at_its_end_epoch_and_another_one_continues_its_runs(
    specs: list[RunSpec], expected: list[object], executor: type[Executor]
) -> None:
    """Survivors of two stacks train on as one, to the bits of runs that never paused; the others stay as they are."""
    session, notes = Session(), Notes()
    coordinator = Coordinator(session, executor, notes, parallel=2)
    coordinator.train([task(0, specs[:3], end_epoch=2), task(1, specs[3:], end_epoch=2)])
    assert notes.ended_runs == []
    assert sorted(coordinator.paused) == list(range(RUNS))
    assert {checkpoint.epoch for checkpoint in coordinator.paused.values()} == {2}
    for spec in specs:
        assert RunFolder(spec.folder).result() is None
        assert Checkpoint.read(RunFolder(spec.folder)).epoch == 2

    survivors = [specs[4], specs[0], specs[2]]
    starts = tuple(coordinator.paused[int(spec.number or 0)] for spec in survivors)
    coordinator.train([StackTask(7, tuple(survivors), starts)])
    assert sorted(event.run for event in notes.ended_runs) == [0, 2, 4]
    for spec in survivors:
        assert trained(Path(spec.folder)) == expected[int(spec.number or 0)]
        assert result_of(Path(spec.folder))["status"] == "finished"
    assert len(history_of(Path(specs[1].folder))) == 3  # two epochs below the names


def test_pauses_of_which_nothing_was_heard_are_found_in_the_folders(specs: list[RunSpec]) -> None:
    class Silent(Unreliable):
        def __init__(self, session: Session, report: Report) -> None:
            super().__init__(session, report, (), 0)

        def _work(self, task: StackTask) -> None:
            work(task, self.session, lambda event: None)
            self._outbox.append((task, Done()))

    coordinator = Coordinator(Session(), Silent, Notes(), parallel=1)
    coordinator.train([task(0, specs, end_epoch=1)])
    assert sorted(coordinator.paused) == list(range(RUNS))


@pytest.mark.parametrize("executor", [InProcess, Forked])
def test_an_interrupt_has_all_open_tasks_save_their_runs(specs: list[RunSpec], executor: type[Executor]) -> None:
    class Stops(Notes):
        def progress(self, event: Progress) -> None:
            if event.epoch == 2:
                raise KeyboardInterrupt

    notes = Stops()
    with pytest.raises(KeyboardInterrupt):
        Coordinator(Session(), executor, notes, parallel=1).train([task(0, specs)])
    assert {event.run for event in notes.ended_runs} == set(range(RUNS))
    statuses = [result_of(Path(spec.folder))["status"] for spec in specs]
    assert set(statuses) <= {"interrupted", "finished"}
    assert all(len(history_of(Path(spec.folder))) >= 2 for spec in specs)


@pytest.mark.parametrize("name", ["evaluate", "save"])
@pytest.mark.parametrize("nth", [1, 3])
def test_an_interrupt_while_a_run_is_saved_loses_none(
    specs: list[RunSpec], monkeypatch: pytest.MonkeyPatch, name: str, nth: int
) -> None:
    """All runs have trained their last epoch: they are finished, whenever the interrupt came."""
    calls, step = Counter[str](), getattr(driver, name)

    def interrupted(*args: object) -> object:
        calls[name] += 1
        if calls[name] == nth:
            raise KeyboardInterrupt
        return step(*args)

    monkeypatch.setattr(driver, name, interrupted)
    notes = Notes()
    with pytest.raises(KeyboardInterrupt):
        Coordinator(Session(), InProcess, notes, parallel=1).train([task(0, specs)])
    ended = [event.run for event in notes.ended_runs]
    assert sorted(ended) == list(range(RUNS))
    for spec in specs:
        assert (result_of(Path(spec.folder))["status"], len(history_of(Path(spec.folder)))) == ("finished", EPOCHS + 1)


def test_events_can_be_sent(specs: list[RunSpec]) -> None:
    events: list[Event] = []
    work(task(0, specs[:2], end_epoch=1), Session(), events.append)
    sent = pickle.loads(pickle.dumps(events))
    assert [type(event) for event in sent] == [Progress, Paused, Paused]
    assert [event.run for event in sent[1:]] == [0, 1]
    assert sent[1].checkpoint.networks[0].history == events[1].checkpoint.networks[0].history  # type: ignore[union-attr]

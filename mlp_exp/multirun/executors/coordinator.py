"""Trains tasks through an executor, whatever happens to them there."""

import logging
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

from mlp_exp.errors import DiskFullError, MlpExpError
from mlp_exp.experiment.checkpoint import Checkpoint
from mlp_exp.experiment.session import Session
from mlp_exp.experiment.spec import RunSpec, StackTask
from mlp_exp.experiment.start import find_start
from mlp_exp.multirun.executors.events import Done, Ended, Event, Paused, Progress
from mlp_exp.multirun.executors.executor import Executor, Report
from mlp_exp.storage.run_folder import RunFolder

log = logging.getLogger(__name__)

MakeExecutor = Callable[[Session, Report], Executor]
LOST = "its events were lost"
MOST_SENT_AGAIN = 3
"""How often a run is sent again after its worker was lost, before the stack is divided to find what loses them."""


class Listener(ABC):
    """What is told of the runs of all tasks."""

    @abstractmethod
    def progress(self, event: Progress) -> None:
        """A stack has trained an epoch."""

    @abstractmethod
    def undone(self, epochs: int) -> None:
        """Epochs of a stack that failed as a whole, which are trained again."""

    @abstractmethod
    def ended(self, event: Ended) -> None:
        """A run has ended; each does so once."""

    @abstractmethod
    def gave_up(self, spec: RunSpec, reason: str) -> None:
        """A run has failed by itself, with its worker."""


@dataclass
class _Open:
    """A task that is being trained.

    Attributes:
        epochs: that its runs have trained, without those that have ended.
        settled: numbers of the runs that have ended or paused.
    """

    task: StackTask
    epochs: int = 0
    settled: set[int] = field(default_factory=set)

    @property
    def left(self) -> list[int]:
        """Places in the task of the runs that have neither ended nor paused."""
        return [place for place, spec in enumerate(self.task.specs) if spec.number not in self.settled]


def _saved(spec: RunSpec) -> Checkpoint | None:
    """What a run has saved; it begins anew without a checkpoint that can be read."""
    try:
        return find_start(spec, resumes=True).checkpoint
    except MlpExpError:  # its worker was lost; nothing says in which state its drive was
        RunFolder(spec.folder).discard_checkpoint()
        return None


class Coordinator:
    """Ensures that every run of its tasks ends once, or pauses at its task's end epoch.

    A stack that fails as a whole (memory ran out, its worker crashed) is tried again in two halves; a single run has
    then failed by itself. What a lost worker trained is sent again, and goes on from its checkpoints; the stack is
    divided likewise if that happens too often. So is what a worker had in training whose disk is full, by the command;
    the worker's own coordinator gives up. After an interrupt all open tasks save their runs first.

    Args:
        parallel: how many tasks are open at the same time, unless the executor's room has grown.

    Attributes:
        paused: by the numbers of their runs, the checkpoints from which another task can continue them.
    """

    def __init__(self, session: Session, make_executor: MakeExecutor, listener: Listener, parallel: int) -> None:
        self._session = session
        self._make_executor = make_executor
        self._listener = listener
        self._parallel = parallel
        self._waiting: deque[StackTask] = deque()
        self._open: dict[int, _Open] = {}
        self._seen: set[int] = set()
        self._losses: Counter[int] = Counter()
        self._stopping = False
        self.paused: dict[int, Checkpoint] = {}

    def train(self, tasks: Iterable[StackTask]) -> None:
        """Trains tasks to their ends.

        Raises:
            KeyboardInterrupt: after all open tasks have saved their runs.
            DiskFullError: in a worker whose disk is full.
        """
        self._waiting.extend(tasks)
        self._numbers = count(1 + max((task.number for task in self._waiting), default=0))
        executor = self._make_executor(self._session, self._take)
        try:
            while self._waiting or self._open:
                self._submit(executor)
                executor.wait()
        except BaseException:
            self._stopping = True
            for opened in list(self._open.values()):
                executor.cancel(opened.task)
            while self._open:  # they save what they have; nobody would end them later
                executor.wait()
            raise
        finally:
            executor.close()

    def _submit(self, executor: Executor) -> None:
        while self._waiting and (len(self._open) < self._parallel or len(self._open) < executor.room()):
            task = self._waiting.popleft()
            self._open[task.number] = _Open(task)
            executor.submit(task)

    def _take(self, task: StackTask, event: Event) -> None:
        opened = self._open.get(task.number)
        if isinstance(event, Progress):
            if opened:
                opened.epochs += event.epochs
                self._listener.progress(event)
        elif isinstance(event, Ended) and event.interrupted and not self._stopping:
            return  # it goes on elsewhere
        elif isinstance(event, Ended | Paused):
            if opened:
                opened.settled.add(event.run)
            if event.run not in self._seen:
                self._settle(opened, event)
        elif opened:
            self._close(opened, event)

    def _settle(self, opened: _Open | None, event: Ended | Paused) -> None:
        if isinstance(event, Paused):
            self.paused[event.run] = event.checkpoint
            return
        self._seen.add(event.run)
        self.paused.pop(event.run, None)
        if opened:
            opened.epochs -= event.trained
        self._listener.ended(event)

    def _close(self, opened: _Open, event: Done) -> None:
        """Looks for runs without an event in their folders, and trains those again that have left nothing."""
        for found in list(self._found_in_folders(opened)):
            self._take(opened.task, found)
        del self._open[opened.task.number]
        if opened.left and not self._stopping:
            self._listener.undone(opened.epochs)
            self._waiting.extendleft(self._again(opened, event))

    def _found_in_folders(self, opened: _Open) -> Iterator[Ended | Paused]:
        for place in opened.left:
            spec = opened.task.specs[place]
            folder = RunFolder(spec.folder)
            result = folder.result()
            if result is not None and (self._stopping or result["status"] != "interrupted"):
                yield Ended.of(spec.job_number, result)
            elif opened.task.end_epoch is not None and folder.checkpoint.exists():
                checkpoint = Checkpoint.read(folder)
                if checkpoint.epoch == opened.task.end_epoch:
                    yield Paused(spec.job_number, checkpoint)

    def _again(self, opened: _Open, done: Done) -> list[StackTask]:
        """What is left of a task, as tasks, the last first."""
        task, left, reason = opened.task, opened.left, done.reason or LOST
        specs = [task.specs[place] for place in left]
        if done.cause == "refused":
            return self._give_up(specs, reason)
        if done.cause == "moved":
            return self._from_checkpoints(task, left)
        if done.cause == "disk" and self._session.is_worker:
            raise DiskFullError(reason)
        if done.cause in ("worker", "disk"):
            self._losses.update(spec.job_number for spec in specs)
            if all(self._losses[spec.job_number] <= MOST_SENT_AGAIN for spec in specs):
                log.warning("%s with %d runs; they are sent again", reason, len(left))
                return self._from_checkpoints(task, left)
        if len(task.specs) == 1:  # it failed by itself
            return self._give_up(specs, reason)
        half = -(-len(left) // 2)
        log.warning("%s with %d runs in a stack; trying again with %d", reason, len(left), half)
        halves = [places for places in (left[half:], left[:half]) if places]
        if done.cause in ("worker", "disk"):
            return [part for places in halves for part in self._from_checkpoints(task, places)]
        for spec in specs:
            RunFolder(spec.folder).clear()
        return [self._part(task, {place: task.starts[place] for place in places}) for places in halves]

    def _give_up(self, specs: Sequence[RunSpec], reason: str) -> list[StackTask]:
        for spec in specs:
            self._seen.add(spec.job_number)
            self._listener.gave_up(spec, reason)
        return []

    def _from_checkpoints(self, task: StackTask, places: Sequence[int]) -> list[StackTask]:
        """Some runs of a task as tasks that go on from what each has saved: one for each epoch."""
        by_epoch: dict[int, dict[int, Checkpoint | None]] = {}
        for place in places:
            saved = _saved(task.specs[place])
            by_epoch.setdefault(saved.epoch if saved else 0, {})[place] = saved
        return [self._part(task, starts) for starts in by_epoch.values()]

    def _part(self, task: StackTask, starts: Mapping[int, Checkpoint | None]) -> StackTask:
        """Some runs of a task, by their places in it, as a task."""
        specs = tuple(task.specs[place] for place in starts)
        return StackTask(next(self._numbers), specs, tuple(starts.values()), task.end_epoch)

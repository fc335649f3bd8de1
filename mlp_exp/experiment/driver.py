"""The driver: trains the runs of a stack together, judges nothing, and writes what each leaves. A single run is a stack
of one with another reporter.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import ClassVar

import torch

from mlp_exp.engine.threads import set_threads
from mlp_exp.errors import RunFolderError, describe, disk_is_full
from mlp_exp.experiment.checkpoint import Checkpoint
from mlp_exp.experiment.course import mean_record
from mlp_exp.experiment.job_context import active
from mlp_exp.experiment.outcome import Evaluation, evaluate, save
from mlp_exp.experiment.planning import plan_of
from mlp_exp.experiment.prepare import prepare
from mlp_exp.experiment.run import Run
from mlp_exp.experiment.session import Session
from mlp_exp.experiment.spec import RunSpec, StackTask
from mlp_exp.regularly import Regularly
from mlp_exp.signals import postponed
from mlp_exp.storage.run_folder import RunFolder
from mlp_exp.training.loop import train
from mlp_exp.training.records import EpochRecord


class Reporter(ABC):
    """What is told of the runs of a stack while they train.

    Attributes:
        history_seconds: how often the histories are written.
        saves_start: whether a run has a checkpoint before its first epoch.
    """

    history_seconds: ClassVar[float]
    saves_start: ClassVar[bool] = False

    @abstractmethod
    def log(self, spec: RunSpec) -> AbstractContextManager[None]:
        """Inside, log lines are those of a run."""

    @abstractmethod
    def epoch(self, runs: Sequence[tuple[RunSpec, Run]], records: Sequence[EpochRecord]) -> None:
        """The stack has trained an epoch: all its runs, and a record of each active one (of an ensemble the mean)."""

    @abstractmethod
    def ended(self, spec: RunSpec, run: Run, found: Evaluation, error: Exception | None) -> None:
        """A run has ended, however, and its folder is complete but for figures."""

    @abstractmethod
    def paused(self, spec: RunSpec, run: Run, checkpoint: Checkpoint) -> None:
        """A run is not over at the task's end epoch."""

    @abstractmethod
    def failed(self, spec: RunSpec, error: Exception, run: Run | None) -> None:
        """A run could not begin, or what it leaves could not be written."""

    @abstractmethod
    def broken(self, reason: str) -> None:
        """The stack has failed as a whole; its runs that have not ended are to be tried again."""


def train_stack(task: StackTask, session: Session, reporter: Reporter) -> None:
    """Trains the runs of a task and leaves each one's files in its folder.

    Args:
        session: of this process; plans that it has already are not made again.

    Raises:
        KeyboardInterrupt: after everything has been saved.
        Exception: in a worker, that the disk is full; runs that have not ended stay as they were last saved.
    """
    driver = _Driver(task, session, reporter)
    driver.begin()
    try:
        driver.train()
        driver.pause()
    except Exception as error:  # memory ran out, or the user's own code failed
        driver.break_off(error)
    finally:
        driver.end_the_rest()


def write_failure(spec: RunSpec, error: BaseException) -> None:
    """Notes in a run's folder what keeps it from training."""
    if not isinstance(error, RunFolderError):  # the files there would be another run's
        RunFolder(spec.folder).write_failure(error)


class _Driver:
    """A stack while it trains.

    Attributes:
        runs: that have begun, by their place in the stack.
        active: those that have not ended.
    """

    def __init__(self, task: StackTask, session: Session, reporter: Reporter) -> None:
        self._task = task
        self._session = session
        self._reporter = reporter
        self.runs: list[tuple[RunSpec, Run]] = []
        self.active: dict[int, tuple[RunSpec, Run]] = {}

    def begin(self) -> None:
        """Makes the networks of the runs, and their places in their folders."""
        for spec, start in zip(self._task.specs, self._task.starts, strict=True):
            try:
                run = self._begin(spec, start)
            except BaseException as error:
                if self._goes_back(error):
                    raise
                write_failure(spec, error)
                if not isinstance(error, Exception):  # but an interrupt
                    raise
                self._reporter.failed(spec, error, None)
                continue
            if run.over:
                self._end(spec, run)
            else:
                self.runs.append((spec, run))
        self.active = dict(enumerate(self.runs))

    def _begin(self, spec: RunSpec, start: Checkpoint | None) -> Run:
        plan = plan_of(spec, self._session, start)
        set_threads(plan.components.trainer.threads)
        with self._inside(spec):  # the user's own network may ask for its folder and variables
            run = prepare(plan, RunFolder(spec.folder))
            run.begin()
            if self._reporter.saves_start:
                run.write_checkpoint(
                    [network.state for network in start.networks] if start else [None] * len(run.courses)
                )
            run.begin_callbacks(partial(self._inside, spec))
        return run

    @contextmanager
    def _inside(self, spec: RunSpec) -> Iterator[None]:
        """The context of a run, for what is called of it while the stack trains."""
        with active(spec), self._reporter.log(spec):
            yield

    def train(self) -> None:
        """Trains all to their ends, or to the task's end epoch."""
        if not self.runs:
            return
        places = [
            (place, course) for place, (_, run) in enumerate(self.runs) for course in run.courses if not course.ended
        ]
        for _, run in self.runs:
            run.stacked = len(places)
        plans = [run.plan for _, run in self.runs]
        save_histories = Regularly(self._reporter.history_seconds, self._save_histories)
        every = min(plan.components.trainer.checkpoint_every for plan in plans)
        save_checkpoints = Regularly(every, self._save_checkpoints)
        batch_size = max(plan.batch_size for plan in plans)
        trainees = [course.trainee for _, course in places]
        with active(self.runs[0][0]) if len(self.runs) == 1 else nullcontext(), postponed() as asked_to_end:
            for records in train(trainees, batch_size, plans[0].device, self._task.end_epoch):
                by_run: dict[int, list[EpochRecord]] = {}
                for record in records:
                    place, course = places[record.member]
                    course.add(record)
                    by_run.setdefault(place, []).append(record)
                means = {place: mean_record(own) for place, own in by_run.items()}
                self._reporter.epoch(self.runs, list(means.values()))
                for place, record in means.items():
                    self._take(place, record)
                save_histories()
                save_checkpoints()
                if asked_to_end():
                    self._save_checkpoints()
                    break

    def _save_histories(self) -> None:
        for _, run in self.active.values():
            run.write_history()

    def _save_checkpoints(self) -> None:
        for _, run in self.active.values():
            run.write_checkpoint(run.latest_states())

    def _take(self, place: int, record: EpochRecord) -> None:
        spec, run = self.active[place]
        if run.logs(record):
            with self._reporter.log(spec):
                run.log_epoch(record)
        if run.ended:
            self._end(spec, run, run.error)
            del self.active[place]  # only now, so that a run which an interrupt keeps from being saved is saved

    def _end(self, spec: RunSpec, run: Run, error: Exception | None = None) -> None:
        """Writes what a run leaves behind, however it ended."""
        run.catch_up()
        try:
            with self._inside(spec):
                run.write_history()
                found = evaluate(run)
                error = run.end_callbacks() or error
                save(run, found)
        except Exception as problem:  # a full disk, say
            if self._goes_back(problem):
                raise
            write_failure(spec, problem)
            self._reporter.failed(spec, problem, run)
            return
        self._reporter.ended(spec, run, found, error)

    def pause(self) -> None:
        """Saves the runs that are not over at the task's end epoch, so that another task, or a later command, continues
        them.
        """
        for spec, run in self.active.values():
            run.write_history()
            checkpoint = run.write_checkpoint(run.latest_states())
            self._reporter.paused(spec, run, checkpoint)
        self.active = {}

    def break_off(self, error: Exception) -> None:
        """Takes an error of the whole stack: of a single run it is its own, several are to be tried again in parts."""
        if self._goes_back(error):
            self.active = {}
            raise error
        if len(self.active) == 1:
            ((spec, run),) = self.active.values()
            run.fail(error)
            self._end(spec, run, error)
        else:
            out_of_memory = isinstance(error, MemoryError | torch.OutOfMemoryError) or "allocate memory" in str(error)
            self._reporter.broken("memory ran out" if out_of_memory else describe(error))
        self.active = {}

    def _goes_back(self, error: BaseException) -> bool:
        """Whether the runs are sent to another worker, since this one cannot write what they leave."""
        return self._session.is_worker and disk_is_full(error)

    def end_the_rest(self) -> None:
        """Saves the runs that an interrupt has stopped."""
        for spec, run in self.active.values():
            self._end(spec, run)

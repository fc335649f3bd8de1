"""The life of one stack: its runs begin together, train together, and each ends on its own."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from mlp_exp.cli.jobs import Job
from mlp_exp.errors import MlpExpError, RunFolderError, describe
from mlp_exp.experiment.outcome import draw, finish
from mlp_exp.experiment.plan import Plan
from mlp_exp.experiment.prepare import prepare
from mlp_exp.experiment.regularly import Regularly
from mlp_exp.experiment.run import Run
from mlp_exp.storage.run_folder import RunFolder
from mlp_exp.training.loop import EpochRecord, train

log = logging.getLogger(__name__)

HISTORY_SECONDS = 10.0
"""How often the histories are written while the runs train."""


@dataclass(frozen=True)
class Progress:
    """The stack has trained an epoch.

    Attributes:
        epochs: of all its runs together.
        column, value, job: the best value so far of what early stopping watches, and whose it is.
    """

    epochs: int
    epoch: int
    column: str
    value: float
    job: int


@dataclass(frozen=True)
class Ended:
    """A run has ended.

    Attributes:
        value: the best of what it watches; None after a failure.
        trained, spared: epochs that it took, and that it did not need.
    """

    job: int
    value: float | None
    failure: str | None
    trained: int = 0
    spared: int = 0


@dataclass(frozen=True)
class Broken:
    """The stack has failed as a whole; its runs that have not ended are to be tried again."""

    reason: str


Event = Progress | Ended | Broken
Report = Callable[[Event], None]
Members = Sequence[tuple[Job, Plan]]


@dataclass
class Attempt:
    """What is known of a stack from its events.

    Attributes:
        epochs: that its runs have trained.
        broken: how it failed as a whole, if it did.
    """

    members: Members
    epochs: int = 0
    broken: Broken | None = None
    _ended: set[int] = field(default_factory=set)

    def note(self, event: Event) -> None:
        if isinstance(event, Progress):
            self.epochs += event.epochs
        elif isinstance(event, Ended):
            self._ended.add(event.job)
            self.epochs -= event.trained
        else:
            self.broken = event

    @property
    def left(self) -> list[tuple[Job, Plan]]:
        """The members that have not ended; `epochs` are then theirs alone."""
        return [(job, plan) for job, plan in self.members if job.number not in self._ended]


def train_stack(members: Members, report: Report) -> None:
    """Trains runs that fit into one stack, and leaves each one's files in its folder.

    Args:
        report: told of everything that the sweep should know.

    Raises:
        KeyboardInterrupt: after everything has been saved.
    """
    torch.set_num_threads(members[0][1].components.trainer.threads)
    life = _Life(members, report)
    try:
        life.train()
    except Exception as error:  # memory ran out, or the user's own code failed
        life.break_off(error)
    finally:
        life.end_the_rest()


def fail(job: Job, error: Exception) -> str:
    """Notes in a job's folder what keeps it from training, and returns it in words."""
    reason = describe(error)
    with job.logging():
        log.error("%s", reason, exc_info=None if isinstance(error, MlpExpError | OSError) else error)
    if job.has_folder and not isinstance(error, RunFolderError):  # the files there would be another run's
        RunFolder(job.folder).write_failure(error)
    return reason


class _Life:
    """A stack on its way.

    Attributes:
        active: the runs that have not ended, by their place in the stack.
    """

    def __init__(self, members: Members, report: Report) -> None:
        self._report = report
        self._members = [member for member in (self._begin(job, plan) for job, plan in members) if member]
        self.active = dict(enumerate(self._members))

    def _begin(self, job: Job, plan: Plan) -> tuple[Job, Run] | None:
        """A run with its network and its place in the folder; None if there cannot be one."""
        folder = RunFolder(job.folder)
        try:
            with job.active():  # the user's own network may ask for its job's folder and variables
                run = prepare(plan, folder)
                run.begin()
        except Exception as error:
            self._report(Ended(job.number, None, fail(job, error), spared=plan.epochs))
            return None
        if run.over:
            self._end(job, run)
            return None
        return job, run

    def train(self) -> None:
        """Trains to the end."""
        if not self._members:
            return
        for _, run in self._members:
            run.stacked = len(self._members)
        plans = [run.plan for _, run in self._members]
        batch_size = max(plan.batch_size for plan in plans)
        save_histories = Regularly(HISTORY_SECONDS, self._save_histories)
        every = min(plan.components.trainer.checkpoint_every for plan in plans)
        save_checkpoints = Regularly(every, self._save_checkpoints)
        for records in train([run.member for _, run in self._members], batch_size, plans[0].device):
            for record in records:
                self._members[record.member][1].add(record)
            self._report_epoch(records)
            for record in records:
                self._take(record)
            save_histories()
            save_checkpoints(records)

    def _save_histories(self) -> None:
        for _, run in self.active.values():
            run.write_history()

    def _save_checkpoints(self, records: Sequence[EpochRecord]) -> None:
        for record in records:
            if record.member in self.active:
                self.active[record.member][1].write_checkpoint(record.state())

    def _take(self, record: EpochRecord) -> None:
        job, run = self.active[record.member]
        if run.logs(record):
            with job.logging():
                run.log_epoch(record)
        if record.status:
            del self.active[record.member]
            self._end(job, run, record.error)

    def _report_epoch(self, records: Sequence[EpochRecord]) -> None:
        job, run = min(self._members, key=lambda member: member[1].member.early_stopping.score)
        watched = run.member.early_stopping.monitor
        self._report(Progress(len(records), records[0].epoch, watched, run.best_value, job.number))

    def _end(self, job: Job, run: Run, error: Exception | None = None) -> None:
        """Writes what a run leaves behind, however it ended."""
        run.catch_up()
        trained, spared = len(run.history), run.member.epochs - len(run.history)
        try:
            with job.logging():
                run.write_history()
                finish(run)
                log.info("%s", run.summary, exc_info=error)
                if run.components.trainer.plots == "always" and run.status != "failed":
                    draw(run)
        except Exception as problem:  # a full disk, say
            self._report(Ended(job.number, None, fail(job, problem), trained, spared))
            return
        value = run.best_value if run.best_epoch else None
        self._report(Ended(job.number, value, run.reason, trained, spared))

    def break_off(self, error: Exception) -> None:
        """Takes an error of the whole stack: of a single run it is its own, several are to be tried again in parts."""
        if len(self.active) == 1:
            ((job, run),) = self.active.values()
            run.fail(error)
            self._end(job, run, error)
        else:
            out_of_memory = isinstance(error, MemoryError | torch.OutOfMemoryError) or "allocate memory" in str(error)
            reason = "memory ran out" if out_of_memory else describe(error)
            self._report(Broken(reason))
        self.active = {}

    def end_the_rest(self) -> None:
        """Saves the runs that an interrupt has stopped."""
        for job, run in self.active.values():
            self._end(job, run)

"""What a worker does with a task, wherever it is: trains it, and sends events."""

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from mlp_exp.errors import describe, disk_is_full, traceback_of
from mlp_exp.experiment.checkpoint import Checkpoint
from mlp_exp.experiment.drawn import draw
from mlp_exp.experiment.driver import Reporter, train_stack
from mlp_exp.experiment.job_context import active
from mlp_exp.experiment.outcome import Evaluation
from mlp_exp.experiment.run import Run
from mlp_exp.experiment.session import Session
from mlp_exp.experiment.spec import RunSpec, StackTask
from mlp_exp.multirun.executors.events import Done, Ended, Event, Paused, Progress
from mlp_exp.storage.run_folder import DONE
from mlp_exp.training.records import EpochRecord

log = logging.getLogger(__name__)


def work(task: StackTask, session: Session, send: Callable[[Event], None]) -> Done:
    """Trains a task.

    Args:
        send: takes all events but `Done`.

    Returns:
        The last event, which says why the stack failed as a whole, if it did.

    Raises:
        KeyboardInterrupt: after everything has been saved.
    """
    for spec in task.specs:
        session.logs.begin(spec)
    reporter = _Sender(session, send)
    try:
        train_stack(task, session, reporter)
    except Exception as error:
        if not (session.is_worker and disk_is_full(error)):
            raise
        return Done.disk_full(error)
    return Done(reporter.reason)


class _Sender(Reporter):
    """Sends events, and writes each run's log lines to its own log.

    Attributes:
        reason: why the stack failed as a whole.
    """

    history_seconds = 10.0

    def __init__(self, session: Session, send: Callable[[Event], None]) -> None:
        self._session = session
        self._send = send
        self.reason: str | None = None

    def log(self, spec: RunSpec) -> AbstractContextManager[None]:
        return self._session.logs.of(spec)

    def epoch(self, runs: Sequence[tuple[RunSpec, Run]], records: Sequence[EpochRecord]) -> None:
        spec, best = min(runs, key=lambda pair: pair[1].score)
        watched = best.trainee.early_stopping.monitor
        self._send(Progress(len(records), records[0].epoch, watched, best.best_value, spec.job_number))

    def ended(self, spec: RunSpec, run: Run, found: Evaluation, error: Exception | None) -> None:
        try:
            with active(spec), self.log(spec):
                log.info("%s", run.summary, exc_info=error)
                if spec.draws and run.status in DONE:
                    draw(run)
        except Exception as problem:
            self.failed(spec, problem, run)
            return
        value = run.best_value if run.best_epoch else None
        self._send(Ended(spec.job_number, value, run.reason, *_epochs(run), run.status == "interrupted"))

    def paused(self, spec: RunSpec, run: Run, checkpoint: Checkpoint) -> None:
        self._send(Paused(spec.job_number, checkpoint))

    def failed(self, spec: RunSpec, error: Exception, run: Run | None) -> None:
        log_failure(spec, error, self._session)
        self._send(Ended(spec.job_number, None, describe(error), *(_epochs(run) if run else ())))

    def broken(self, reason: str) -> None:
        self.reason = reason


def log_failure(spec: RunSpec, error: Exception, session: Session) -> None:
    """Writes to a run's log why it failed; with a traceback where a user could not have caused it."""
    with session.logs.of(spec):
        log.error("%s", describe(error), exc_info=traceback_of(error))


def _epochs(run: Run) -> tuple[int, int]:
    """How many it has trained, and how many it did not need."""
    return len(run.history), run.trainee.epochs - len(run.history)

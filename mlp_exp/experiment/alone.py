"""A run by itself: a stack of one that reports to the console."""

import logging
import shlex
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from mlp_exp.config.trust import foreign_packages
from mlp_exp.display.commands import REPORT, RESUME, on_run, program, typed
from mlp_exp.display.progress import epoch_bar
from mlp_exp.display.tables import print_scores
from mlp_exp.errors import DivergedError, TrainingError, counted
from mlp_exp.experiment.after import look_again, look_back
from mlp_exp.experiment.checkpoint import Checkpoint
from mlp_exp.experiment.driver import Reporter, train_stack, write_failure
from mlp_exp.experiment.job_context import active, check
from mlp_exp.experiment.outcome import Evaluation
from mlp_exp.experiment.plan import Plan
from mlp_exp.experiment.planning import plan_of
from mlp_exp.experiment.reproduction import compare, require_history
from mlp_exp.experiment.run import Run, losses
from mlp_exp.experiment.session import Session
from mlp_exp.experiment.spec import RunSpec, StackTask
from mlp_exp.experiment.start import Start, find_start
from mlp_exp.processes.helper import IN_PLACE, Helper
from mlp_exp.regularly import Regularly
from mlp_exp.storage.run_folder import DONE, RunFolder
from mlp_exp.storage.sweep_folder import MULTIRUN, sweep_of
from mlp_exp.trackers.tracking import UNTRACKED, Tracking
from mlp_exp.training.records import EpochRecord

log = logging.getLogger(__name__)


def train_alone(
    spec: RunSpec, tracking: Tracking = UNTRACKED, helper: Helper = IN_PLACE, *, resumes: bool = False
) -> float:
    """The whole life of a run: it begins, continues, or is over already.

    Args:
        spec: checked, unless the command resumes.
        tracking, helper: of the command.
        resumes: whether the command continues what an earlier one began.

    Returns:
        The best value of what early stopping watches, for a sweeper that optimises; NaN without one.

    Raises:
        DivergedError: after everything has been saved.
        KeyboardInterrupt: likewise; its note has the command that continues.
    """
    start = find_start(spec, resumes=resumes)
    if start.result is not None:
        return _already_over(spec, start.result)
    if resumes:  # other runs are checked before torch is imported
        check(spec)
        tracking.prepare(spec.values)
    folder = RunFolder(spec.folder)
    try:
        run = _train(spec, start, tracking, helper)
    except KeyboardInterrupt as stop:
        if (folder.result() or {}).get("status") in DONE:
            stop.add_note(
                f"It has trained; figures may be missing. Draw them with: {typed(REPORT, [str(folder.path)])}"
            )
        elif folder.checkpoint.exists():
            words = on_run(RESUME, folder.path, foreign_packages(spec.values))
            stop.add_note(f"Go on with: {program()} {shlex.join(words)}")
        raise
    finally:
        tracking.end(folder.path)
    if resumes and spec.sweep is None:
        _say_how_to_update(sweep_of(folder.path))
    if run.reason:
        raise DivergedError(len(run.history))
    return run.best_value


def rerun(spec: RunSpec, earlier: RunFolder, tracking: Tracking, helper: Helper) -> float:
    """Trains a saved run again and says whether it came out the same.

    Raises:
        NotReproducedError: it did not.
    """
    require_history(earlier)
    try:
        value = train_alone(spec, tracking, helper)
    except DivergedError:
        value = float("nan")  # as the earlier one has, perhaps
    compare(earlier, RunFolder(spec.folder))
    return value


def _say_how_to_update(sweep: Path) -> None:
    """Of a run in the folder of a sweep, whose leaderboard and page still show it as it was."""
    if (sweep / MULTIRUN).is_file():
        print(f"Update the leaderboard and the page of its sweep with: {typed(REPORT, [str(sweep)])}")


def _already_over(spec: RunSpec, result: Mapping[str, Any]) -> float:
    reason = result.get("reason")
    if not reason:
        status, epochs = result["status"].replace("_", " "), counted(result.get("epochs", 0), "epoch")
        log.info("%s after %s: nothing is left to train", status, epochs)
    look_again(spec, result)
    if reason:
        raise TrainingError(reason)
    return float("nan") if result.get("best_value") is None else float(result["best_value"])


def _train(spec: RunSpec, start: Start, tracking: Tracking, helper: Helper) -> Run:
    session = Session(shows_data=True)
    try:
        plan = plan_of(spec, session, start.checkpoint)
        sweep = Path(spec.sweep) if spec.sweep else None
        tracking.begin(plan.components.tracker(), Path(spec.folder), plan.components.config, sweep)
    except BaseException as error:
        write_failure(spec, error)
        raise
    reporter = ConsoleReporter(plan, tracking)
    with reporter.bar:
        train_stack(StackTask(0, (spec,), (start.checkpoint,)), session, reporter)
    if reporter.error:
        raise reporter.error
    assert reporter.run
    if reporter.run.status in DONE:
        with active(spec):
            look_back(spec, reporter.run, reporter.found, helper)
    return reporter.run


class ConsoleReporter(Reporter):
    """Shows a run to a person.

    Attributes:
        run, found: once it has ended.
        error: that ended it.
    """

    history_seconds = 5.0
    saves_start = True  # from then on the run can be resumed

    def __init__(self, plan: Plan, tracking: Tracking) -> None:
        self._check = Regularly(self.history_seconds, tracking.check)
        self.bar = epoch_bar()
        self._task = self.bar.add_task("", total=plan.epochs, completed=plan.checkpoint.epoch if plan.checkpoint else 0)
        self.run: Run | None = None
        self.found = Evaluation()
        self.error: Exception | None = None

    def log(self, spec: RunSpec) -> AbstractContextManager[None]:
        return nullcontext()  # Hydra has set up the log of the one job

    def epoch(self, runs: Sequence[tuple[RunSpec, Run]], records: Sequence[EpochRecord]) -> None:
        self.bar.update(self._task, advance=1, description=losses(records[0]))
        self._check()

    def ended(self, spec: RunSpec, run: Run, found: Evaluation, error: Exception | None) -> None:
        self.bar.stop()
        self.run, self.found, self.error = run, found, error
        if found.metrics:
            print_scores("Results of the best epoch", found.metrics, found.undefined, found.intervals)
        log.info("%s", run.summary)

    def paused(self, spec: RunSpec, run: Run, checkpoint: Checkpoint) -> None:
        """A run by itself trains to its end."""

    def failed(self, spec: RunSpec, error: Exception, run: Run | None) -> None:
        self.error = error

    def broken(self, reason: str) -> None:
        """A stack of one fails by itself."""

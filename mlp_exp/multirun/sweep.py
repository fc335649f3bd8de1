"""A sweep: its jobs are composed and sorted into stacks, these train, and figures of the best runs are drawn."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from mlp_exp.display.progress import SweepBar
from mlp_exp.engine.threads import set_threads
from mlp_exp.errors import MlpExpError, SweeperError, TrainingError, describe
from mlp_exp.experiment.after import compute_baselines, compute_missing
from mlp_exp.experiment.checkpoint import Checkpoint
from mlp_exp.experiment.drawn import begin_drawing
from mlp_exp.experiment.driver import write_failure
from mlp_exp.experiment.job_context import active, check
from mlp_exp.experiment.plan import Plan
from mlp_exp.experiment.planning import plan_of
from mlp_exp.experiment.prepare import load
from mlp_exp.experiment.pruned import prune
from mlp_exp.experiment.session import Session
from mlp_exp.experiment.spec import RunSpec
from mlp_exp.experiment.start import find_start
from mlp_exp.leaderboard.entry import Entry
from mlp_exp.leaderboard.leaderboard import Leaderboard
from mlp_exp.multirun.executors.backend import Backend
from mlp_exp.multirun.executors.coordinator import Coordinator, Listener
from mlp_exp.multirun.executors.events import Ended, Progress
from mlp_exp.multirun.executors.slurm_queue import end_left
from mlp_exp.multirun.executors.stacks import in_words, kinds, tasks_of
from mlp_exp.multirun.executors.work import log_failure
from mlp_exp.multirun.job import Job
from mlp_exp.processes.helper import IN_PLACE, Helper
from mlp_exp.storage.run_folder import RunFolder
from mlp_exp.trackers.tracking import Tracking

log = logging.getLogger(__name__)

BEST_DRAWN = 2
"""For how many runs a sweep draws figures."""
T = TypeVar("T")
Planned = tuple[RunSpec, Plan]
"""A run that is ready to train."""


def train_sweep(
    jobs: Sequence[Job],
    folder: Path,
    backend: Backend,
    tracking: Tracking,
    helper: Helper = IN_PLACE,
    *,
    resumes: bool = False,
) -> None:
    """Trains the jobs of a batch; each has its value or its failure afterwards.

    Args:
        folder: the sweep's.
        backend: where they train.
        tracking, helper: of the command.
        resumes: whether the command continues what an earlier one began.

    Raises:
        SweeperError: the sweeper and the runs do not fit together.
        LauncherError: the backend cannot be reached.
    """
    sweep = Sweep(folder, tracking, backend)
    try:
        planned = sweep.begin(jobs, resumes=resumes)
        if planned:
            sweep.bar = SweepBar(len(planned), sum(plan.epochs for _, plan in planned))
            with sweep.bar:
                sweep.train(planned)
        sweep.look_back(helper)
    finally:
        sweep.end()


class Sweep(Listener):
    """The jobs of a sweep while they train: all at once, or batch by batch, each to an epoch and then further.

    Args:
        backend: where they train; begins with the first jobs.

    Attributes:
        bar: shows how far they are.
        session: with the tables and plans of all of them.
    """

    def __init__(self, folder: Path, tracking: Tracking, backend: Backend) -> None:
        self._folder = folder
        self._tracking = tracking
        self._backend = backend
        self._connected = False
        self._jobs: dict[int, Job] = {}
        self._specs: dict[int, RunSpec] = {}
        self._planned: dict[int, Planned] = {}
        self._folders: dict[int, RunFolder] = {}
        self._stacked: dict[int, int] = {}
        self._described = False
        self._said: set[str] = set()
        self.bar = SweepBar(0, 0)
        self.session = Session(shows_data=True, trains_here=backend.here)
        self.leaderboard = Leaderboard.read(folder)

    def begin(self, jobs: Sequence[Job], *, resumes: bool) -> list[Planned]:
        """Composes jobs and reads their data; leaves out those that are over and those that cannot train."""
        if not self._connected:
            self._connected = True
            end_left(self._folder)
            self._backend.begin(self._folder)
        set_threads(1)  # a fork of a process that has computed with several threads may hang
        planned = []
        for job in jobs:
            self._jobs[job.number] = job
            spec = None
            try:
                spec = job.compose()
                self._folders[job.number] = RunFolder(spec.folder)
                plan = self._plan(job, spec, resumes)
            except SweeperError:
                raise
            except Exception as error:  # one job never stops the others
                self._fail(job, spec, error)
                continue
            if plan:
                planned.append((spec, plan))
        self._planned |= {spec.job_number: (spec, plan) for spec, plan in planned}
        return planned

    def _plan(self, job: Job, spec: RunSpec, resumes: bool) -> Plan | None:
        """A job's plan, in its folder; None if it is over."""
        start = find_start(spec, resumes=resumes)
        if start.result is not None:
            self.ended(Ended.of(job.number, start.result))
            return None
        self._specs[job.number] = spec
        job.begin(spec, self.session)
        with self.session.logs.of(spec):
            check(spec)
            plan = plan_of(spec, self.session, start.checkpoint)
        self._tracking.begin(plan.components.tracker(), Path(spec.folder), plan.components.config, self._folder)
        return plan

    def _fail(self, job: Job, spec: RunSpec | None, error: Exception, spared: int = 0) -> None:
        """Records a job that cannot train; `spared` are the epochs that it was to train."""
        if spec:
            self._specs[job.number] = spec
            log_failure(spec, error, self.session)
            with suppress(OSError):  # where the disk is full, the leaderboard has no reason, but the command says it
                write_failure(spec, error)
        self.ended(Ended(job.number, None, describe(error), spared=spared))
        if not isinstance(error, MlpExpError | OSError):
            log.debug("%s", job.name, exc_info=error)

    def train(self, planned: Sequence[Planned], ends: Mapping[int, int] | None = None) -> dict[int, Checkpoint]:
        """Trains runs, in stacks, as many at the same time as the backend has room for.

        Args:
            ends: by the number of a run the epoch after which it pauses; without one it trains to its end.

        Returns:
            The checkpoints of those that are not over then.
        """
        found, differing = kinds([plan for _, plan in planned], self._backend)
        for stack in (members for kind in found for members in kind.stacks()):
            self._stacked |= {planned[index][0].job_number: len(stack) for index in stack}
        tasks = tasks_of(found, planned, ends or {})
        log.log(logging.DEBUG if self._described else logging.INFO, "%s", in_words(found, differing))
        self._described = True
        parallel = min(*(kind.parallel for kind in found), len(tasks))
        coordinator = Coordinator(self.session, partial(self._backend.executor, found), self, parallel)
        coordinator.train(tasks)
        return coordinator.paused

    def prune(self, spec: RunSpec, plan: Plan) -> None:
        """Ends a run at the epoch of its plan's checkpoint, as one of the worst; its folder says so."""
        with self.session.logs.of(spec):
            result = prune(plan, RunFolder(spec.folder), self._stacked.get(spec.job_number, 1))
        self.ended(Ended(spec.job_number, result["best_value"], None, spared=plan.epochs - result["epochs"]))

    def progress(self, event: Progress) -> None:
        self._tracking.check()
        self.bar.advance(event.epochs)
        self.bar.describe(event.epoch, event.column, event.value, event.run)

    def undone(self, epochs: int) -> None:
        self.bar.advance(-epochs)

    def gave_up(self, spec: RunSpec, reason: str) -> None:
        self._fail(self._jobs[spec.job_number], spec, TrainingError(reason), plan_of(spec, self.session).epochs)

    def ended(self, event: Ended) -> None:
        self._tracking.check()
        job, spec = self._jobs[event.run], self._specs.get(event.run)
        job.value, job.failure = event.value, event.failure
        if event.failure is not None and event.failure not in self._said:  # once; the end says how many have it
            self._said.add(event.failure)
            log.error("%s: %s", job.name, event.failure)
        if spec:
            self.leaderboard.add(job.number, job.overrides, Path(spec.folder))
            self._tracking.end(Path(spec.folder))
        self.bar.advance(event.spared, ended=1)

    def end(self) -> None:
        """Ends the backend, and writes the leaderboard."""
        if self._connected:
            self._backend.end()
        self.leaderboard.write()

    def result_of(self, job: Job) -> Mapping[str, Any]:
        """The result of a run that has ended."""
        return self._folders[job.number].result() or {}

    def look_back(self, helper: Helper, job_of: Callable[[int], Job | None] | None = None) -> None:
        """Draws the figures of the best runs, and computes the baselines at the same time, once for each split.

        Both also of runs that were over before, if the earlier command was ended before it came to them.

        Args:
            job_of: the job of a number, also of those that this command need not begin; without it those of `begin`.
        """
        job_of = job_of or self._jobs.get
        by_folder = {Path(spec.folder): (spec, plan) for spec, plan in self._planned.values()}
        ended = [entry.folder for entry in self.leaderboard.entries if entry.folder in by_folder and entry.ended_well]
        ranked = [by_folder[folder] for folder in ended]
        best = [(spec, plan) for spec, plan in ranked if plan.components.trainer.plots == "auto"][:BEST_DRAWN]
        best += self._undrawn(job_of)
        begun = [(spec, self._drawn(spec, partial(_begin_drawing, spec, plan, helper))) for spec, plan in best]
        compute_baselines(ranked, self._folder)
        compute_missing(list(self._earlier(job_of)), self.session)
        for spec, wait in begun:
            if wait:
                self._drawn(spec, wait)
            self._tracking.attach(Path(spec.folder))

    def _earlier(self, job_of: Callable[[int], Job | None]) -> Iterator[tuple[RunSpec, Mapping[str, Any]]]:
        """Of the runs that were over before one for each split and for what is predicted, with its result."""
        found: dict[tuple[str, ...], Entry] = {}
        for entry in self.leaderboard.entries:
            if entry.ended_well and entry.job is not None and entry.job not in self._planned:
                saved, groups = entry.result.get("provenance", {}), ("loss", "experiment", "baselines")
                split = [str(saved.get(f"{what}_fingerprint")) for what in ("data", "split")]
                typed = [f"{key}={value}" for key, value in entry.overrides.items() if key.startswith(groups)]
                found.setdefault((*split, *typed), entry)
        for entry in found.values():
            spec = _spec_of(entry, job_of)
            if spec:
                yield spec, entry.result

    def _undrawn(self, job_of: Callable[[int], Job | None]) -> Iterator[Planned]:
        """Of the best runs those that were over before, and have no figures."""
        well = (entry for entry in self.leaderboard.entries if entry.ended_well and entry.job is not None)
        for entry in islice(well, BEST_DRAWN):
            if entry.job in self._planned or RunFolder(entry.folder).figure_files():
                continue
            spec = _spec_of(entry, job_of)
            with suppress(MlpExpError, OSError):  # its data may be gone; the run itself is complete
                if spec and spec.plots == "auto":
                    yield spec, plan_of(spec, self.session)

    def _drawn(self, spec: RunSpec, draw: Callable[[], T]) -> T | None:
        """What a step of drawing returns; None if it fails, which the run's log then says."""
        with active(spec), self.session.logs.of(spec):
            try:
                return draw()
            except Exception:
                log.exception("the figures could not be drawn")  # the run itself is complete
                return None


def _spec_of(entry: Entry, job_of: Callable[[int], Job | None]) -> RunSpec | None:
    """Of a run that was over before; None if its job is not of this sweep, or cannot be composed."""
    with suppress(MlpExpError):  # what is wrong with a job was said when it began
        job = job_of(entry.job) if entry.job is not None else None
        spec = job.compose() if job else None
        if spec and Path(spec.folder) == entry.folder:
            return spec
    return None


def _begin_drawing(spec: RunSpec, plan: Plan, helper: Helper) -> Callable[[], None]:
    return begin_drawing(load(plan, RunFolder(spec.folder)), helper)

"""The story of a sweep: its jobs are checked and sorted into stacks, these train, and the best runs are drawn."""

import logging
from collections import deque
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path

import torch

from mlp_exp.cli.application import options
from mlp_exp.cli.jobs import Job
from mlp_exp.config.validation import validate
from mlp_exp.display.progress import SweepBar
from mlp_exp.display.tables import print_columns
from mlp_exp.errors import TrainingError
from mlp_exp.experiment.checkpoint import find_checkpoint
from mlp_exp.experiment.components import build
from mlp_exp.experiment.outcome import draw
from mlp_exp.experiment.plan import Plan, plan
from mlp_exp.experiment.prepare import load
from mlp_exp.experiment.shared import Shared
from mlp_exp.leaderboard.leaderboard import Leaderboard
from mlp_exp.multirun.stack_life import Attempt, Ended, Event, Members, Progress, fail, train_stack
from mlp_exp.multirun.stacks import in_words, kinds
from mlp_exp.multirun.workers import Worker, can_fork, events_of, in_forks
from mlp_exp.storage.run_folder import RunFolder
from mlp_exp.trackers.tracking import Tracking

log = logging.getLogger(__name__)

BEST_DRAWN = 2
"""For how many runs a sweep draws figures."""


def train_together(jobs: Sequence[Job], folder: Path, max_stack: int | None, tracking: Tracking) -> None:
    """Trains the jobs of a batch; each has its value or its failure afterwards.

    Args:
        folder: the sweep's.
        max_stack: how many may form a stack; None for as many as train best together.
        tracking: what tracks the jobs that have a tracker.
    """
    sweep = _Sweep(jobs, folder, tracking)
    try:
        planned = sweep.begin()
        if planned:
            sweep.train(planned, max_stack)
            sweep.draw_best(planned)
    finally:
        sweep.leaderboard.write()


class _Sweep:
    """The jobs of a batch on their way."""

    def __init__(self, jobs: Sequence[Job], folder: Path, tracking: Tracking) -> None:
        self._jobs = {job.number: job for job in jobs}
        self._folder = folder
        self._tracking = tracking
        self.leaderboard = Leaderboard.read(folder)
        self._bar = SweepBar(0, 0)

    def begin(self) -> list[tuple[Job, Plan]]:
        """Checks the jobs and reads their data; leaves out those that are done and those that cannot train."""
        torch.set_num_threads(1)  # a fork of a process that has computed with several threads may hang
        shared = Shared()
        planned: list[tuple[Job, Plan]] = []
        for job in self._jobs.values():
            try:
                made = self._plan(job, shared)
            except Exception as error:  # one job never stops the others
                self._take(Ended(job.number, None, fail(job, error)))
                continue
            if made is None:
                if job.failure:
                    log.error("%s: %s", job.name, job.failure)
                continue
            dataset = made.components.dataset
            if dataset.columns and all(dataset is not other.components.dataset for _, other in planned):
                print_columns(dataset)
            planned.append((job, made))
        return planned

    def _plan(self, job: Job, shared: Shared) -> Plan | None:
        """A job's plan, in its folder; None if it is done."""
        with job.active() as cfg:
            folder = RunFolder(job.folder)
            result = folder.prepare(resumes=options().resumes)
            checkpoint = find_checkpoint(folder, cfg, done=result is not None) if options().resumes else None
            if result is not None:
                job.value, job.failure = result.get("best_value"), result.get("reason")
                return None
            job.begin()
            validate(cfg, job.overrides)
            made = plan(build(cfg, shared), checkpoint)
            components = made.components
            self._tracking.begin(components.tracker(), folder.path, components.config, self._folder)
            return made

    def train(self, planned: Members, max_stack: int | None) -> None:
        """Trains all of them, in stacks, as many at the same time as there are cores for.

        Stacks have processes of their own, so that one which runs out of memory takes no other with it; on a GPU, whose
        state a fork cannot share, they train here.
        """
        found, differing = kinds([made for _, made in planned], max_stack)
        stacks = [[planned[index] for index in members] for kind in found for members in kind.stacks()]
        parallel = min(*(kind.parallel for kind in found), len(stacks))
        log.info("%s", in_words(found, differing))
        with SweepBar(len(planned), sum(made.epochs for _, made in planned)) as self._bar:
            if can_fork() and all(kind.plan.device.type == "cpu" for kind in found):
                self._train_in_processes(deque(stacks), parallel)
            else:
                self._train_here(deque(stacks))

    def _train_here(self, waiting: deque[Members]) -> None:
        while waiting:
            attempt = Attempt(waiting.popleft())

            def take(event: Event, attempt: Attempt = attempt) -> None:
                attempt.note(event)
                self._take(event)

            train_stack(attempt.members, take)
            waiting.extendleft(self._again(attempt))

    def _train_in_processes(self, waiting: deque[Members], parallel: int) -> None:
        workers: list[Worker] = []
        try:
            while waiting or workers:
                while waiting and len(workers) < parallel:
                    workers.append(Worker(waiting.popleft()))
                for worker, event in events_of(workers):
                    if event is None:
                        workers.remove(worker)
                        waiting.extendleft(self._again(worker.attempt))
                    else:
                        self._take(event)
        except BaseException as stop:
            for worker in workers:
                worker.process.terminate()
            while workers:  # they save what they have; nobody would end them later
                for worker, event in events_of(workers):
                    if event is None:
                        workers.remove(worker)
                    elif isinstance(stop, KeyboardInterrupt):
                        self._take(event)
            raise

    def _take(self, event: Event) -> None:
        """Takes note of what has happened to a stack."""
        self._tracking.check()
        if isinstance(event, Progress):
            self._bar.advance(event.epochs)
            self._bar.describe(event.epoch, event.column, event.value, event.job)
        elif isinstance(event, Ended):
            job = self._jobs[event.job]
            job.value, job.failure = event.value, event.failure
            if event.failure is not None:
                log.error("%s: %s", job.name, event.failure)
            if job.has_folder:
                self.leaderboard.add(job.number, job.overrides, job.folder)
                self._tracking.end(job.folder)
            self._bar.advance(event.spared, ended=1)

    def _again(self, attempt: Attempt) -> list[Members]:
        """What is left of a stack that failed as a whole, in two halves; a single run has failed by itself."""
        left, broken = attempt.left, attempt.broken
        if not left or broken is None:
            return []
        self._bar.advance(-attempt.epochs)
        if len(left) == 1:
            ((job, made),) = left
            self._take(Ended(job.number, None, fail(job, TrainingError(broken.reason)), spared=made.epochs))
            return []
        half = -(-len(left) // 2)
        log.warning("%s with %d runs in a stack; trying again with %d", broken.reason, len(left), half)
        for job, _ in left:
            RunFolder(job.folder).clear()
        return [left[half:], left[:half]]

    def draw_best(self, planned: Members) -> None:
        """Draws the figures of the best runs."""
        drawn = {job.folder: (job, made) for job, made in planned if made.components.trainer.plots == "auto"}
        ranked = [entry for entry in self.leaderboard.entries if entry.folder in drawn and entry.ended_well]
        best = [drawn[entry.folder] for entry in ranked[:BEST_DRAWN]]
        if best:
            import_module("mlp_exp.display.plots")  # once: the forks need it, and the page what it imports
        in_forks([partial(_draw, job, made) for job, made in best])
        for job, _ in best:
            self._tracking.attach(job.folder)


def _draw(job: Job, made: Plan) -> None:
    with job.logging():
        try:
            draw(load(made, RunFolder(job.folder)))
        except Exception:
            log.exception("the figures could not be drawn")  # the run itself is complete

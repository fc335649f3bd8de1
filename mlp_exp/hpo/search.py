"""A search: asks for a batch of trials, trains it in stacks, tells what became of it, and asks again.

Which trials there are follows from space, seed, batch, number of trials and earlier results alone, whatever trains them
and however often it is interrupted.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from functools import partial

from mlp_exp.display.commands import PROGRAM, RESUME, typed
from mlp_exp.display.progress import SweepBar
from mlp_exp.errors import RunFolderError
from mlp_exp.hpo.asked import Asked
from mlp_exp.hpo.batch import Batch, Judging
from mlp_exp.hpo.defaults import Defaults
from mlp_exp.hpo.earlier import results_of
from mlp_exp.hpo.enqueue import enqueued
from mlp_exp.hpo.objectives import objectives_of, require_comparable, values_of
from mlp_exp.hpo.pruning import make_pruner
from mlp_exp.hpo.repeats import repeats
from mlp_exp.hpo.results import found_in_words, in_words, write_results
from mlp_exp.hpo.sampling import is_grid, require_sampler
from mlp_exp.hpo.settings import require_same
from mlp_exp.hpo.study import Outcome, Recorded, Study
from mlp_exp.hpo.trial import Trial
from mlp_exp.multirun.dry_run import describe_sweep
from mlp_exp.multirun.job import Job
from mlp_exp.multirun.sweep import Sweep
from mlp_exp.processes.helper import IN_PLACE, Helper
from mlp_exp.storage.study_file import StudyFile
from mlp_exp.storage.sweep_folder import JOURNAL
from mlp_exp.trackers.tracking import Tracking

log = logging.getLogger(__name__)


class Search:
    """A search that is ready to begin, or to continue.

    Args:
        asked: what the command line says of it.
        resumes: whether the command continues what an earlier one began.

    Raises:
        MlpExpError: before anything trains or is written: the settings do not fit together, or are not those of the
            search in the folder.
    """

    def __init__(self, asked: Asked, tracking: Tracking, *, resumes: bool) -> None:
        settings, space = asked.settings, asked.space
        self._asked = asked
        self._repeats = repeats(settings.repeat)
        self._backend = asked.connect()
        self._sweep = Sweep(asked.folder, tracking, self._backend)
        defaults = Defaults.of(space, asked.make_job, asked.folder, self._sweep.session)
        pruner = make_pruner(settings.pruner)
        self._objectives = objectives_of(settings.objectives, defaults.plan)
        require_comparable(self._objectives, space, pruner)
        require_sampler(settings.sampler, len(self._objectives))
        if is_grid(settings.sampler):
            space.finite()
        watched = defaults.plan.early_stopping()
        self._judging = Judging(pruner, defaults.plan.epochs, watched.larger_is_better)
        self._enqueued = enqueued(settings.enqueue, space, defaults.params)
        data = defaults.plan.components.dataset.fingerprint
        read_earlier = partial(results_of, settings.warm_start, space, self._objectives, data)
        earlier = None if (asked.folder / JOURNAL).exists() else read_earlier()
        self._batch = self._begin(watched.monitor, resumes=resumes)
        directions = [each.direction for each in self._objectives]
        self._study = Study.open(asked.folder / JOURNAL, settings.sampler, directions, settings.seed, space)
        if not self._study.has_earlier:
            self._study.add_earlier(read_earlier() if earlier is None else earlier)

    def _begin(self, monitor: str, *, resumes: bool) -> int:
        """Writes the settings down, if they are those of the search that is continued.

        Returns:
            The size of a batch.
        """
        settings, folder = self._asked.settings, self._asked.folder
        earlier = StudyFile.read(folder)
        if resumes and earlier is None and (folder / JOURNAL).exists():
            raise RunFolderError(f"{folder}: expected the settings of the search in study.yaml, to continue it")
        now = StudyFile(
            **self._asked.space.to_plain(),
            repeat=settings.repeat,
            sampler=settings.sampler,
            pruner=settings.pruner,
            batch=earlier.batch if earlier and settings.batch == "auto" else settings.batch_size,
            seed=settings.seed,
            n_trials=settings.n_trials,
            objectives=self._objectives,
            enqueue=settings.enqueue,
            warm_start=settings.warm_start,
            monitor=monitor,
            repeats=len(self._repeats),
        )
        if earlier:
            require_same(earlier, now, folder)
        self._asked.save()
        now.write(folder)
        return now.batch

    def run(self, helper: Helper = IN_PLACE) -> list[Job]:
        """Trains all trials, batch by batch; returns the jobs of those that this command has trained.

        Args:
            helper: draws the figures of the best.
        """
        end = time.monotonic() + (self._asked.settings.timeout or float("inf"))
        runs = self._asked.settings.n_trials * len(self._repeats)
        self._sweep.bar = SweepBar(runs, runs * self._judging.epochs)
        jobs: list[Job] = []
        in_time = True
        try:
            with self._sweep.bar:
                for batch, resumes in self._batches():
                    trials = [self._trial(recorded) for recorded in batch]
                    jobs += [job for trial in trials for job in trial.jobs]
                    self._train(trials, resumes=resumes)
                    self._say()
                    if not (in_time := time.monotonic() < end):
                        break
            self._sweep.look_back(helper, self._job)
        finally:
            self._sweep.end()
        self._end(in_time=in_time)
        return jobs

    def describe(self) -> list[Job]:
        """Prints what the first batch would be; trains nothing that is kept."""
        batch, _ = next(self._batches(), ((), False))
        n_trials = self._asked.settings.n_trials
        jobs = [job for recorded in batch for job in self._trial(recorded).jobs]
        log.info("The first %d of %d trials; in what follows none is pruned.", len(batch), n_trials)
        describe_sweep(jobs, self._backend.max_stack)
        return jobs

    def _batches(self) -> Iterator[tuple[Sequence[Recorded], bool]]:
        """The batch that was interrupted, if there is one, and the next ones; each with whether it was."""
        trials = self._study.trials
        running = [trial for trial in trials if trial.state == "running"]
        if running:
            self._require_own(running)
            yield running, True
        first = len(trials)
        while (count := min(self._batch, self._asked.settings.n_trials - first)) > 0:
            asked = self._study.ask(count, self._enqueued[first : first + count])
            if not asked:  # a grid is at its end
                return
            yield asked, False
            first += len(asked)

    def _require_own(self, trials: Sequence[Recorded]) -> None:
        """Raises RunFolderError for trials that this search cannot have asked: their values become overrides."""
        for trial in trials:
            if not self._asked.space.contains(trial.params):
                raise RunFolderError(
                    f"{self._asked.folder / JOURNAL}: expected values that are searched, and trial {trial.number} has "
                    f"{trial.params}. Start the search in a new folder"
                )

    def _trial(self, recorded: Recorded) -> Trial:
        """A trial with its jobs, whose numbers follow from its own."""
        overrides, first = self._asked.space.overrides(recorded.params), recorded.number * len(self._repeats)
        jobs = [self._asked.make_job(first + place, [*overrides, *own]) for place, own in enumerate(self._repeats)]
        return Trial(recorded.number, recorded.params, jobs, values=dict(recorded.rungs))

    def _job(self, number: int) -> Job | None:
        """The job of a number; None for one that no trial has."""
        trials, (place, own) = self._study.trials, divmod(number, len(self._repeats))
        known = place < len(trials) and self._asked.space.contains(trials[place].params)
        return self._trial(trials[place]).jobs[own] if known else None

    def _train(self, trials: Sequence[Trial], *, resumes: bool) -> None:
        """Trains a batch, and tells the study what became of it."""
        batch = Batch(trials, self._sweep, self._study, self._judging)
        batch.train(resumes=resumes)
        self._study.tell({trial.number: self._outcome(trial) for trial in trials})

    def _outcome(self, trial: Trial) -> Outcome:
        if trial.state != "complete":
            return Outcome("pruned" if trial.state == "pruned" else "failed")
        if len(self._objectives) == 1:
            return Outcome("complete", (trial.mean({}),))
        return Outcome("complete", values_of([self._sweep.result_of(job) for job in trial.jobs], self._objectives))

    def _say(self) -> None:
        """Tells how far the search is, in its files and in a line."""
        trials = self._study.trials
        self._write_results(trials)
        self._sweep.leaderboard.refresh()
        log.info("%s", in_words(self._asked.folder, trials, self._asked.settings.n_trials, self._objectives))

    def _write_results(self, trials: Sequence[Recorded]) -> None:
        write_results(self._asked.folder, trials, self._objectives, len(self._repeats))

    def _end(self, *, in_time: bool) -> None:
        """Tells what was found, and why trials are left."""
        trials, n_trials = self._study.trials, self._asked.settings.n_trials
        self._write_results(trials)  # also where the earlier command was ended before it wrote them
        if in_time and len(trials) < n_trials:
            log.info("The grid has no more than these %d trials", len(trials))
        elif len(trials) < n_trials:
            log.info("The time is up; continue with: %s", typed(PROGRAM, [f"{RESUME}={self._asked.folder}"]))
        found = found_in_words(trials, self._objectives[0], self._asked.space) if len(self._objectives) == 1 else None
        if found:
            log.info("%s", found)

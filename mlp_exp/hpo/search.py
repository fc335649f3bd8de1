"""A search: asks for a batch of trials, trains it in stacks, tells what became of it, and asks again.

Which trials there are follows from space, seed, batch, number of trials and earlier results alone, whatever trains them
and however often it is interrupted.
"""

import logging
import time
from collections.abc import Sequence
from pathlib import Path

from mlp_exp.display.progress import SweepBar
from mlp_exp.errors import RunFolderError
from mlp_exp.hpo.batch import Batch, Judging
from mlp_exp.hpo.defaults import Defaults, MakeJob
from mlp_exp.hpo.dimensions import Params
from mlp_exp.hpo.earlier import results_of
from mlp_exp.hpo.objectives import objectives_of, require_comparable, values_of
from mlp_exp.hpo.pruning import make_pruner
from mlp_exp.hpo.repeats import repeats
from mlp_exp.hpo.results import in_words, write_results
from mlp_exp.hpo.settings import Settings, require_same
from mlp_exp.hpo.space import Space
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
        make_job: makes the job of a number with these overrides.
        folder: of the search.
        resumes: whether the command continues what an earlier one began.

    Raises:
        MlpExpError: before anything trains: the settings do not fit together, or are not those of the search in the
            folder.
    """

    def __init__(
        self, settings: Settings, space: Space, make_job: MakeJob, folder: Path, tracking: Tracking, *, resumes: bool
    ) -> None:
        self._settings = settings
        self._space = space
        self._make_job = make_job
        self._folder = folder
        self._resumes = resumes
        self._repeats = repeats(settings.repeat)
        self._sweep = Sweep(folder, tracking)
        self._defaults = defaults = Defaults.of(space, make_job, self._sweep.session)
        pruner = make_pruner(settings.pruner)
        self._objectives = objectives_of(settings.objectives, defaults.plan)
        require_comparable(self._objectives, space, pruner)
        watched = defaults.plan.early_stopping()
        self._judging = Judging(pruner, defaults.plan.epochs, watched.larger_is_better)
        self._batch = self._continued(watched.monitor)
        directions = [each.direction for each in self._objectives]
        self._study = Study.open(folder / JOURNAL, settings.sampler, directions, settings.seed, space)

    def _continued(self, monitor: str) -> int:
        """Writes the settings down, or compares them with those of the search that is continued.

        Returns:
            The size of a batch.
        """
        settings, earlier = self._settings, StudyFile.read(self._folder)
        if self._resumes and earlier is None and (self._folder / JOURNAL).exists():
            raise RunFolderError(f"{self._folder}: expected the settings of the search in study.yaml, to continue it")
        automatic = settings.batch == "auto"
        batch = earlier.batch if earlier and automatic else settings.batch_size
        now = StudyFile(
            **self._space.to_plain(),
            repeat=settings.repeat,
            sampler=settings.sampler,
            pruner=settings.pruner,
            batch=batch,
            seed=settings.seed,
            n_trials=settings.n_trials,
            objectives=self._objectives,
            enqueue=settings.enqueue,
            warm_start=settings.warm_start,
            monitor=monitor,
            repeats=len(self._repeats),
        )
        if earlier:
            require_same(earlier, now, self._folder)
        self._folder.mkdir(parents=True, exist_ok=True)
        now.write(self._folder)
        return batch

    def run(self, max_stack: int | None, helper: Helper = IN_PLACE) -> list[Job]:
        """Trains all trials, batch by batch; returns the jobs of those that this command has trained.

        Args:
            max_stack: how many runs may form a stack; None for as many as train best together.
            helper: draws the figures of the best.
        """
        end = time.monotonic() + (self._settings.timeout or float("inf"))
        runs = self._settings.n_trials * len(self._repeats)
        self._sweep.bar = SweepBar(runs, runs * self._judging.epochs)
        self._study.add_earlier(self._earlier_results())
        jobs: list[Job] = []
        try:
            with self._sweep.bar:
                while (not jobs or time.monotonic() < end) and (batch := self._next_batch()):
                    trials = [self._trial(recorded) for recorded in batch]
                    jobs += [job for trial in trials for job in trial.jobs]
                    Batch(trials, self._sweep, self._study, self._judging, max_stack).train(resumes=self._resumes)
                    self._study.tell({trial.number: self._outcome(trial) for trial in trials})
                    self._say()
            self._sweep.look_back(helper)
        finally:
            self._sweep.leaderboard.write()
        return jobs

    def describe(self, max_stack: int | None) -> list[Job]:
        """Prints what the first batch would be; trains nothing that is kept."""
        batch = self._next_batch()
        jobs = [job for recorded in batch for job in self._trial(recorded).jobs]
        log.info("The first %d of %d trials; none is pruned in these figures.", len(batch), self._settings.n_trials)
        describe_sweep(jobs, max_stack)
        return jobs

    def _next_batch(self) -> Sequence[Recorded]:
        """The batch that was interrupted, or the next one; none at the end."""
        trials = self._study.trials
        running = [trial for trial in trials if trial.state == "running"]
        if running:
            self._require_own(running)
            return running
        first = len(trials)
        count = min(self._batch, self._settings.n_trials - first)
        return self._study.ask(count, self._enqueued()[first : first + count]) if count > 0 else []

    def _require_own(self, trials: Sequence[Recorded]) -> None:
        """Raises RunFolderError for trials that this search cannot have asked: their values become overrides."""
        for trial in trials:
            if not self._space.contains(trial.params):
                raise RunFolderError(
                    f"{self._folder / JOURNAL}: expected values that are searched, and trial {trial.number} has "
                    f"{trial.params}. Start the search in a new folder"
                )

    def _enqueued(self) -> list[Params]:
        """The configurations to try first: the defaults for an empty one, each once."""
        found: list[Params] = []
        for given in self._settings.enqueue:
            params = dict(given) or self._defaults.params
            if params and params not in found:
                found.append(params)
        return found

    def _trial(self, recorded: Recorded) -> Trial:
        """A trial with its jobs, whose numbers follow from its own."""
        overrides, first = self._space.overrides(recorded.params), recorded.number * len(self._repeats)
        jobs = [self._make_job(first + place, [*overrides, *own]) for place, own in enumerate(self._repeats)]
        return Trial(recorded.number, recorded.params, jobs, values=dict(recorded.rungs))

    def _outcome(self, trial: Trial) -> Outcome:
        if trial.state != "complete":
            return Outcome("pruned" if trial.state == "pruned" else "failed")
        if len(self._objectives) == 1:
            return Outcome("complete", (trial.mean({}),))
        return Outcome("complete", values_of([self._sweep.result_of(job) for job in trial.jobs], self._objectives))

    def _say(self) -> None:
        """Tells how far the search is, in its files and in a line."""
        trials = self._study.trials
        write_results(self._folder, trials, self._objectives, len(self._repeats))
        self._sweep.leaderboard.write()
        log.info("%s", in_words(self._folder, trials, self._settings.n_trials, self._objectives))

    def _earlier_results(self) -> list[tuple[Params, tuple[float, ...]]]:
        data = self._defaults.plan.components.dataset.fingerprint
        return results_of(self._settings.warm_start, self._space, self._objectives, data)

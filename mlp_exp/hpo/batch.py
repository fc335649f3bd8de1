"""A batch of trials: trains them side by side from rung to rung, and ends the worst at each.

What is decided depends on the best values at the rungs alone, and these are written down before anything follows from
them: a batch that is continued after a kill decides the same.
"""

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from mlp_exp.experiment.planning import plan_of
from mlp_exp.experiment.pruned import best_so_far
from mlp_exp.hpo.pruning import Pruner
from mlp_exp.hpo.study import Study
from mlp_exp.hpo.trial import Trial
from mlp_exp.multirun.sweep import Planned, Sweep
from mlp_exp.storage.run_folder import PRUNED, RunFolder


@dataclass
class Judging:
    """What decides who goes on.

    Attributes:
        epochs: of a trial that fails before it has a plan.
        larger_is_better: of the value that is watched.
    """

    pruner: Pruner
    epochs: int
    larger_is_better: bool

    def score(self, value: float) -> float:
        """Lower is better; a value that is no number is the worst."""
        if math.isnan(value):
            return math.inf
        return -value if self.larger_is_better else value


class Batch:
    """The trials of a batch while they train.

    Args:
        sweep: that trains their runs.
    """

    def __init__(self, trials: Sequence[Trial], sweep: Sweep, study: Study, judging: Judging) -> None:
        self._trials = trials
        self._sweep = sweep
        self._study = study
        self._judging = judging

    def train(self, *, resumes: bool) -> None:
        """Trains all of them until each is complete, pruned or failed.

        Args:
            resumes: whether an earlier command has begun them.
        """
        self._begin(resumes=resumes)
        going, rung = list(self._trials), 0
        while going:
            self._train_to(going, rung)
            going = self._judge(going, rung)
            rung += 1

    def _begin(self, *, resumes: bool) -> None:
        """Begins their runs, but for those that had ended when the search was interrupted."""
        decided = {number for trial in self._trials for number in _decided(trial)} if resumes else set()
        jobs = [job for trial in self._trials for job in trial.jobs if job.number not in decided]
        planned = {spec.job_number: (spec, plan) for spec, plan in self._sweep.begin(jobs, resumes=resumes)}
        for place, trial in enumerate(self._trials):
            trial.training = {job.number: planned[job.number] for job in trial.jobs if job.number in planned}
            epochs = self._epochs_of(trial, asks=resumes)
            trial.bracket = self._judging.pruner.bracket(place, len(self._trials), epochs)
            trial.rungs = self._judging.pruner.rungs(epochs, trial.bracket)

    def _epochs_of(self, trial: Trial, *, asks: bool) -> int:
        """How many epochs its runs train at most; `asks` for the plan of one that is over."""
        for _, plan in trial.training.values():
            return plan.epochs
        with suppress(Exception):  # it has failed because of its configuration
            return plan_of(trial.jobs[0].compose(), self._sweep.session).epochs if asks else self._judging.epochs
        return self._judging.epochs

    def _train_to(self, going: Sequence[Trial], rung: int) -> None:
        """Trains trials to their rung of this number, or to their ends where they have none."""
        planned: list[Planned] = []
        ends: dict[int, int] = {}
        for trial in going:
            end = trial.rung(rung)
            if end in trial.values:  # known from before the search was interrupted
                continue
            for number, (spec, plan) in trial.training.items():
                if end is None or plan.checkpoint is None or plan.checkpoint.epoch < end:
                    planned.append((spec, plan))
                    ends |= {number: end} if end else {}
        paused = self._sweep.train(planned, ends) if planned else {}
        trained = {spec.job_number for spec, _ in planned}
        for trial in going:
            for number in trained & trial.training.keys():
                spec, plan = trial.training.pop(number)
                if number in paused:
                    trial.training[number] = spec, plan.continued_from(paused[number])
        self._note_values(going, rung)

    def _note_values(self, going: Sequence[Trial], rung: int) -> None:
        """Writes down what the trials that have reached their rung are worth there."""
        new: dict[int, dict[int, float]] = {}
        for trial in going:
            end = trial.rung(rung)
            if end is None or end in trial.values or not trial.training or trial.failure is not None:
                continue
            so_far = {number: best_so_far(plan, end) for number, (_, plan) in trial.training.items()}
            trial.values[end] = trial.mean({number: value for number, (value, _) in so_far.items()})
            new.setdefault(end, {})[trial.number] = trial.values[end]
        for end, values in new.items():
            self._study.report(end, values)

    def _judge(self, going: Sequence[Trial], rung: int) -> list[Trial]:
        """Ends trials that are over or pruned; returns those that go on."""
        on = []
        for bracket in sorted({trial.bracket for trial in going}):
            group = [trial for trial in going if trial.bracket == bracket]
            reached = [trial for trial in group if trial.rung(rung) in trial.values]
            over = [trial for trial in group if trial not in reached]
            for trial in over:
                trial.state = trial.end
                self._prune(trial)  # the other runs of one that has failed
            if reached:
                failed = sum(trial.state == "failed" for trial in over)
                on += self._best(reached, failed, rung)
        return on

    def _best(self, reached: Sequence[Trial], failed: int, rung: int) -> list[Trial]:
        """Prunes all but the best of the trials of a bracket that have reached a rung."""
        scores = {trial.number: self._judging.score(trial.values[trial.rungs[rung]]) for trial in reached}
        ranked = sorted(reached, key=lambda trial: (scores[trial.number], trial.number))
        epoch, first = reached[0].rungs[rung], self._trials[0].number
        known = [trial.rungs[epoch] for trial in self._study.trials if trial.number < first and epoch in trial.rungs]
        earlier = [self._judging.score(value) for value in known]
        count = self._judging.pruner.going_on(sorted(scores.values()), failed, earlier)
        for trial in ranked[count:]:
            trial.state = "pruned"
            self._prune(trial)
        return ranked[:count]

    def _prune(self, trial: Trial) -> None:
        for spec, plan in trial.training.values():
            if plan.checkpoint:
                self._sweep.prune(spec, plan)
        trial.training = {}


def _decided(trial: Trial) -> list[int]:
    """The runs of a trial that had been pruned or had failed already, by number, which their jobs then say."""
    found = []
    for job in trial.jobs:
        result = RunFolder(job.compose().folder).result() or {"status": ""}
        if result["status"] in (PRUNED, "failed", "diverged"):
            job.value, job.failure = result.get("best_value"), result.get("reason")
            trial.rung_reached = result.get("rung", trial.rung_reached)
            found.append(job.number)
    if trial.rung_reached and trial.failure is None:  # a value that is no number is not recorded
        trial.values.setdefault(trial.rung_reached, trial.mean({}))
    return found

"""The study of a search: which trials are asked and what became of them, in Optuna's journal.

Imports Optuna: `sampling.require_optuna` says what to do where it is missing.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import optuna
from optuna.storages import JournalStorage
from optuna.trial import FrozenTrial, TrialState
from threadpoolctl import threadpool_limits

from mlp_exp.errors import ConfigError, SweeperError
from mlp_exp.hpo.dimensions import Params
from mlp_exp.hpo.journal import StepJournal
from mlp_exp.hpo.pickles import require_harmless
from mlp_exp.hpo.sampling import grid, is_grid, make_sampler, quiet, require_sampler
from mlp_exp.hpo.space import Space

NAME = "mlp_exp"
EARLIER = "earlier_results"
"""The study's attribute that says how many of its first trials are results of earlier searches."""

Direction = Literal["minimize", "maximize"]
State = Literal["running", "complete", "pruned", "failed"]
STATES: dict[TrialState, State] = {
    TrialState.RUNNING: "running",
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}


@dataclass(frozen=True)
class Recorded:
    """A trial as the study has it.

    Attributes:
        number: from 0, without the results of earlier searches.
        values: of the objectives; of a pruned trial the last one that was reported. None where there is none.
        rungs: the value at each rung, by its epoch.
    """

    number: int
    params: Params
    state: State
    values: tuple[float, ...] | None
    rungs: dict[int, float]


@dataclass(frozen=True)
class Outcome:
    """What became of a trial; values of a complete one alone."""

    state: Literal["complete", "pruned", "failed"]
    values: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Earlier:
    """What an earlier sweep or search has found.

    Attributes:
        values: of the objectives; of a run that was pruned the best until then.
        rung: the epoch at which it was pruned.
    """

    params: Params
    values: tuple[float, ...]
    rung: int | None = None


class Study:
    """One search. Each method that changes it is one append to the journal, which counts as a whole or not at all.

    The trials of a batch follow from space, seed, sampler, and what is recorded before: the sampler is made anew for
    each batch, from the seed and the number of the batch's first trial. So it makes no difference whether a process
    has asked the earlier ones or has read them.
    """

    def __init__(
        self, journal: StepJournal, study: optuna.Study, sampler: Mapping[str, Any], seed: int, space: Space
    ) -> None:
        self._journal = journal
        self._study = study
        self._storage = study._storage
        self._sampler = sampler
        self._seed = seed
        self._space = space

    @classmethod
    def open(
        cls, path: Path, sampler: Mapping[str, Any], directions: Sequence[Direction], seed: int, space: Space
    ) -> "Study":
        """A new study, or the one in a journal.

        Raises ConfigError for a sampler that is none of Optuna's, RunFolderError if the file is not a journal,
        UntrustedError if it holds a pickle that could run code, SweeperError if it has other directions.
        """
        require_sampler(sampler, len(directions))
        with quiet():
            journal = StepJournal(path)
            storage = JournalStorage(journal)
            if NAME in [each.study_name for each in storage.get_all_studies()]:
                study = optuna.load_study(study_name=NAME, storage=storage)
            else:
                study = optuna.create_study(study_name=NAME, storage=storage, directions=list(directions))
        found = [each.name.lower() for each in study.directions]
        if found != list(directions):
            raise SweeperError(
                f"{path}: expected a study with the directions {', '.join(directions)}, found {', '.join(found)}. "
                "Start the search in a new folder"
            )
        require_harmless(study.get_trials(deepcopy=False), path)
        return cls(journal, study, sampler, seed, space)

    @property
    def trials(self) -> list[Recorded]:
        return [_recorded(each, self._earlier) for each in self._all()[self._earlier :]]

    @property
    def has_earlier(self) -> bool:
        """Whether earlier results have been added, be they none."""
        return EARLIER in self._study.user_attrs or bool(self._all())

    def add_earlier(self, results: Sequence[Earlier]) -> None:
        """Adds what earlier searches have found, for the sampler to learn from; nothing where that was done before."""
        if self.has_earlier:
            return
        with quiet(), self._journal.step():
            for result in results:
                if all(map(math.isfinite, result.values)):
                    self._study.add_trial(self._trial_of(result))
            self._study.set_user_attr(EARLIER, len(self._all()))

    def _trial_of(self, result: Earlier) -> FrozenTrial:
        params = result.params
        distributions = {each.key: each.distribution() for each in self._space.dimensions if each.key in params}
        if result.rung is None:
            return optuna.trial.create_trial(values=list(result.values), params=params, distributions=distributions)
        return optuna.trial.create_trial(
            state=TrialState.PRUNED,
            intermediate_values={result.rung: result.values[0]},
            params=params,
            distributions=distributions,
        )

    def ask(self, count: int, enqueued: Sequence[Params] = ()) -> list[Recorded]:
        """The next trials, which are recorded as running: first those `enqueued`, at most `count` of them.

        The sampler adds what is not said in these. A grid tries its own points alone and gives fewer at its end.
        """
        first = len(self.trials)
        if is_grid(self._sampler):
            enqueued = grid(self._space, self._seed)[first : first + count]
            count = len(enqueued)
        wrong = [str(params) for params in enqueued if not self._space.contains(params)]
        if wrong:
            raise ConfigError([f"hydra.sweeper.enqueue: {each} is not in what is searched" for each in wrong])
        with quiet(), threadpool_limits(1), self._journal.step():  # the last bit of a sum would depend on threads
            self._study.sampler = make_sampler(self._sampler, _batch_seed(self._seed, first))
            for params in enqueued[:count]:
                self._study.enqueue_trial(dict(params))
            for _ in range(count):
                self._space.suggest(self._study.ask())
        return self.trials[first:]

    def report(self, rung: int, values: Mapping[int, float]) -> None:
        """Records the values of running trials at a rung; those that are not finite are left out."""
        with quiet(), self._journal.step():
            for number, value in values.items():
                if math.isfinite(value):
                    self._storage.set_trial_intermediate_value(self._id(number), rung, value)

    def tell(self, outcomes: Mapping[int, Outcome]) -> None:
        """Records what became of trials; one that is complete without finite values has failed."""
        with quiet(), self._journal.step():
            for number, outcome in outcomes.items():
                self._tell(number, outcome)

    def _tell(self, number: int, outcome: Outcome) -> None:
        values: list[float] | None = None
        state = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED}.get(outcome.state, TrialState.FAIL)
        if state is TrialState.COMPLETE:
            values = list(outcome.values or [math.nan])
            if not all(map(math.isfinite, values)):
                state, values = TrialState.FAIL, None
        self._study.tell(self._earlier + number, values, state)

    @property
    def _earlier(self) -> int:
        return int(self._study.user_attrs.get(EARLIER, 0))

    def _all(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False)

    def _id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._study._study_id, self._earlier + number)


def _batch_seed(seed: int, first: int) -> int:
    return int(np.random.SeedSequence([seed, first]).generate_state(1)[0])


def _recorded(trial: FrozenTrial, earlier: int) -> Recorded:
    return Recorded(
        number=trial.number - earlier,
        params=dict(trial.params),
        state=STATES[trial.state],
        values=None if trial.values is None else tuple(trial.values),
        rungs=dict(sorted(trial.intermediate_values.items())),
    )

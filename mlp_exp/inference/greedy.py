"""Chooses among trained runs by what they answer for rows that they held out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlp_exp.config.components import public_name
from mlp_exp.data.statistics import Floats
from mlp_exp.errors import DataError, RunFolderError
from mlp_exp.experiment.answers import answers_of, held_out
from mlp_exp.experiment.reopened import reopened
from mlp_exp.experiment.run import Run
from mlp_exp.experiment.session import Session
from mlp_exp.inference.pool import Pool, shares_of
from mlp_exp.leaderboard.entry import Entry, read_entries
from mlp_exp.leaderboard.ranking import ranked
from mlp_exp.storage.run_folder import MODEL
from mlp_exp.tasks.metrics import Metric, Scores, evaluate
from mlp_exp.tasks.task import Task

TABLE = public_name("table")
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Answered:
    """What a run answers for some rows.

    Attributes:
        task: with the thresholds of the run.
        source: says which data it is of: a path, or a fingerprint.
        rows: `[n]`, the numbers of the rows in the source, ascending.
        target: `[n]`, of several targets `[n, T]`.
        weights: of the rows, `[n]`; None if all count the same.
        answers: `[n, A]`.
    """

    folder: Path
    task: Task
    source: str
    rows: Rows
    target: NDArray[Any]
    weights: Floats | None
    answers: Floats

    @classmethod
    def by(cls, run: Run, rows: Rows, answers: Floats) -> "Answered":
        """What a run answers for rows of its dataset, in ascending order."""
        dataset, data = run.dataset, run.components.config["data"]
        return cls(
            folder=run.folder.path,
            task=run.head.task,
            # runs may use other columns of one table
            source=repr(data["path"]) if data["_target_"] == TABLE else dataset.fingerprint,
            rows=dataset.source_rows[rows],
            target=dataset.target[rows],
            weights=dataset.weights_of(rows),
            answers=answers,
        )

    def at(self, rows: Rows) -> "Answered":
        """The same for some of its rows, by their numbers in the source."""
        places = np.searchsorted(self.rows, rows)
        weights = None if self.weights is None else self.weights[places]
        return replace(self, rows=rows, target=self.target[places], weights=weights, answers=self.answers[places])


@dataclass(frozen=True)
class Choice:
    """Runs that were chosen to be averaged.

    Attributes:
        picks: how many were chosen, one after the other; a run may have been several times.
        pool: what all runs that could be chosen answer for the rows that all of them held out.
        folders: of these runs.
        left_out: runs that could not be chosen, since they answer something that is not a finite number.
        shares: the weights of the chosen ones by their places in the pool; those that count most first.
        best: the places of as many best runs.
    """

    picks: int
    pool: Pool
    folders: list[Path]
    left_out: list[Path]
    shares: dict[int, float]
    best: list[int]

    @property
    def chosen(self) -> dict[Path, float]:
        """The weights of the chosen runs, by their folders."""
        return {self.folders[place]: weight for place, weight in self.shares.items()}

    @cached_property
    def values(self) -> dict[str, float | None]:
        """The metric of the best run, of the plain average of the best ones, and of the choice."""
        of = {"best": {self.best[0]: 1.0}, "average": dict.fromkeys(self.best, 1.0), "greedy": self.shares}
        return {name: self.pool.scores(shares).values[self.pool.name] for name, shares in of.items()}


def choose(folders: Sequence[Path], picks: int, allow: Sequence[str]) -> Choice:
    """Chooses so many runs greedily among all below some folders that ended well, by the metric that ranks them.

    Args:
        allow: packages that the user trusts.

    Raises:
        RunFolderError: there are no runs, or they do not predict the same of the same data.
        DataError: there is no row that all of them held out, or the metric is not defined for those rows.
    """
    entries, session = candidates(folders), Session()
    name = entries[0].ranking or entries[0].own_ranking
    answered, left_out, metric = [], [], None
    for entry in entries:
        run = reopened(entry.folder, allow, session, without=["callbacks"])
        metric = metric or _metric(run, name)
        one = Answered.by(run, *held_out(run))
        if np.isfinite(one.answers).all():
            answered.append(one)
        else:
            left_out.append(one.folder)
    if not answered:
        raise DataError(f"{folders[0]}: what the runs predict of rows that they held out is not finite; none is chosen")
    assert metric is not None
    aligned = at_common_rows(answered)
    first = aligned[0]
    if not len(first.rows):
        raise DataError(_without_rows(answered))
    pool = Pool(name, metric, first.target, first.weights, [a.task for a in aligned], [a.answers for a in aligned])
    best = pool.best(picks)
    reason = pool.scores({best[0]: 1.0}).reasons.get(name)
    if reason:
        raise DataError(f"{folders[0]}: {name} of the {len(first.rows)} rows that all runs held out: {reason}")
    return Choice(picks, pool, [each.folder for each in aligned], left_out, shares_of(pool.greedy(picks)), best)


def candidates(folders: Sequence[Path]) -> list[Entry]:
    """All runs in some folders that ended well, in the order of folders and jobs, with the metric that ranks them.

    Raises RunFolderError for a folder without any.
    """
    found: dict[Path, Entry] = {}
    for folder in folders:
        entries = [each for each in read_entries(folder, configs=False) if each.ended_well]
        entries = [each for each in entries if (each.folder / MODEL).is_file()]
        if not entries:
            raise RunFolderError(f"{folder}: expected the folder of a run, with {MODEL}, or of a sweep of such runs")
        entries.sort(key=lambda each: (-1 if each.job is None else each.job, each.folder))
        found |= {each.folder: each for each in entries}
    by_folder = {each.folder: each for each in ranked(found.values())}
    return [by_folder[folder] for folder in found]


def scores_of_test_part(choice: Choice, allow: Sequence[str]) -> Scores:
    """All metrics of the choice for the rows that are in the test part of each of its runs; none without such rows."""
    session, answered = Session(), []
    for folder in choice.chosen:
        run = reopened(folder, allow, session, without=["callbacks"])
        rows = run.parts.test
        if not len(rows):
            return Scores()
        answered.append(Answered.by(run, rows, answers_of(run, rows)))
    aligned = at_common_rows(answered)
    first, weights = aligned[0], list(choice.chosen.values())
    if not len(first.rows):
        return Scores()
    task = first.task.decided_by([each.task for each in aligned], weights)
    answers = task.mean([each.answers for each in aligned], weights)
    return evaluate(task.metrics, task.predictions(first.target, answers, first.weights))


def at_common_rows(answered: Sequence[Answered]) -> list[Answered]:
    """All of them for the rows that they have in common; RunFolderError unless these are the same rows to all."""
    rows = answered[0].rows
    for each in answered[1:]:
        _require_alike(answered[0], each)
        rows = np.intersect1d(rows, each.rows, assume_unique=True)
    first, *others = aligned = [each.at(rows) for each in answered]
    for each in others:
        if not (np.array_equal(each.target, first.target) and _same_weights(each, first)):
            raise RunFolderError(_of_other_data(first, each))
    return aligned


def _require_alike(first: Answered, other: Answered) -> None:
    kinds = [(each.task.name, each.task.targets, each.task.column_names) for each in (first, other)]
    if kinds[0] != kinds[1]:
        one, two = (f"{', '.join(columns)} ({name})" for name, _, columns in kinds)
        raise RunFolderError(
            f"{other.folder}: it gives {two}, and {first.folder} gives {one}; a choice is among runs that predict the "
            "same"
        )
    if first.source != other.source:
        raise RunFolderError(_of_other_data(first, other))


def _same_weights(one: Answered, other: Answered) -> bool:
    first, second = (np.ones(len(each.rows)) if each.weights is None else each.weights for each in (one, other))
    return np.array_equal(first, second)


def _of_other_data(first: Answered, other: Answered) -> str:
    return (
        f"{other.folder}: its data is other than that of {first.folder}; a choice is among runs on the same rows, with "
        "the same targets and weights"
    )


def _without_rows(answered: Sequence[Answered]) -> str:
    """Why there are no rows that all runs held out."""
    without = [each.folder for each in answered if not len(each.rows)]
    if without:
        return (
            f"{without[0]}: it held out no rows, by which runs are chosen; expected runs with a validation part, or "
            "ensembles of folds"
        )
    return (
        f"{answered[0].folder}: there is no row that all {len(answered)} runs held out; expected runs with one "
        "validation part, as the same split.seed gives them, or ensembles of folds"
    )


def _metric(run: Run, name: str) -> Metric[Any]:
    """The metric of this name: one of ours, a scorer of scikit-learn, or the user's own."""
    task = run.head.task
    return run.components.metrics.chosen(task.known, (), task.example, [name])[name]

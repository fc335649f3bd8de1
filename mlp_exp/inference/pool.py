"""Greedy choice among the answers of trained runs, with replacement (Caruana, Niculescu-Mizil, Crew and Ksikes, 2004).

"Ensemble selection from libraries of models", ICML: begin with the best, and add again and again the one whose addition
makes the average best. One that is picked several times counts as often.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlp_exp.data.statistics import Floats
from mlp_exp.tasks.metrics import Metric, Scores, evaluate
from mlp_exp.tasks.task import Task


@dataclass(frozen=True)
class Pool:
    """What R candidates answer for the same n rows, and what is true.

    Attributes:
        name: of the metric by which is chosen.
        target: `[n]`, of several targets `[n, T]`.
        weights: of the rows, `[n]`.
        tasks: of each candidate, with its thresholds.
        answers: of each candidate, `[n, A]`.
    """

    name: str
    metric: Metric[Any]
    target: NDArray[Any]
    weights: Floats | None
    tasks: Sequence[Task]
    answers: Sequence[Floats]

    def greedy(self, picks: int) -> list[int]:
        """The places of the candidates that are picked, one after the other; among equal ones the earlier."""
        chosen = self.best(1)
        answers, task = self.answers[chosen[0]], self.tasks[chosen[0]]
        while len(chosen) < picks:
            places, count = range(len(self.answers)), len(chosen)
            chosen.append(min(places, key=lambda place: self._score(*self._added(answers, task, count, place))))
            answers, task = self._added(answers, task, count, chosen[-1])
        return chosen

    def _added(self, answers: Floats, task: Task, count: int, place: int) -> tuple[Floats, Task]:
        """The average of so many candidates, and of one more."""
        shares = [float(count), 1.0]
        together = task.decided_by([task, self.tasks[place]], shares)
        return together.mean([answers, self.answers[place]], shares), together

    def best(self, count: int) -> list[int]:
        """The places of the best candidates by themselves, the best first; at most so many."""
        places = range(len(self.answers))
        return sorted(places, key=lambda place: self._score(self.answers[place], self.tasks[place]))[:count]

    def average(self, weights: Mapping[int, float]) -> tuple[Floats, Task]:
        """The answers of candidates together, by their places with weights above 0, and the task that decides."""
        own = [self.tasks[place] for place in weights]
        shares = list(weights.values())
        task = own[0].decided_by(own, shares)
        return task.mean([self.answers[place] for place in weights], shares), task

    def scores(self, weights: Mapping[int, float]) -> Scores:
        """The metric of the average; none, with the reason, where it is not defined."""
        return self._scores(*self.average(weights))

    def _scores(self, answers: Floats, task: Task) -> Scores:
        return evaluate({self.name: self.metric}, task.predictions(self.target, answers, self.weights))

    def _score(self, answers: Floats, task: Task) -> float:
        """Lower is better; infinite where the metric is not defined."""
        value = self._scores(answers, task).values[self.name]
        if value is None:
            return math.inf
        return -value if self.metric.larger_is_better else value


def shares_of(chosen: Sequence[int]) -> dict[int, float]:
    """The weight of each place, by how often it was picked; those picked most first, then the earlier.

    >>> shares_of([3, 1, 3, 2])
    {3: 0.5, 1: 0.25, 2: 0.25}
    """
    counts = Counter(chosen)
    return {place: counts[place] / len(chosen) for place in sorted(counts, key=lambda place: (-counts[place], place))}


def common(rows: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """The numbers that all of these ascending ones have."""
    found = rows[0]
    for each in rows[1:]:
        found = np.intersect1d(found, each, assume_unique=True)
    return found

"""A trial of a search: values of the space, and the runs that try them, one for each repeat."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from mlp_exp.hpo.dimensions import Params
from mlp_exp.multirun.job import Job
from mlp_exp.multirun.sweep import Planned


@dataclass(eq=False)
class Trial:
    """A trial while it trains.

    Attributes:
        jobs: its runs; they train side by side, and their mean counts.
        training: the runs that are not over, by their numbers.
        bracket, rungs: within which, and after which epochs, it is judged.
        values: the mean of the best values so far at the rungs that it has reached, by epoch.
        state: running, complete, pruned or failed.
        rung_reached: the epoch at which it was pruned before the search was continued.
    """

    number: int
    params: Params
    jobs: Sequence[Job]
    training: dict[int, Planned] = field(default_factory=dict)
    bracket: int = 0
    rungs: Sequence[int] = ()
    values: dict[int, float] = field(default_factory=dict)
    state: str = "running"
    rung_reached: int | None = None

    def rung(self, number: int) -> int | None:
        """The epoch of its rung of this number, from 0; None after the last."""
        return self.rungs[number] if number < len(self.rungs) else None

    @property
    def failure(self) -> str | None:
        """Why one of its runs has failed or diverged, and so the trial."""
        return next((job.failure for job in self.jobs if job.failure is not None), None)

    @property
    def end(self) -> str:
        """The state of one that trains no further, and has not reached the next rung."""
        if self.failure is not None:
            return "failed"
        return "pruned" if self.rung_reached else "complete"

    def mean(self, so_far: Mapping[int, float]) -> float:
        """Mean over its runs: of those that are not over the values so far, by number; NaN where one has none."""
        values = [so_far.get(job.number, job.value) for job in self.jobs]
        return fmean(math.nan if value is None else value for value in values)

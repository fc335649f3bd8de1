"""What searches have found, kept in a file beside the page, and the table that is made of it."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kept import Kept, Key
from pages import table

US = "mlp_exp, TPE and halving"
RANDOM = "mlp_exp, random search"


@dataclass(frozen=True)
class Found:
    """A search.

    Attributes:
        points: processor seconds, trials so far and the best value so far.
        seconds: of processor time in all; of a contender, when it was ended.
        wall: seconds from start to end.
    """

    task: str
    column: str
    seed: int
    points: Sequence[tuple[float, int, float]]
    seconds: float
    wall: float
    made_with: Mapping[str, str]

    @property
    def key(self) -> Key:
        return self.task, self.column, self.seed

    def at(self, seconds: float) -> tuple[int, float]:
        """Trials and the best value after so much processor time."""
        known = [(trials, best) for spent, trials, best in self.points if spent <= seconds]
        return known[-1] if known else (0, float("inf"))

    def first_as_good(self, value: float) -> float:
        """Processor seconds until it has found such a value; infinite if it has not."""
        return next((spent for spent, _, best in self.points if best <= value), float("inf"))


class Searches(Kept[Found]):
    kind = Found

    def budget(self, task: str) -> float | None:
        """Processor seconds of the whole command of this project's search, in the median of its seeds."""
        ours = self.of(task, US)
        return statistics.median(found.seconds for found in ours) if ours else None


HEAD = ["", "searches", "trials", "median", "worst", "mean ± standard deviation", "s until our median"]


def page(kept: Searches, tasks: Sequence[str], columns: Sequence[str]) -> str:
    """A table for each task."""
    parts = []
    for task in tasks:
        seconds = kept.budget(task)
        if seconds is None:
            continue
        ours = statistics.median(found.at(found.seconds)[1] for found in kept.of(task, US))
        rows = [_row(kept.of(task, column), column, seconds, ours) for column in columns if kept.of(task, column)]
        parts += [f"**{task}**, {seconds:.1f} s", table(HEAD, rows)]
    return "\n\n".join([*parts, _made_with(kept)])


def _row(found: Sequence[Found], column: str, seconds: float, ours: float) -> list[str]:
    """Ours are as they end: their commands take as long in the median."""
    ends = [each.at(each.seconds if column == US else seconds) for each in found]
    values = [value for _, value in ends]
    until = statistics.median(each.first_as_good(ours) for each in found)
    deviation = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
    return [
        column,
        str(len(found)),
        f"{statistics.median(trials for trials, _ in ends):.0f}",
        f"{statistics.median(values):.4f}",
        f"{max(values):.4f}",
        f"{statistics.fmean(values):.4f}{deviation}",
        f"{until:.0f}" if until < float("inf") else f"above {max(each.seconds for each in found):.0f}",
    ]


def _made_with(kept: Searches) -> str:
    return (
        "Made with "
        + ", ".join(sorted({f"{name} {version}" for each in kept.values() for name, version in each.made_with.items()}))
        + "."
    )

"""The tables of the quality section, made of results."""

import math
import statistics
from collections.abc import Sequence

from pages import spread, table
from quality_results import Result, Results

PUBLISHED = {("california_housing", "TabM"): 0.4414, ("adult", "TabM"): 0.8575}
"""Of tuned models (Gorishniy et al., 2025), where the contender is not measured."""
TIMED = "RealMLP-TD"
"""Whose time the presets' is compared with."""
ERRORS = ("rmse",)
"""Metrics of which less is better."""


def page(results: Results, cases: Sequence[str], ours: Sequence[str], contenders: Sequence[str]) -> str:
    """A row for each case that has results, and how often ours are ahead."""
    columns = [*ours, *contenders]
    known = [case for case in cases if any(results.of(case, column) for column in columns)]
    rows = [_row(results, case, columns) for case in known]
    counts = [_counts(results, known, column, contenders) for column in ours]
    heads = [f"ahead of or equal to {name}" for name in contenders]
    return "\n\n".join([
        table(["", *columns], rows),
        "On how many of the tables that both have each is ahead or equal by the mean; and its seconds, divided by "
        f"{TIMED}'s, the median over the tables:",
        table(["", *heads, f"seconds, of {TIMED}'s"], counts),
        _made_with(results, columns),
    ])  # fmt: skip


def mean(results: Results, case: str, column: str) -> float | None:
    """Over the runs; the published value, if there are none; None without either."""
    values = [result.value for result in results.of(case, column)]
    return statistics.fmean(values) if values else PUBLISHED.get((case, column))


def as_good(metric: str, value: float, other: float) -> bool:
    """Ahead or equal; means of the same number of right answers may differ in their last bit."""
    ahead = value < other if metric in ERRORS else value > other
    return ahead or math.isclose(value, other, rel_tol=1e-12)


def _row(results: Results, case: str, columns: Sequence[str]) -> list[str]:
    """Mean ± standard deviation over the runs, and median seconds; the best mean is bold."""
    some = next(result for result in results.values() if result.case == case)
    means = {column: value for column in columns if (value := mean(results, case, column)) is not None}
    cells = []
    for column in columns:
        if column not in means:
            cells.append("")
            continue
        found = results.of(case, column)
        text = spread([result.value for result in found]) if found else f"{means[column]:.4f}"
        if all(as_good(some.metric, means[column], other) for other in means.values()):
            text = f"**{text}**"
        cells.append(f"{text}, {_seconds(found):.1f} s" if found else f"{text}, published")
    return [f"{case}, {some.metric}" if "rows" in case else f"{case}, {some.rows} rows, {some.metric}", *cells]


def _seconds(found: Sequence[Result]) -> float:
    return statistics.median(result.seconds for result in found)


def _counts(results: Results, cases: Sequence[str], column: str, contenders: Sequence[str]) -> list[str]:
    cells = []
    for contender in contenders:
        good = []
        for case in cases:
            value, other = mean(results, case, column), mean(results, case, contender)
            if value is not None and other is not None:
                good.append(as_good(results.of(case, column)[0].metric, value, other))
        cells.append(f"{sum(good)} of {len(good)}")
    both = [(results.of(case, column), results.of(case, TIMED)) for case in cases]
    shares = [_seconds(found) / _seconds(theirs) for found, theirs in both if found and theirs]
    return [column, *cells, f"{statistics.median(shares):.3f}" if shares else ""]


def _made_with(results: Results, columns: Sequence[str]) -> str:
    """All of it, since columns may have been measured at other times and places."""
    some = [result.made_with for result in results.values() if result.column in columns]
    return "Made with " + ", ".join(sorted({f"{name} {value}" for made in some for name, value in made.items()})) + "."

"""The files in a sweep's folder, beside its runs, and which of these have failed."""

from collections.abc import Sequence
from pathlib import Path

from mlp_exp.storage.run_folder import RunFolder, runs_in

MULTIRUN = "multirun.yaml"
"""Its settings, as Hydra writes them."""
LEADERBOARD = "leaderboard.csv"
PAGE = "report.html"
LIVE = "report.live.js"
"""Beside the page while it is written again and again: when that was last."""
STUDY = "study.yaml"
"""The settings of a search."""
JOURNAL = "study.journal"
"""Its trials, as Optuna writes them."""
RESULTS = "optimization_results.yaml"
"""Its best trial, or the front of several objectives."""
GREEDY = "greedy.json"
"""Which of its runs were chosen by `predict --greedy`, with their weights."""


def thousand(number: int) -> str:
    """The sub-folder of a run, where a sweep is asked to have them by thousands.

    >>> thousand(3141)
    '3000-3999'
    """
    first = number - number % 1000
    return f"{first}-{first + 999}"


def sweep_of(run: Path) -> Path:
    """The folder of the sweep that a run's folder is in, perhaps in a sub-folder of a thousand."""
    by_thousands = run.name.isdecimal() and run.parent.name == thousand(int(run.name))
    return run.parent.parent if by_thousands else run.parent


def place_of(sweep: Path, number: int) -> str:
    """The folder of a run in that of its sweep."""
    inside = f"{thousand(number)}/{number}"
    return inside if (sweep / inside).is_dir() else str(number)


def job_name(number: int | None, overrides: Sequence[str]) -> str:
    """A job of a sweep in messages."""
    return f"job {number} ({','.join(sorted(overrides))})"


def is_untrained(sweep: Path) -> bool:
    """Whether each of its runs failed before it trained anything, so that another sweep may begin here."""
    runs = runs_in(sweep) if (sweep / MULTIRUN).is_file() else []
    return bool(runs) and all(run.is_untrained for run in runs)


def begin_again(sweep: Path) -> None:
    """Removes what tells of such a sweep and its runs; raises UntrustedError for links that lead out of its folder."""
    RunFolder(sweep).require_own_files()
    for run in runs_in(sweep):
        run.clear()
        run.forget()
    for name in (MULTIRUN, STUDY, JOURNAL, RESULTS):
        (sweep / name).unlink(missing_ok=True)


def failures_in(folder: Path) -> list[tuple[str, str]]:
    """The runs of a sweep that have failed, or left no result, by name, with the reason of each."""
    failures = []
    for run in runs_in(folder):
        result = run.result() or {"reason": "it has left no result"}
        if result.get("reason"):
            failures.append((job_name(run.job_number(), run.overrides()), str(result["reason"])))
    return failures


def in_lines(failures: Sequence[tuple[str, str]]) -> list[str]:
    """A line for each reason, with the first job that has it.

    >>> in_lines([("job 0", "no such column"), ("job 1", "no such column"), ("job 2", "no such file")])
    ['job 0 and 1 more: no such column', 'job 2: no such file']
    """
    names: dict[str, list[str]] = {}
    for name, reason in failures:
        names.setdefault(reason, []).append(name)
    return [f"{first}{f' and {len(more)} more' if more else ''}: {reason}" for reason, (first, *more) in names.items()]

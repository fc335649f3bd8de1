"""The runs of a sweep side by side, best first."""

import csv
import io
import math
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from mlp_exp.config.dotted import dotted
from mlp_exp.display.tables import print_leaderboard
from mlp_exp.errors import RunFolderError
from mlp_exp.storage.atomic import atomic
from mlp_exp.storage.run_folder import UNFINISHED, RunFolder, runs_in
from mlp_exp.storage.sweep_folder import LEADERBOARD

WRITE_SECONDS = 1.0
"""How often the file is written while runs finish."""
REPETITIONS = ("seed", "split.seed", "split.fold", "data.seed")
"""Keys that make another run of the same experiment."""
HEADLINES = {True: ("rmse", "r2"), False: ("accuracy", "log_loss")}
"""Metrics that are printed, for a regression and for classes."""


@dataclass(frozen=True)
class Entry:
    """A run on the leaderboard.

    Attributes:
        job: its number; None for a run that was no job of a sweep.
        overrides: values as typed, by key.
        result: what its `result.json` holds.
        config: that Hydra has saved; empty where there is none, or where nobody asked for it.
        by_accuracy: whether accuracy ranks, which it does where all runs watch it.
    """

    job: int | None
    overrides: Mapping[str, str]
    result: Mapping[str, Any]
    folder: Path
    config: Mapping[str, Any] = field(default_factory=dict)
    by_accuracy: bool = False

    @property
    def metrics(self) -> dict[str, float | None]:
        """By part and name, as `val_accuracy`."""
        parts: Mapping[str, Mapping[str, float | None]] = self.result.get("metrics", {})
        return {f"{part}_{name}": value for part, values in parts.items() for name, value in values.items()}

    @cached_property
    def values(self) -> Mapping[str, str]:
        """Of its configuration, by dotted keys, as they are typed on the command line."""
        return {key: _text(value) for key, value in dotted(self.config)}

    @property
    def settings(self) -> Mapping[str, str]:
        """What it was: its configuration, or what was typed where there is none.

        What was typed is not all of it for a run of another primary config, as one that was trained again.
        """
        return self.values or self.overrides

    @property
    def regression(self) -> bool:
        return bool(self.result.get("task") == "regression")

    @property
    def ended_well(self) -> bool:
        return self.result["status"] in ("finished", "stopped_early")

    @property
    def watches_accuracy(self) -> bool:
        return bool(self.result.get("monitor") == "val_accuracy")

    @property
    def judged_by(self) -> str:
        """The metric that ranks: of the validation part, or of the training part where there is none.

        It is one that compares runs of different losses: accuracy or the logarithmic loss; RMSE for a regression.
        """
        part = "val" if "val" in self.result.get("metrics", {}) else "train"
        if self.regression:
            return f"{part}_rmse"
        return f"{part}_accuracy" if self.by_accuracy else f"{part}_log_loss"

    @property
    def score(self) -> float:
        """Lower is better; infinite without metrics."""
        value = self.metrics.get(self.judged_by)
        if value is None:
            return math.inf
        return -value if self.judged_by.endswith("accuracy") else value

    @property
    def rank(self) -> tuple[bool, bool, float]:
        """What sorts: runs with metrics first, those with classes before regressions, the best score first."""
        return not self.metrics, self.regression, self.score


class Leaderboard:
    """What is known of a sweep's runs so far, and the file that holds it."""

    def __init__(self, folder: Path, entries: Sequence[Entry] = ()) -> None:
        self._folder = Path(os.path.abspath(folder))  # as those of the jobs
        self._entries = {entry.folder: entry for entry in entries}
        self._written = -math.inf

    @classmethod
    def read(cls, folder: Path, sources: Sequence[Path] = (), *, configs: bool = False) -> "Leaderboard":
        """From all runs in a sweep's folder, or in the sources, however far they have come.

        Args:
            configs: whether their configurations are read, too.
        """
        paths = [Path(os.path.abspath(source)) for source in sources or [folder]]
        return cls(folder, [entry for path in paths for entry in _entries(path, configs)])

    @property
    def entries(self) -> list[Entry]:
        """Best first; equally good ones, and those without metrics, by number."""
        entries = list(self._entries.values())
        with_metrics = [entry for entry in entries if entry.metrics]
        by_accuracy = bool(with_metrics) and all(entry.watches_accuracy for entry in with_metrics)
        entries = [replace(entry, by_accuracy=by_accuracy) for entry in entries]
        return sorted(entries, key=lambda e: (*e.rank, -1 if e.job is None else e.job, e.folder))

    def add(self, job: int, overrides: Sequence[str], folder: Path) -> None:
        """Takes in what a run has left, and writes the file now and then."""
        result = RunFolder(folder).result()
        if result is not None:
            self._entries[folder] = Entry(job, _by_key(overrides), result, folder)
        if time.monotonic() - self._written > WRITE_SECONDS:
            self.write()

    def write(self) -> None:
        """The file as a whole: overrides, status, epochs, metrics."""
        entries = self.entries
        keys = _union(entry.overrides for entry in entries)
        metrics = _union(entry.metrics for entry in entries)
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["job", *keys, "status", "best_epoch", "epochs", *metrics, "seconds", "folder", "reason"])
        for entry in entries:
            found, result = entry.metrics, entry.result
            writer.writerow(
                [
                    "" if entry.job is None else entry.job,
                    *(entry.overrides.get(key, "") for key in keys),
                    result["status"],
                    *(result.get(key, "") for key in ("best_epoch", "epochs")),
                    *("" if found.get(name) is None else repr(found[name]) for name in metrics),
                    result.get("seconds", ""),
                    os.path.relpath(entry.folder, self._folder),
                    result.get("reason", ""),
                ]
            )
        with atomic(self._folder / LEADERBOARD) as temporary:
            temporary.write_text(text.getvalue(), encoding="utf-8", errors="backslashreplace")
        self._written = time.monotonic()


def _union(mappings: Iterable[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(key for mapping in mappings for key in mapping))


def _by_key(overrides: Sequence[str]) -> dict[str, str]:
    pairs = (override.lstrip("+").partition("=") for override in overrides)
    return {key: value for key, _, value in pairs}


def _text(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return "null" if value is None else str(value).lower()
    return f"[{','.join(_text(item) for item in value)}]" if isinstance(value, list) else str(value)


def _entries(folder: Path, configs: bool) -> Iterator[Entry]:
    for run in runs_in(folder):
        result = run.result() or {"status": UNFINISHED, "metrics": {}}
        yield Entry(run.job_number(), _by_key(run.overrides()), result, run.path, _config(run) if configs else {})


def _config(run: RunFolder) -> dict[str, Any]:
    try:
        return run.config()
    except RunFolderError as error:
        print(f"{error}. The run is shown without it", file=sys.stderr)
        return {}


@dataclass(frozen=True)
class Experiments:
    """Runs that differ by seed or fold alone, as one line.

    Attributes:
        overrides: of the best, without what makes it a repetition.
    """

    overrides: dict[str, str]
    entries: list[Entry]

    def mean_and_deviation(self, metric: str) -> str:
        """Over the runs that have the metric; the sample standard deviation is left out for a single run."""
        values = [value for value in (entry.metrics.get(metric) for entry in self.entries) if value is not None]
        if not values:
            return "–"
        mean = f"{fmean(values):.4f}"
        return mean if len(values) == 1 else f"{mean} ± {stdev(values):.4f}"

    @property
    def score(self) -> float:
        """Mean of the runs that have one."""
        scores = [entry.score for entry in self.entries if math.isfinite(entry.score)]
        return fmean(scores) if scores else math.inf


def repeated(entries: Sequence[Entry]) -> list[Experiments]:
    """The runs with those together that differ by seed or fold alone, best first.

    A copy of a run, as in two sweeps that were the same, is no repetition: it goes into a group of its own.
    """
    copies: Counter[frozenset[tuple[str, str]]] = Counter()
    copy_of = {}
    settings = {entry.folder: entry.settings for entry in entries}
    for folder in sorted(settings):
        whole = frozenset(settings[folder].items())
        copy_of[folder] = copies[whole]
        copies[whole] += 1
    groups: dict[Any, Experiments] = {}
    for entry in entries:
        experiment = frozenset(_without_repetitions(settings[entry.folder]).items())
        typed = _without_repetitions(entry.overrides)
        found = groups.setdefault((experiment, copy_of[entry.folder]), Experiments(typed, []))
        found.entries.append(entry)
    return sorted(groups.values(), key=lambda group: (*group.entries[0].rank[:2], group.score))


def _without_repetitions(settings: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in settings.items() if key not in REPETITIONS}


def as_table(entries: Sequence[Entry]) -> tuple[str, list[str], list[list[str]]]:
    """Title, columns and rows to print; runs that differ by seed or fold alone are one row with mean ± deviation."""
    groups = repeated(entries)
    one_each = all(len(group.entries) == 1 for group in groups)
    if one_each:  # then a seed is a column like any other
        groups = [Experiments(dict(entry.overrides), [entry]) for entry in entries]
    keys = [key for key in _union(g.overrides for g in groups) if len({g.overrides.get(key) for g in groups}) > 1]
    parts = ("val", "test") if any("val_" in name for name in entries[0].metrics) else ("train", "test")
    names = [f"{part}_{name}" for part in parts for name in HEADLINES[entries[0].regression]]
    names = [name for name in names if any(name in entry.metrics for entry in entries)]
    all_well = all(entry.ended_well for entry in entries)
    rows = []
    for group in groups:
        first = group.entries[0]
        who = (first.folder.name if first.job is None else str(first.job)) if one_each else str(len(group.entries))
        overrides = [group.overrides.get(key, "") for key in keys]
        scores = [group.mean_and_deviation(name) for name in names]
        status = [] if all_well else [", ".join(dict.fromkeys(str(e.result["status"]) for e in group.entries))]
        rows.append([who, *overrides, *scores, *status])
    count = f"{len(entries)} run{'s' * (len(entries) != 1)}"
    title = f"{count}, best first by {entries[0].judged_by}" if entries[0].metrics else f"{count}, without metrics"
    if not one_each:
        settings = [entry.settings for entry in entries]
        repeats = [key for key in REPETITIONS if len({of.get(key) for of in settings}) > 1]
        title += f"; mean ± standard deviation over {', '.join(repeats)}"
    return title, ["job" if one_each else "runs", *keys, *names, *([] if all_well else ["status"])], rows


def print_leaderboard_of(folder: Path, sources: Sequence[Path] = ()) -> list[Entry]:
    """Writes and prints the leaderboard of the runs in a folder, or in the sources; returns them, best first."""
    leaderboard = Leaderboard.read(folder, sources, configs=True)
    entries = leaderboard.entries
    if entries:
        leaderboard.write()
        print_leaderboard(*as_table(entries), folder / LEADERBOARD)
    return entries

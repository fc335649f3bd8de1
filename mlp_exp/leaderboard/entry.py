"""A run as the leaderboard sees it: what was typed, what it was, how it went."""

import math
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from mlp_exp.config.by_data import Facts, for_data
from mlp_exp.config.components import ADDED
from mlp_exp.config.dotted import dotted
from mlp_exp.config.shared import shared
from mlp_exp.errors import RunFolderError
from mlp_exp.storage.run_folder import PRUNED, UNFINISHED, RunFolder, runs_in
from mlp_exp.storage.sweep_folder import job_name
from mlp_exp.tasks.task import Task
from mlp_exp.tasks.tasks import TASKS

PARAMETERS = "parameters"
"""The objective of a search that is the number of weights: it is no metric."""
NOT_LISTED = ("intervals", "undefined")
"""In a result, what no leaderboard shows."""


@dataclass(frozen=True)
class Entry:
    """A run on the leaderboard.

    Attributes:
        job: its number; None for a run that was no job of a sweep.
        overrides: values as typed, by key.
        result: the content of its `result.json`, but for what no leaderboard shows.
        config: as Hydra saved it; empty where there is none, or where it was not read.
        ranking: the metric that ranks its leaderboard.
        objectives: of the search that its whole leaderboard is of, the first of which ranks; empty unless several.
        front: whether it is on the front of its search; None where that has one objective, and for other runs.
    """

    job: int | None
    overrides: Mapping[str, str]
    result: Mapping[str, Any]
    folder: Path
    config: Mapping[str, Any] = field(default_factory=dict)
    ranking: str = ""
    objectives: Sequence[str] = ()
    front: bool | None = None

    @property
    def metrics(self) -> dict[str, float | None]:
        """By part and name, as `val_accuracy`; and its objective that is no metric."""
        parts: Mapping[str, Mapping[str, float | None]] = self.result.get("metrics", {})
        found = {f"{part}_{name}": value for part, values in parts.items() for name, value in values.items()}
        if found and PARAMETERS in self.objectives:
            found[PARAMETERS] = self.result.get(PARAMETERS)
        return found

    @cached_property
    def values(self) -> Mapping[str, str]:
        """Those of its configuration by dotted keys, as typed on the command line; without newer keys of no effect.

        Of values by task or size those of its own data, once it is known.
        """
        config = self.config
        if "task" in self.result:
            config = for_data(config, Facts.of(self.result["task"], self.result.get("rows", 0)))
        found = {key: _text(value) for key, value in dotted(config) if ADDED.get(key, ...) != value}
        return shared(found)

    @property
    def settings(self) -> Mapping[str, str]:
        """Its configuration; without one what was typed, which is not everything of a rerun."""
        return self.values or self.overrides

    @property
    def ended_well(self) -> bool:
        return self.result["status"] in ("finished", "stopped_early")

    @property
    def pruned(self) -> bool:
        """Whether a search has stopped it, after the epoch `rung` of its result."""
        return bool(self.result["status"] == PRUNED)

    @property
    def has_classes(self) -> bool:
        """Whether it predicts classes; so does an unfinished run, which has not written its task."""
        return str(self.result.get("task", "")) != "regression"

    @property
    def own_ranking(self) -> str:
        """The metric that ranks runs like this one: that which early stopping watches, or that of the task."""
        ranking = self.result.get("ranking")
        return str(ranking) if ranking else _of_version_0_1(self.result).ranking_for(self.result.get("monitor", ""))

    @property
    def headlines(self) -> Sequence[str]:
        """The metrics that are printed and compared."""
        return self.result.get("headlines") or _of_version_0_1(self.result).headlines

    def larger_is_better(self, column: str) -> bool:
        """The direction of a metric of a part, as `val_accuracy`."""
        name = column.partition("_")[2]
        larger = self.result.get("larger_is_better")
        if larger is None:
            return _of_version_0_1(self.result).larger_is_better(name)
        return name in larger

    @property
    def ranked_by(self) -> str:
        """What ranks: the first of several objectives, or a metric of the validation part.

        Of the training part where there is none of validation.
        """
        return self.objectives[0] if self.objectives else f"{self.part}_{self.ranking or self.own_ranking}"

    @property
    def part(self) -> str:
        """That by which runs are compared."""
        return "val" if "val" in self.result.get("metrics", {}) else "train"

    @property
    def score(self) -> float:
        """Lower is better; infinite without metrics. Of a pruned run that of the column it was compared by."""
        column = str(self.result.get("monitor", "")) if self.pruned else self.ranked_by
        value = self.result.get("best_value") if self.pruned else self.metrics.get(column)
        if value is None:
            return math.inf
        return -value if self.larger_is_better(column) else value

    @property
    def rank(self) -> tuple[int, bool, int, float]:
        """Sort key: runs with metrics first, then pruned ones, the latest first, then those that came to nothing.

        Of each, those with classes before those with values, those on a front before the others, the best score first.
        """
        kind = 0 if self.metrics else 1 if self.pruned else 2
        behind = int(bool(self.objectives) and not self.front)
        place = -int(self.result.get("rung") or 0) if kind == 1 else behind
        return kind, not self.has_classes, place, self.score


def _of_version_0_1(result: Mapping[str, Any]) -> Task:
    """The task of a result that does not say how it is compared; unfinished runs have classes."""
    name = result.get("task", "")
    return TASKS[name if name in ("multiclass", "regression") else "binary"]([])


def read_entries(folder: Path, *, configs: bool) -> Iterator[Entry]:
    """Runs in a folder, also in progress, with configurations if `configs`; RunFolderError for a damaged file."""
    for run in runs_in(Path(os.path.abspath(folder))):
        result = run.result() or {"status": UNFINISHED, "metrics": {}}
        config = shared(_config(run)) if configs else {}
        yield Entry(run.job_number(), by_key(run.overrides()), listed(result), run.path, config)


def listed(result: Mapping[str, Any]) -> dict[str, Any]:
    """Of a result what a leaderboard needs: all of it, of ten thousand runs, would fill memory."""
    common = {key: value for key, value in result.items() if key not in ("metrics", *NOT_LISTED)}
    metrics = {part: shared(of) for part, of in result["metrics"].items()}
    return {**shared(common), "metrics": metrics}


def by_key(overrides: Sequence[str]) -> dict[str, str]:
    """Overrides as keys and values.

    >>> by_key(["seed=1", "+model.width=3"])
    {'seed': '1', 'model.width': '3'}
    """
    pairs = (override.lstrip("+").partition("=") for override in overrides)
    return shared({key: value for key, _, value in pairs})


def _config(run: RunFolder) -> dict[str, Any]:
    try:
        return run.config()
    except RunFolderError as error:
        print(f"{error}. The run is shown without its configuration", file=sys.stderr)
        return {}


def _text(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return "null" if value is None else str(value).lower()
    return f"[{','.join(_text(item) for item in value)}]" if isinstance(value, list) else str(value)


def failures_of(runs: Iterable[Entry]) -> list[tuple[str, str]]:
    """The runs that have failed, by name, with the reason of each."""
    failed = [run for run in runs if run.result.get("reason")]
    return [(_name(run), str(run.result["reason"])) for run in failed]


def _name(run: Entry) -> str:
    """A run in messages."""
    if run.job is None:
        return str(run.folder)
    return job_name(run.job, [f"{key}={value}" for key, value in run.overrides.items()])

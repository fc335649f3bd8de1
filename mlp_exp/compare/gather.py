"""Everything that the page shows, as plain values."""

import base64
import math
import os
import shlex
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlp_exp.compare.about import about
from mlp_exp.compare.bounded import MOST_SHOWN, as_points, evenly, in_all, of_group, some_trials
from mlp_exp.compare.effects import FEWEST_RUNS, axis_of, importance, number, ranks
from mlp_exp.compare.made import how_made
from mlp_exp.compare.search import Scored, in_order, log_keys, of_search, scored
from mlp_exp.config.trust import foreign_packages
from mlp_exp.display.commands import PREDICT, PROGRAM, RERUN, RESUME, on_run
from mlp_exp.errors import RunFolderError
from mlp_exp.leaderboard.baselines import by_rank, over_splits
from mlp_exp.leaderboard.entry import PARAMETERS, Entry
from mlp_exp.leaderboard.ranking import Experiment, group_repetitions, in_words, shown_metrics
from mlp_exp.processes.helper import IN_PLACE, Helper
from mlp_exp.storage.hydra_files import HYDRA
from mlp_exp.storage.run_folder import CHOSEN, DONE, RunFolder

MOST_POINTS = 200
"""Most points of a learning curve."""
POINTS_IN_ALL = 60_000
"""Most points of a column's curves together; those of very many runs are coarser."""
FEW_COLUMNS = 4
"""Columns of a history; with more, the curves of each have fewer points."""
FEWEST_POINTS = 20
SIGNIFICANT_DIGITS = 5
BEST_SHOWN = 2
"""Number of runs whose figures are on the page."""
LARGEST_FIGURE = 1_000_000
"""Bytes."""
IMAGES = {".png": ("image/png", b"\x89PNG\r\n\x1a\n"), ".svg": ("image/svg+xml", b"<?xml")}
"""Figures by suffix: their type, and how the file begins. Scripts of an SVG do not run where it is an image."""
Floats = NDArray[np.float64]
Curves = tuple[list[int], dict[str, list[float | None]]]
"""Epochs, and by name a value for each; None where it is no finite number."""


def gather(
    folders: Sequence[Path], entries: Sequence[Entry], helper: Helper = IN_PLACE, baselines: Sequence[Entry] = ()
) -> dict[str, Any]:
    """What a page shows of the runs in these folders; RunFolderError if the settings of a sweep are damaged.

    Of more than `MOST_SHOWN` runs it has the best; what is counted, averaged and explained is of all of them.

    Args:
        entries: the runs with their configurations, best first, one at least.
        helper: fits the forests.
        baselines: ranked like the runs.
    """
    keys = list(dict.fromkeys(key for entry in entries for key in entry.overrides))
    varying = [key for key in keys if len({entry.overrides.get(key) for entry in entries}) > 1]
    first = entries[0]
    metrics = list(dict.fromkeys(name for entry in entries for name in entry.metrics))
    headlines = list(dict.fromkeys([*{first.ranked_by}.intersection(metrics), *shown_metrics(entries)]))
    searches = in_order(entries)
    search = searches[0] if len(searches) == 1 else None
    of = {name: _scored(entries, name) for name in headlines if name not in first.objectives}
    if search:
        of |= {f"objective:{place}": scored(search, place) for place in range(len(search.study.objectives))}
    important = {name: helper.ask(importance, *_ranked(pairs, varying)) for name, pairs in of.items()}
    logarithmic = {key for each in searches for key in log_keys(each)}
    shown = entries[:MOST_SHOWN]
    sampled = evenly(entries) if len(shown) < len(entries) else []
    apart = [trial.runs[0] for each in searches for trial in some_trials(each, set())[0]] if sampled else []
    shared, own = split_common([entry.values for entry in shown])
    place = {entry.folder: index for index, entry in enumerate(shown)}
    names = _names(entries)
    name_of = {entry.folder: name for entry, name in zip(entries, names, strict=True)}
    groups = [group for group in group_repetitions(entries) if any(entry.folder in place for entry in group.entries)]
    members = [[place[entry.folder] for entry in group.entries if entry.folder in place] for group in groups]
    best_first = sorted(over_splits(baselines).items(), key=lambda named: by_rank(named[1]))
    return {
        "about": about(entries),
        "keys": {key: _values(entries, key, logarithmic, [*shown, *sampled, *apart]) for key in varying},
        "in_all": in_all(entries),
        "constants": {key: first.overrides[key] for key in keys if key not in varying},
        "headlines": headlines,
        "rising": [name for name in headlines if name != PARAMETERS and first.larger_is_better(name)],
        "order": in_words(entries) if headlines else "",
        "leading": [name for name in headlines if name in (first.objectives or [first.ranked_by])],
        "metrics": [*headlines, *(name for name in metrics if name not in headlines)],
        "runs": [_run(*each) for each in zip(shown, names[: len(shown)], _all_curves(shown), own, strict=True)],
        "groups": members,
        "cut": {
            number: of_group(group, varying)
            for number, group in enumerate(groups)
            if len(members[number]) < len(group.entries)
        },
        "sample": as_points(sampled, [name_of[entry.folder] for entry in sampled], headlines) if sampled else None,
        "baselines": [_baseline(name, of, groups) for name, of in best_first],
        "fewest": FEWEST_RUNS,
        "importance": {name: found() for name, found in important.items()},
        "searches": [of_search(each, place) for each in searches],
        "config": shared,
        "figures": _figures(shown, names[: len(shown)]),
        "made": how_made(folders, entries),
    }


def split_common(configs: Sequence[Mapping[str, str]]) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Values by dotted keys: those common to all configurations, and the remaining ones of each."""
    first = configs[0]
    shared = {key: value for key, value in first.items() if all(other.get(key) == value for other in configs)}
    return shared, [{key: value for key, value in one.items() if key not in shared} for one in configs]


def _values(entries: Sequence[Entry], key: str, logarithmic: Collection[str], drawn: Sequence[Entry]) -> dict[str, Any]:
    """The axis of a key in plots, which show runs with metrics and pruned ones, and the values of some as numbers."""
    having = [entry for entry in entries if key in entry.overrides]
    shown = [entry.overrides[key] for entry in having if entry.metrics or entry.pruned]
    numbers = {entry.overrides[key]: number(entry.overrides[key]) for entry in having}
    axis = axis_of(shown) if shown else "category"
    wanted = {entry.overrides[key] for entry in drawn if key in entry.overrides}
    positive = all((numbers[text] or 0) > 0 for text in shown)
    return {
        "axis": "log" if key in logarithmic and axis == "linear" and positive else axis,
        "numbers": {text: value for text, value in numbers.items() if value is not None and text in wanted},
    }


def _names(entries: Sequence[Entry]) -> list[str]:
    """Job numbers; paths where they are missing or not unique."""
    jobs = [str(entry.job) for entry in entries if entry.job is not None]
    if len(set(jobs)) == len(entries):
        return jobs
    common = os.path.commonpath([entry.folder.parent for entry in entries])
    return [entry.folder.relative_to(common).as_posix() for entry in entries]


def _all_curves(entries: Sequence[Entry]) -> list[Curves]:
    """Those of the shown runs; the more these are, the coarser each."""
    try:
        columns = len(RunFolder(entries[0].folder).history_columns) - 2  # without epoch and seconds
    except RunFolderError:
        columns = FEW_COLUMNS
    points = POINTS_IN_ALL * FEW_COLUMNS // max(FEW_COLUMNS, columns)
    most = min(MOST_POINTS, max(FEWEST_POINTS, points // len(entries)))
    return [_curves(entry, most) for entry in entries]


def _curves(entry: Entry, most: int) -> Curves:
    """A run's epochs from 1, of many `most` at equal distances and the last, and the columns of its history.

    Empty without a history, and for a damaged one: the page shows the other runs.
    """
    folder = RunFolder(entry.folder)
    try:
        names = folder.history_columns
        rows = folder.read_history(names) if "epoch" in names else []
        step = max(1, -(-len(rows) // most))
        kept = rows[:-1:step] + rows[-1:]
        columns = dict(zip(names, zip(*kept, strict=True), strict=True)) if kept else {}
        epochs = columns.pop("epoch", ())
        if not all(epoch.is_integer() for epoch in epochs):
            raise RunFolderError(f"{folder.path}: expected the history of a run, with whole numbers as epochs")
    except RunFolderError as error:
        print(f"{error}. The run is shown without curves", file=sys.stderr)
        return [], {}
    columns.pop("seconds", None)
    return [int(epoch) for epoch in epochs], {name: [_drawn(value) for value in of] for name, of in columns.items()}


def _drawn(value: float) -> float | None:
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}") if math.isfinite(value) else None


def _run(entry: Entry, name: str, curves: Curves, config: Mapping[str, str]) -> dict[str, Any]:
    result, (epochs, columns) = entry.result, curves
    return {
        "name": name,
        "overrides": dict(entry.overrides),
        "status": result["status"],
        "reason": result.get("reason", ""),
        "best_epoch": result.get("best_epoch"),
        "epochs": result.get("epochs", epochs[-1] if epochs else None),
        "seconds": result.get("seconds"),
        "metrics": entry.metrics,
        "best_value": result.get("best_value"),
        "again": again(entry),
        "config": config,
        "at": epochs,
        "curves": columns,
    }


def _baseline(name: str, over: Experiment, groups: Sequence[Experiment]) -> dict[str, Any]:
    """A row of the leaderboard: after so many groups of runs, with the metrics of each split."""
    return {
        "name": name,
        "after": sum(by_rank(group) <= by_rank(over) for group in groups),
        "splits": [{"metrics": entry.metrics, "seconds": entry.result["seconds"]} for entry in over.entries],
    }


def again(entry: Entry) -> str:
    """The command that reruns a run or, if it is not complete, resumes it or starts it again.

    Of runs that were chosen and combined, which have not trained together, the command that predicts with them.
    """
    folder = RunFolder(entry.folder)
    if CHOSEN in entry.result:
        return shlex.join([*PREDICT, str(folder.path), "TABLE.csv", "-o", "OUT.csv"])
    done = entry.result["status"] in DONE
    if done or folder.checkpoint.exists():
        words = on_run(RERUN if done else RESUME, folder.path, foreign_packages(entry.config, by_name=True))
    elif entry.config:
        words = ["--config-dir", str(folder.path / HYDRA), "--config-name", "config"]
    else:
        words = folder.overrides()  # as typed: they may not be the whole configuration
    return shlex.join([*PROGRAM, *words])


def _scored(entries: Sequence[Entry], metric: str) -> Scored:
    """The values, as typed, and the metric of all runs that have it."""
    found = [(entry.overrides, entry.metrics.get(metric)) for entry in entries]
    return [(overrides, value) for overrides, value in found if value is not None and math.isfinite(value)]


def _ranked(scored: Scored, keys: Sequence[str]) -> tuple[dict[str, Floats], Floats]:
    """The ranks of the values of those keys that all runs have, and what was scored."""
    values = {}
    for key in keys:
        texts = [overrides[key] for overrides, _ in scored if key in overrides]
        if len(texts) == len(scored) and len(set(texts)) > 1:
            values[key] = ranks(texts)
    return values, np.array([value for _, value in scored])


def _figures(entries: Sequence[Entry], names: Sequence[str]) -> list[dict[str, Any]]:
    """The figures of the best runs that have some, encoded for the page."""
    found: list[dict[str, Any]] = []
    for entry, name in zip(entries, names, strict=True):
        files = [path for path in RunFolder(entry.folder).figure_files() if path.stat().st_size <= LARGEST_FIGURE]
        images = [(path.stem, *IMAGES[path.suffix], path.read_bytes()) for path in files]
        shown = [
            [figure, kind, base64.b64encode(data).decode()]
            for figure, kind, begin, data in images
            if data.startswith(begin)
        ]
        if shown:
            found.append({"run": name, "images": shown})
        if len(found) == BEST_SHOWN:
            break
    return found

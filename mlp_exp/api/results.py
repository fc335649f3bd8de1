"""All runs in some folders as one table, from Python."""

import logging
import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from mlp_exp.config.trust import foreign_packages
from mlp_exp.config.words import unquoted
from mlp_exp.data.table.frames import native_frame
from mlp_exp.display.html import table_html
from mlp_exp.errors import ArgumentError, RunFolderError, counted
from mlp_exp.inference.best_runs import best_of
from mlp_exp.inference.ensemble import Ensemble
from mlp_exp.inference.greedy import choose
from mlp_exp.inference.loading import load_runs
from mlp_exp.inference.record import history_of
from mlp_exp.inference.trained_run import TrainedRun
from mlp_exp.leaderboard.leaderboard import Leaderboard
from mlp_exp.leaderboard.printed import as_table
from mlp_exp.leaderboard.ranking import in_words
from mlp_exp.leaderboard.searches import search_columns, searches_of
from mlp_exp.storage.run_folder import RunFolder, runs_in

log = logging.getLogger(__name__)

SHOWN_ROWS = 20
"""Of a leaderboard in a notebook."""


def results(folder: str | os.PathLike[str], *folders: str | os.PathLike[str]) -> "Results":
    """All runs in some folders, of whatever sweeps and searches: one table, one row a run, best first.

    Raises:
        RunFolderError: a folder has no run, or a damaged one.
        ArgumentError: something else than folders is given.

    >>> found = results("SWEEP")
    >>> found
    Results: 2 runs, best first by val_accuracy, SWEEP
    >>> found.to_pandas()[["number", "seed", "val_accuracy"]]
       number  seed  val_accuracy
    0       0     0           1.0
    1       1     1           1.0
    """
    for each in (folder, *folders):
        if not isinstance(each, str | os.PathLike):
            raise ArgumentError(f"results: expected folders, got a {type(each).__name__}; give each by itself")
    return Results([Path(each) for each in (folder, *folders)])


class Results:
    """The runs in some folders as they were when it was made; those that failed or were pruned are rows, too.

    Args:
        folders: of runs, sweeps and searches.
        keep: what has to live as long as this, as the temporary folder of a sweep that is saved nowhere else.
        own: whether this process has trained them, so that what they name is loaded without being allowed again.

    Attributes:
        table: as an Arrow table: `number` of the run in its sweep, a column for each override (numbers as numbers),
            `status`, of searches `rung`, `trial` and `front`, then `best_epoch`, `epochs`, metrics by part and name
            (`val_accuracy`), `seconds`, `folder` and, of a run that failed, the `reason`.

    Raises:
        RunFolderError: a folder has no run, or a damaged one.

    >>> found = results("SWEEP")
    >>> len(found), found.table.column_names[:3]
    (2, ['number', 'data', 'data.path'])
    >>> found.best
    TrainedRun for 'income': binary, val accuracy 1.0000, ...
    """

    def __init__(self, folders: Sequence[Path], keep: object = None, *, own: bool = False) -> None:
        self.folders = list(folders)
        self._keep, self._own = keep, own
        for path in self.folders:
            if not runs_in(path):
                raise RunFolderError(f"{path}: expected the folder of a run, or of a sweep of such runs")
        self._entries = Leaderboard.read(self.folders[0], self.folders).entries

    @cached_property
    def table(self) -> pa.Table:
        entries = self._entries
        keys = dict.fromkeys(key for entry in entries for key in entry.overrides)
        metrics = dict.fromkeys(name for entry in entries for name in entry.metrics)
        searched = search_columns(searches_of(entries))
        overrides = {key: _values([entry.overrides.get(key) for entry in entries]) for key in keys}
        fixed = {
            "status": [entry.result["status"] for entry in entries],
            **{name: [_filled(of(entry)) for entry in entries] for name, of in searched.items()},
            **{name: [entry.result.get(name) for entry in entries] for name in ("best_epoch", "epochs")},
            **{name: [entry.metrics.get(name) for entry in entries] for name in metrics},
            "seconds": [entry.result.get("seconds") for entry in entries],
            "folder": [str(entry.folder) for entry in entries],
            "reason": pa.array([entry.result.get("reason") for entry in entries], pa.string()),
        }
        return pa.table({"number": pa.array([entry.job for entry in entries], pa.int64()), **overrides, **fixed})

    @property
    def frame(self) -> Any:
        """The table as a data frame of pandas or polars: of the one that is imported, else the one installed.

        Raises DataError if neither is installed.
        """
        return native_frame(self.table)

    def to_pandas(self) -> Any:
        """The table as a data frame of pandas; DataError if that is not installed."""
        return native_frame(self.table, "pandas")

    def to_polars(self) -> Any:
        """The table as a data frame of polars; DataError if that is not installed."""
        return native_frame(self.table, "polars")

    def history(self) -> Any:
        """The epochs of all runs below one another, in the order of the table, as a data frame.

        Its columns are those of the table with `number`, overrides and `folder` of the run, `epoch`, and those of the
        histories.
        """
        names = ["number", *dict.fromkeys(key for entry in self._entries for key in entry.overrides), "folder"]
        runs, parts = self.table.select(names), []
        for place, entry in enumerate(self._entries):
            if RunFolder(entry.folder).history_columns:
                epochs = history_of(entry.folder)
                run = runs.take(pa.array([place] * len(epochs), pa.int64()))
                parts.append(pa.table([*run.columns, *epochs.columns], [*run.column_names, *epochs.column_names]))
        return native_frame(pa.concat_tables(parts, promote_options="default") if parts else pa.table({}))

    @property
    def best(self) -> TrainedRun | Ensemble:
        """The best run that ended well; RunFolderError if none did."""
        return self.load()

    def load(self, top: int = 1, *, greedy: int | None = None, allow: Sequence[str] = ()) -> TrainedRun | Ensemble:
        """The average of the best runs; arguments and errors as of `mlp_exp.load`."""
        if greedy is not None:
            every = [entry.folder for entry in self._entries]
            chosen = choose(self.folders, greedy, self._allowed(allow, every)).chosen
            runs, weights = list(chosen), list(chosen.values())
        else:
            runs, weights = best_of(self._entries, self.folders[0], top, log.warning), None
        return load_runs(runs, self._allowed(allow, runs), weights, keep=self._keep)

    def _allowed(self, allow: Sequence[str], runs: Sequence[Path]) -> Sequence[str]:
        """The packages that these runs may name."""
        own = [name for run in runs for name in foreign_packages(RunFolder(run).config())] if self._own else []
        return list(dict.fromkeys([*allow, *own]))

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The rows of the table, each by its columns."""
        return iter(self.table.to_pylist())

    def __repr__(self) -> str:
        return f"Results: {self._title()}, {', '.join(map(str, self.folders))}"

    def _repr_html_(self) -> str:
        """In a notebook: the leaderboard that the command line prints."""
        title, header, rows = as_table(self._entries)
        return table_html(title, header, rows, SHOWN_ROWS)

    def _title(self) -> str:
        entries = self._entries
        count = counted(len(entries), "run")
        others = {kind: sum(entry.result["status"] == kind for entry in entries) for kind in ("pruned", "failed")}
        counts = [count, *(f"{number} {kind}" for kind, number in others.items() if number)]
        return ", ".join([*counts, in_words(entries) if entries[0].metrics else "without metrics"])


def _values(typed: Sequence[str | None]) -> pa.Array:
    """The values of one override: whole numbers, numbers or truth values where all of them are, else texts."""
    values = [None if text == "null" else text for text in typed]
    for kind in (int, float, _truth):
        try:
            return pa.array([None if text is None else kind(text) for text in values])
        except (ValueError, OverflowError):  # the latter of a whole number of more than 64 bits
            continue
    return pa.array([None if text is None else unquoted(text) for text in values], pa.string())


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


def _filled(value: object) -> object:
    return None if value == "" else value

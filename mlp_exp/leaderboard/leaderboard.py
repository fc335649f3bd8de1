"""The leaderboard of a sweep: its runs, best first, and the file that holds them."""

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path

from mlp_exp.leaderboard.baselines import ranked_like, read_baselines
from mlp_exp.leaderboard.entry import Entry, by_key, listed, read_entries
from mlp_exp.leaderboard.ranking import ranked
from mlp_exp.leaderboard.searches import search_columns, searches_of, with_fronts
from mlp_exp.regularly import Regularly
from mlp_exp.storage.atomic import write_text
from mlp_exp.storage.run_folder import RunFolder
from mlp_exp.storage.sweep_folder import LEADERBOARD

WRITE_SECONDS = 1.0
"""Shortest time between two writes of the file while runs finish."""


class Leaderboard:
    """The results of a sweep's runs so far, and their file, in the folder of the sweep.

    Example:
        [entry.job for entry in Leaderboard.read(Path("multirun/2026-01-31/12-00-00")).entries]  # [3, 0, 2, 1]
    """

    def __init__(self, folder: Path, entries: Sequence[Entry] = (), baselines: Sequence[Entry] = ()) -> None:
        self._folder = Path(os.path.abspath(folder))  # as those of the jobs
        self._baselines = baselines
        self._entries = {entry.folder: entry for entry in entries}
        self._file = Regularly(WRITE_SECONDS, self._write)  # it takes longer with every run

    @classmethod
    def read(cls, folder: Path, sources: Sequence[Path] = (), *, configs: bool = False) -> "Leaderboard":
        """Reads all runs in a sweep's folder, or in the sources; see `read_entries`, `read_baselines`."""
        entries = [entry for path in sources or [folder] for entry in read_entries(path, configs=configs)]
        folders = [*(sources or [folder]), *(entry.folder for entry in entries)]
        return cls(folder, entries, read_baselines(folders, entries))

    @property
    def entries(self) -> list[Entry]:
        """Best first."""
        return ranked(with_fronts(list(self._entries.values())))

    @property
    def baselines(self) -> list[Entry]:
        """Those that were saved beside the runs when they were read, ranked like these."""
        return ranked_like(self._baselines, self.entries)

    def add(self, job: int, overrides: Sequence[str], folder: Path) -> None:
        """Adds the result of a run that ended, and writes the file if that is due."""
        result = RunFolder(folder).result()
        if result is not None:
            self._entries[folder] = Entry(job, by_key(overrides), listed(result), folder)
        self._file()

    def write(self) -> None:
        """Writes the file."""
        self._file.now()

    def refresh(self) -> None:
        """Writes the file, unless that would take too much of the time."""
        self._file.soon()

    def _write(self) -> None:
        entries = self.entries
        if not entries:  # the file may list runs that are not found any more
            return
        searched = search_columns(searches_of(entries))
        keys = list(dict.fromkeys(key for entry in entries for key in entry.overrides))
        baselines = ranked_like(self._baselines, entries)  # after the runs, so that the first row is the best run
        entries += sorted(baselines, key=lambda entry: entry.rank)
        metrics = list(dict.fromkeys(name for entry in entries for name in entry.metrics))
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        head = ["job", *keys, "status", *searched, "best_epoch", "epochs", *metrics, "seconds", "folder", "reason"]
        writer.writerow([*head, "baseline"] if baselines else head)
        for entry in entries:
            found, result = entry.metrics, entry.result
            job = "" if entry.job is None else entry.job
            overrides = [entry.overrides.get(key, "") for key in keys]
            state = [result["status"], *(of(entry) for of in searched.values())]
            state += [result.get("best_epoch", ""), result.get("epochs", "")]
            values = ["" if found.get(name) is None else repr(found[name]) for name in metrics]
            baseline = result.get("baseline", "")
            folder = "" if baseline else os.path.relpath(entry.folder, self._folder)
            end = [result.get("seconds", ""), folder, result.get("reason", ""), *([baseline] if baselines else [])]
            writer.writerow([job, *overrides, *state, *values, *end])
        write_text(self._folder / LEADERBOARD, text.getvalue(), errors="backslashreplace")

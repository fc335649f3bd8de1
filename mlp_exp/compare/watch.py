"""Leaderboard and page of runs that train, written again and again, until all of them have ended."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic, sleep, strftime, time_ns

from mlp_exp.compare.report import report_on
from mlp_exp.display.console import silent
from mlp_exp.storage.atomic import write_text
from mlp_exp.storage.lease import works_on
from mlp_exp.storage.run_folder import HISTORY, RESULT, RunFolder, runs_in
from mlp_exp.storage.sweep_folder import LIVE, MULTIRUN, PAGE, sweep_of

LOOK_SECONDS = 2.0
"""Shortest time between two looks at the files."""
REST = 9
"""How many times as long as a look took, and what it led to, the next one waits: it takes a tenth of a core at most."""
Found = dict[Path, tuple[int, int]]
"""Of each run the times of the last changes of its history and its result, in nanoseconds; 0 where there is none."""


def watch(folders: Sequence[Path], output: Path, last: Callable[[], object]) -> None:
    """Writes leaderboard and page whenever a run in the folders has changed, until all have ended, or until Ctrl-C.

    Pages that are open renew themselves: a small script beside the page says when it was written. It is removed at the
    end.

    Args:
        folders: of runs, and of sweeps, which may be about to begin.
        output: for the files.
        last: writes them at the end, also after Ctrl-C.

    Raises:
        RunFolderError: a file of a run is damaged.
        KeyboardInterrupt: Ctrl-C.
    """
    print(f"Watching until all runs have ended, or until Ctrl-C; to look at them, open {output / PAGE}", flush=True)
    try:
        try:
            _until_ended(folders, output)
        finally:
            if all_runs(folders):
                last()
    finally:
        (output / LIVE).unlink(missing_ok=True)


def _until_ended(folders: Sequence[Path], output: Path) -> None:
    before: Found = {}
    said = ""
    while True:
        begun = monotonic()
        runs = all_runs(folders)
        training = in_training(folders, runs)  # first: what ends after this is found by the next look
        found = {run.path: (_changed(run.path / HISTORY), _changed(run.path / RESULT)) for run in runs}
        if found and not training:
            return
        if found != before:
            before = found
            _write(folders, output)
            ended = f"{sum(result > 0 for _, result in found.values())} of {len(found)} runs have ended"
            if ended != said:
                print(said := ended, flush=True)
        sleep(max(LOOK_SECONDS, REST * (monotonic() - begun)))


def all_runs(folders: Sequence[Path]) -> list[RunFolder]:
    """The runs in these folders."""
    return [run for folder in folders for run in runs_in(folder)]


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def in_training(folders: Sequence[Path], runs: Sequence[RunFolder]) -> bool:
    """Whether a command works on a sweep in these folders, or a run of theirs outside of sweeps has no result yet."""
    sweeps = {sweep_of(run.path) for run in runs} | {folder.absolute() for folder in folders}
    alone = [run for run in runs if not (sweep_of(run.path) / MULTIRUN).is_file()]
    return any(map(works_on, sweeps)) or any(not _changed(run.path / RESULT) for run in alone)


def _write(folders: Sequence[Path], output: Path) -> None:
    written, at = str(time_ns()), strftime("%H:%M:%S")
    with silent():
        report_on(folders, output, live={"script": LIVE, "written": written, "at": at})
    write_text(output / LIVE, f"window.written = {json.dumps(written)};\n")

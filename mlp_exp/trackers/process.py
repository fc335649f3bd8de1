"""The process that reads run folders and sends new epochs, results and files to the trackers.

`python -m mlp_exp.trackers.process`, started by `tracking`: pickled messages come in on standard input, and
lines go out on standard output. It is not forked from the training, so they share no threads and no locks.
"""

import gc
import os
import pickle
import queue
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from mlp_exp.errors import RunFolderError, describe
from mlp_exp.storage.run_folder import RunFolder
from mlp_exp.trackers.state import TrackerState, load_state, save_state
from mlp_exp.trackers.tracker import Epoch, Param, TrackedRun, Tracker, short_name
from mlp_exp.trackers.tracking import ALIVE, FAILED

POLL_SECONDS = 10.0
PAUSE_FACTOR = 3
"""The pause between two polls is at least `POLL_SECONDS`, and at least this multiple of the time that a poll took."""

MAX_REASON = 300
"""Characters of a reason; SQLAlchemy's errors contain the whole statement."""

KILLED = {"status": "interrupted", "metrics": {}}
"""Stands for the result of a run that has left none."""


@dataclass
class _ActiveRun:
    """A run that is being sent to its tracker.

    Attributes:
        ended: whether the tracker has the result, too.
        read, attached: modification times of the history that was read last and of attached files, in nanoseconds.
    """

    run: TrackedRun
    tracker: Tracker
    alive: Callable[[], None]
    ended: bool = False
    read: int = 0
    attached: dict[Path, int] = field(default_factory=dict)

    def begin(self) -> None:
        """Begins the run in the tracker; continues it if an earlier command has tracked it."""
        run = self.run
        if state := load_state(run.folder, run.tracker):
            run.id, run.epochs, run.group = state.id, state.epochs, state.group
        self.tracker.begin(run)
        self._save_state()

    def send(self, result: Mapping[str, Any] | None = None) -> None:
        new = self._history()[self.run.epochs :]
        if new or result is not None:
            self.tracker.write(self.run, new, result)
            self.alive()
            self.run.epochs += len(new)
            self.ended = result is not None
            self._save_state()

    def _history(self) -> list[Epoch]:
        """The epochs so far; the file's modification time is taken as the end of the last one."""
        folder = RunFolder(self.run.folder)
        self.read = folder.history_mtime()  # before reading: the next poll notices if it is replaced meanwhile
        columns = folder.history_columns if self.read else []
        rows = folder.read_history(columns) if columns else []
        values = [dict(zip(columns, row, strict=True)) for row in rows]
        begin = 1e-9 * self.read - (values[-1]["seconds"] if values else 0.0)
        return [Epoch(int(row.pop("epoch")), begin + row.pop("seconds"), row) for row in values]

    def _save_state(self) -> None:
        run = self.run
        if run.id:
            save_state(run.folder, TrackerState(tracker=run.tracker, id=run.id, epochs=run.epochs, group=run.group))

    def poll(self) -> None:
        """Sends new epochs of a run that is training."""
        if not self.ended and RunFolder(self.run.folder).history_mtime() != self.read:
            with suppress(RunFolderError):  # the history is just being created
                self.send()

    def attach(self) -> None:
        """Attaches files that are new or have changed."""
        written = {file: file.stat().st_mtime_ns for file in RunFolder(self.run.folder).attachments()}
        for file, when in written.items():
            if self.attached.get(file) != when:
                self.tracker.attach(self.run, file)
                self.alive()
        self.attached |= written


class TrackingServer:
    """Sends runs to their trackers; the methods `prepare`, `begin`, `end` and `attach` are called by messages.

    It calls `alive` after each step that may take long.
    """

    def __init__(self, alive: Callable[[], None]) -> None:
        self._alive = alive
        self._trackers: dict[str, Tracker] = {}
        self._runs: dict[Path, _ActiveRun] = {}

    def prepare(self, target: str) -> None:
        """Imports the package of a tracker class in advance."""
        with suppress(Exception):  # reported where the tracker is used
            import_module(resolve_name(target).package)

    def begin(
        self,
        tracker: Tracker,
        settings: str,
        folder: Path,
        params: Mapping[str, Param],
        began: float,
        sweep: Path | None,
    ) -> None:
        """Tracks a run from now on; it `began` in seconds since 1970. Runs with equal settings share one tracker."""
        if settings not in self._trackers:
            self._trackers[settings] = tracker
            tracker.open()
        run = TrackedRun(settings, folder, params, began, sweep, short_name(sweep) if sweep else None)
        self._runs[folder] = _ActiveRun(run, self._trackers[settings], self._alive)
        self._runs[folder].begin()

    def end(self, folder: Path) -> None:
        """Sends the result and files of a run that has ended."""
        self._runs[folder].send(RunFolder(folder).result() or KILLED)
        self._runs[folder].attach()

    def attach(self, folder: Path) -> None:
        """Attaches files that were added after a run had ended."""
        self._runs[folder].attach()

    def poll(self, stops: Callable[[], bool]) -> None:
        """Sends new epochs of the runs that are training, until `stops()`: something more urgent waits."""
        for active in self._runs.values():
            if stops():
                return
            active.poll()

    def close(self) -> None:
        """Finishes all runs; one that has left no result was killed."""
        for folder, active in self._runs.items():
            if not active.ended:
                self.end(folder)
            active.tracker.finish(active.run)
            self._alive()
        for tracker in self._trackers.values():
            tracker.close()
            self._alive()


def _receive(messages: "queue.SimpleQueue[bytes | None]") -> None:
    """Queues messages as they arrive, without unpickling their content; None at the end."""
    message: bytes | None = b""
    # not sys.stdin: Python closes that at exit while this thread waits for a message, and aborts
    with open(0, "rb", closefd=False) as stdin:
        while message is not None:
            try:
                message = pickle.load(stdin)
            except (EOFError, pickle.UnpicklingError):  # the command has been killed
                message = None
            messages.put(message)


def serve(messages: "queue.SimpleQueue[bytes | None]", say: Callable[[str], None]) -> None:
    """Handles messages as they arrive, and polls the runs in between."""
    server = TrackingServer(lambda: say(ALIVE))
    next_poll = time.monotonic() + POLL_SECONDS
    while True:
        try:
            message = messages.get(timeout=max(0.0, next_poll - time.monotonic()))
        except queue.Empty:
            start = time.monotonic()
            server.poll(lambda: not messages.empty())
            end = time.monotonic()
            next_poll = end + max(POLL_SECONDS, PAUSE_FACTOR * (end - start))
            continue
        if message is None:
            break
        name, *arguments = pickle.loads(message)  # may import the user's own tracker
        getattr(server, name)(*arguments)
        say(ALIVE)
    server.close()


def main() -> None:
    """Runs the process; exits with 0 when everything has been tracked."""
    gc.set_threshold(100_000, 20, 100)  # a tenth of the time went into scanning the packages' objects
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # keeps what the packages print out of the answers

    def say(line: str) -> None:
        with suppress(OSError):  # the command has been killed
            print(line, file=answers, flush=True)

    messages: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(messages,), daemon=True).start()
    try:
        serve(messages, say)
    except Exception as error:  # a package may raise anything
        say(FAILED + " ".join(describe(error).split())[:MAX_REASON])
        sys.exit(1)


if __name__ == "__main__":
    main()

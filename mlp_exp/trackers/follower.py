"""The process that follows the folders of runs and brings what is new there to their trackers.

`python -m mlp_exp.trackers.follower`, started by `following`: pickled messages come in on standard input, and
lines go out on standard output. It is no fork of the training, so that neither's threads and locks touch the other.
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
from mlp_exp.trackers.following import ALIVE, FAILED
from mlp_exp.trackers.memory import Memory, recall, remember
from mlp_exp.trackers.tracker import Epoch, Param, TrackedRun, Tracker, name_of

LOOK_SECONDS = 10.0
REST = 3
"""Between two looks at the runs that train: at least so long, and so many times as long as the look took."""

MOST_LETTERS = 300
"""Of a reason; SQLAlchemy's have the whole statement."""

KILLED = {"status": "interrupted", "metrics": {}}
"""For the result of a run that has left none."""


@dataclass
class _Followed:
    """A run on its way to its tracker.

    Attributes:
        ended: whether the tracker has the result, too.
        alive: called after whatever may take long.
        read: when the history was written that was read last, in nanoseconds.
        attached: likewise of each file that is attached.
    """

    run: TrackedRun
    tracker: Tracker
    alive: Callable[[], None]
    ended: bool = False
    read: int = 0
    attached: dict[Path, int] = field(default_factory=dict)

    def begin(self) -> None:
        """Lets the tracker take up the run, where it left off if an earlier command has tracked it."""
        run = self.run
        memory = recall(run.folder, run.tracker)
        if memory:
            run.id, run.epochs, run.group = memory.id, memory.epochs, memory.group
        self.tracker.begin(run)
        self._remember()

    def bring(self, result: Mapping[str, Any] | None = None) -> None:
        """Brings the epochs that are new to the tracker, and the result."""
        new = self._history()[self.run.epochs :]
        if new or result is not None:
            self.tracker.write(self.run, new, result)
            self.alive()
            self.run.epochs += len(new)
            self.ended = result is not None
            self._remember()

    def _history(self) -> list[Epoch]:
        """The epochs so far; the last one has ended when they were written."""
        folder = RunFolder(self.run.folder)
        self.read = folder.history_written()  # before it is read: if it is replaced meanwhile, the next look sees that
        columns = folder.history_columns if self.read else []
        rows = folder.read_history(columns) if columns else []
        by_name = [dict(zip(columns, row, strict=True)) for row in rows]
        numbers = [(int(row.pop("epoch")), row.pop("seconds")) for row in by_name]
        begin = 1e-9 * self.read - (numbers[-1][1] if numbers else 0.0)
        return [
            Epoch(number, begin + seconds, values) for (number, seconds), values in zip(numbers, by_name, strict=True)
        ]

    def _remember(self) -> None:
        run = self.run
        if run.id:
            remember(run.folder, Memory(tracker=run.tracker, id=run.id, epochs=run.epochs, group=run.group))

    def look(self) -> None:
        """Brings the epochs of a run that trains."""
        if self.ended or RunFolder(self.run.folder).history_written() == self.read:
            return
        with suppress(RunFolderError):  # the history is about to begin
            self.bring()

    def attach(self) -> None:
        """Attaches the files that are there and have not been, or not as they are now."""
        written = {file: file.stat().st_mtime_ns for file in RunFolder(self.run.folder).attachments()}
        for file in [file for file, when in written.items() if self.attached.get(file) != when]:
            self.tracker.attach(self.run, file)
            self.alive()
        self.attached |= written


class Follower:
    """Its methods are called by messages.

    Args:
        alive: called after whatever may take long.
    """

    def __init__(self, alive: Callable[[], None]) -> None:
        self._alive = alive
        self._trackers: dict[str, Tracker] = {}
        self._runs: dict[Path, _Followed] = {}

    def expect(self, target: str) -> None:
        """A tracker of this class will be used; imports its package."""
        with suppress(Exception):  # what is wrong with it is said where it is used
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
        """A run is to be followed from now on.

        Args:
            settings: of the tracker; runs with the same ones share it.
        """
        if settings not in self._trackers:
            self._trackers[settings] = tracker
            tracker.open()
        run = TrackedRun(settings, folder, params, began, sweep, name_of(sweep) if sweep else None)
        self._runs[folder] = _Followed(run, self._trackers[settings], self._alive)
        self._runs[folder].begin()

    def end(self, folder: Path) -> None:
        """A run has come to its end, and all is in its folder."""
        self._runs[folder].bring(RunFolder(folder).result() or KILLED)
        self._runs[folder].attach()

    def attach(self, folder: Path) -> None:
        """There are more files in the folder of a run that has ended."""
        self._runs[folder].attach()

    def look(self, stops: Callable[[], bool]) -> None:
        """Brings what is new of the runs that train.

        Args:
            stops: whether something else is more urgent; asked before each run.
        """
        for followed in self._runs.values():
            if stops():
                return
            followed.look()

    def close(self) -> None:
        """That was all; a run that has left no result was killed."""
        for folder, followed in self._runs.items():
            if not followed.ended:
                self.end(folder)
            followed.tracker.finish(followed.run)
            self._alive()
        for tracker in self._trackers.values():
            tracker.close()
            self._alive()


def _receive(messages: "queue.SimpleQueue[bytes | None]") -> None:
    """Takes messages as they come, before anything else is imported; None when there will be no more."""
    message: bytes | None = b""
    # Python would close its own sys.stdin at the end, while a message is waited for, and abort
    with open(0, "rb", closefd=False) as stdin:
        while message is not None:
            try:
                message = pickle.load(stdin)
            except (EOFError, pickle.UnpicklingError):  # the command has been killed
                message = None
            messages.put(message)


def follow(messages: "queue.SimpleQueue[bytes | None]", say: Callable[[str], None]) -> None:
    """Works off messages as they come in, and looks at the runs in between."""
    follower = Follower(lambda: say(ALIVE))
    next_look = time.monotonic() + LOOK_SECONDS
    while True:
        try:
            message = messages.get(timeout=max(0.0, next_look - time.monotonic()))
        except queue.Empty:
            start = time.monotonic()
            follower.look(lambda: not messages.empty())
            end = time.monotonic()
            next_look = end + max(LOOK_SECONDS, REST * (end - start))
            continue
        if message is None:
            break
        name, *arguments = pickle.loads(message)  # may import the user's own tracker
        getattr(follower, name)(*arguments)
        say(ALIVE)
    follower.close()


def main() -> None:
    """The process: ends with 0 when all that was to be tracked is."""
    gc.set_threshold(100_000, 20, 100)  # a tenth of the time went into looking through what the packages hold
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what the packages print is not for the command to read

    def say(line: str) -> None:
        with suppress(OSError):  # the command has been killed
            print(line, file=answers, flush=True)

    messages: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(messages,), daemon=True).start()
    try:
        follow(messages, say)
    except Exception as error:  # a package may raise anything
        say(FAILED + " ".join(describe(error).split())[:MOST_LETTERS])
        sys.exit(1)


if __name__ == "__main__":
    main()

"""The command's side of tracking: starts the tracking process and tells it which run folders to read."""

import logging
import math
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from mlp_exp.config.components import NO_TRACKER
from mlp_exp.errors import describe
from mlp_exp.trackers.none import NoTracker
from mlp_exp.trackers.tracker import Tracker, flatten

log = logging.getLogger(__name__)

ALIVE = "."
FAILED = "!"
"""First character of a line that the process prints: it is still working; it failed, for the reason that follows."""

PATIENCE_SECONDS = 60.0
"""How long to wait at the end for a process that prints nothing."""
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "WANDB_ERROR_REPORTING": "false"}
"""Environment variables that turn off the packages' telemetry."""
NOTICE_SECONDS = 2.0
"""A longer wait at the end is explained to the user."""


class Tracking:
    """Tracks the runs of a command; starts its process at the first run that has a tracker.

    A context manager: leaving it waits until everything is tracked. No other method waits for the process. The first
    error is logged as one warning; nothing more is tracked then. Relative paths in trackers are seen from `directory`.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.process: subprocess.Popen[bytes] | None = None
        self._failure: str | None = None
        self._warned = False
        self._folders: set[Path] = set()
        self._unsent = bytearray()
        self._unread = b""

    def prepare(self, config: Mapping[str, Any]) -> None:
        """Starts the process early if a configuration has a tracker: its imports take about as long as torch's."""
        tracker = config.get("tracker")
        target = tracker.get("_target_") if isinstance(tracker, Mapping) else None
        if target not in (None, NO_TRACKER):
            self._send("prepare", target)

    def begin(self, tracker: Tracker | NoTracker, folder: Path, config: Mapping[str, Any], sweep: Path | None) -> None:
        """Tracks a run from now on; raises ConfigError if the package of its tracker is not installed."""
        if isinstance(tracker, NoTracker):
            return
        tracker.require_package()
        self._folders.add(folder)
        self._send("begin", tracker, tracker.settings, folder, flatten(config), time.time(), sweep)

    def end(self, folder: Path) -> None:
        """To be called when a run has ended and its folder is complete; ignored if it is not tracked."""
        if folder in self._folders:
            self._send("end", folder)

    def attach(self, folder: Path) -> None:
        """To be called when files were added after the end of a run; ignored if it is not tracked."""
        if folder in self._folders:
            self._send("attach", folder)

    def check(self) -> None:
        """Warns if tracking has failed; to be called regularly, while log records go to the command's log."""
        if self.process:
            ended = self.process.poll() is not None
            self._exchange(self.process)
            if ended:
                self._fail(_how_ended(self.process))
        self._warn_once()

    def _start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "mlp_exp.trackers.process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            cwd=self._directory,
            env={**os.environ, **QUIET, "PYTHONPATH": os.pathsep.join(sys.path)},
            start_new_session=True,  # Ctrl-C must not reach it: it still writes what there is
        )
        for pipe in (process.stdin, process.stdout):
            assert pipe
            os.set_blocking(pipe.fileno(), False)
        return process

    def _send(self, *message: Any) -> None:
        if self._failure:
            return
        try:
            self._unsent += pickle.dumps(pickle.dumps(message))
            self.process = self.process or self._start()
            self._exchange(self.process)
        except Exception as error:  # no memory for a process; a user's tracker that cannot be pickled
            self._fail(describe(error))

    def _exchange(self, process: subprocess.Popen[bytes]) -> bool:
        """Writes what fits into the pipe and reads the answers; returns whether there were any."""
        assert process.stdin
        assert process.stdout
        with suppress(BlockingIOError, BrokenPipeError):
            while self._unsent:
                del self._unsent[: os.write(process.stdin.fileno(), self._unsent)]
        read = b""
        with suppress(BlockingIOError):
            read = os.read(process.stdout.fileno(), 2**16)
        *lines, self._unread = (self._unread + read).split(b"\n")
        for line in lines:
            if line.startswith(FAILED.encode()):
                self._fail(line.decode()[1:])
        return bool(read)

    def _fail(self, reason: str) -> None:
        self._failure = self._failure or reason

    def _warn_once(self) -> None:
        if self._failure and not self._warned:
            self._warned = True
            log.warning(
                "tracker: %s. Nothing more is tracked; the runs and their folders are as they would be without it",
                self._failure,
            )

    def __enter__(self) -> "Tracking":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process:
            self._unsent += pickle.dumps(None)
            try:
                self._wait(self.process)
            except KeyboardInterrupt:
                self._fail("interrupted while it wrote what was left")
            finally:
                self.process.kill()
                self.process.communicate()
        self._warn_once()

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        """Waits until the process has ended, or has printed nothing for too long."""
        heard = time.monotonic()
        notice_at = heard + NOTICE_SECONDS
        while process.poll() is None:
            if time.monotonic() > notice_at:
                log.info("Waiting for the tracker. Ctrl-C skips what is left")
                notice_at = math.inf
            if self._exchange(process):
                heard = time.monotonic()
            elif time.monotonic() - heard > PATIENCE_SECONDS:
                self._fail(f"no answer for {PATIENCE_SECONDS:.0f} s")
                return
            time.sleep(0.01)
        self._exchange(process)
        if process.returncode:
            self._fail(_how_ended(process))


UNTRACKED = Tracking(Path())
"""Tracks nothing."""


def _how_ended(process: subprocess.Popen[bytes]) -> str:
    code = process.returncode
    return f"its process was ended by signal {-code}" if code < 0 else f"its process ended with {code}"

"""The tracking of a command's runs, as the command sees it: a process beside it, which is told of folders."""

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
"""How the lines of the process begin: one after whatever may take long, and one with why it gives up."""

PATIENCE_SECONDS = 60.0
"""How long the process may be silent at the end."""
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "WANDB_ERROR_REPORTING": "false"}
"""Variables that keep the packages from telling their makers of their use."""
SAY_SECONDS = 2.0
"""After which it is said what is waited for."""


class Following:
    """Follows the runs of a command from the first one that has a tracker; before that, it does nothing.

    Used in a `with` statement, at whose end it waits until all is tracked; no method waits for the process. Whatever
    goes wrong is one warning, after which nothing more is tracked.

    Args:
        directory: the command's, from which relative paths of a tracker lead on.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self._failure: str | None = None
        self._warned = False
        self._folders: set[Path] = set()
        self._unsent = bytearray()
        self._unread = b""

    def expect(self, config: Mapping[str, Any]) -> None:
        """Starts the process, if a configuration has a tracker: what it imports takes about as long as torch does."""
        tracker = config.get("tracker")
        target = tracker.get("_target_") if isinstance(tracker, Mapping) else None
        if target not in (None, NO_TRACKER):
            self._tell("expect", target)

    def begin(self, tracker: Tracker | NoTracker, folder: Path, config: Mapping[str, Any], sweep: Path | None) -> None:
        """Follows a run from now on.

        Args:
            sweep: the folder of the sweep that it belongs to.

        Raises:
            ConfigError: the tracker's package is not installed.
        """
        if isinstance(tracker, NoTracker):
            return
        tracker.require_package()
        self._folders.add(folder)
        self._tell("begin", tracker, tracker.settings, folder, flatten(config), time.time(), sweep)

    def end(self, folder: Path) -> None:
        """Says that a run has ended, if it is followed, and that all is in its folder."""
        if folder in self._folders:
            self._tell("end", folder)

    def attach(self, folder: Path) -> None:
        """Says that there are more files of a run that has ended, if it is followed."""
        if folder in self._folders:
            self._tell("attach", folder)

    def check(self) -> None:
        """Warns if the tracking has failed; to be called now and then, where the log is that of the whole command."""
        if self._process:
            ended = self._process.poll() is not None
            self._exchange(self._process)
            if ended:
                self._fail(_how_ended(self._process))
        self._warn()

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-W", "ignore", "-m", "mlp_exp.trackers.follower"]
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            cwd=self._directory,
            env={**os.environ, **QUIET, "PYTHONPATH": os.pathsep.join(sys.path)},
            start_new_session=True,  # Ctrl-C is not for it: it writes what there is
        )
        for pipe in (process.stdin, process.stdout):
            assert pipe
            os.set_blocking(pipe.fileno(), False)
        return process

    def _tell(self, *message: Any) -> None:
        if self._failure:
            return
        try:
            self._unsent += pickle.dumps(pickle.dumps(message))
            self._process = self._process or self._start()
            self._exchange(self._process)
        except Exception as error:  # no memory for a process; a tracker of the user's own that cannot be sent
            self._fail(describe(error))

    def _exchange(self, process: subprocess.Popen[bytes]) -> bool:
        """Sends what fits into the pipe and reads what has come; returns whether that was anything."""
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

    def _warn(self) -> None:
        if self._failure and not self._warned:
            self._warned = True
            log.warning(
                "tracker: %s. Nothing more is tracked; the runs and their folders are as they would be without it",
                self._failure,
            )

    def __enter__(self) -> "Following":
        return self

    def __exit__(self, *_: object) -> None:
        if self._process:
            self._unsent += pickle.dumps(None)
            try:
                self._wait(self._process)
            except KeyboardInterrupt:
                self._fail("interrupted while it wrote what was left")
            finally:
                self._process.kill()
                self._process.communicate()
        self._warn()

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        """Until the process has ended, or has been silent for too long."""
        heard = time.monotonic()
        say_at = heard + SAY_SECONDS
        while process.poll() is None:
            if time.monotonic() > say_at:
                log.info("What is left is being tracked. Ctrl-C leaves it out")
                say_at = math.inf
            if self._exchange(process):
                heard = time.monotonic()
            elif time.monotonic() - heard > PATIENCE_SECONDS:
                self._fail(f"no answer for {PATIENCE_SECONDS:.0f} s")
                return
            time.sleep(0.01)
        self._exchange(process)
        if process.returncode:
            self._fail(_how_ended(process))


UNTRACKED = Following(Path())
"""Follows nothing."""


def _how_ended(process: subprocess.Popen[bytes]) -> str:
    code = process.returncode
    return f"its process was ended by signal {-code}" if code < 0 else f"its process ended with {code}"

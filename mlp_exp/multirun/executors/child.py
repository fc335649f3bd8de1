"""A process of this machine that trains tasks as texts, one after another, in an environment of its own."""

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from mlp_exp.multirun.executors.events import Done
from mlp_exp.multirun.executors.wire import event_to_text

MODULE = "mlp_exp.multirun.executors.there"
HOME = str(Path(__file__).resolve().parents[3])
"""From where the child imports this package: the same as here."""


class Child:
    """Such a process; it ends with this one.

    Args:
        environment: variables beside those of this process.
        cores: that may train; None for all.
        root: the folder below which its files are, if it does not see those of the command.

    Attributes:
        events: can be waited for; there is one when `receive` would not block.

    Example:
        child = Child({"CUDA_VISIBLE_DEVICES": "1"})
        child.send(task_to_text(task))
        event_from_text(child.receive(), task)
    """

    def __init__(
        self, environment: Mapping[str, str] | None = None, cores: int | None = None, root: Path | None = None
    ) -> None:
        self.events, their_events = multiprocessing.Pipe(duplex=False)
        their_tasks, self._tasks = multiprocessing.Pipe(duplex=False)
        fds = (their_tasks.fileno(), their_events.fileno())
        path = os.pathsep.join(filter(None, [HOME, os.environ.get("PYTHONPATH", "")]))
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", MODULE, *map(str, fds), str(cores or 0), *([str(root)] if root else [])],
            env={**os.environ, "PYTHONPATH": path, **(environment or {})},
            pass_fds=fds,
            stdin=subprocess.DEVNULL,
        )
        their_tasks.close()
        their_events.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, text: str) -> None:
        """Gives it a task; if it has died, `receive` says so."""
        with suppress(OSError):
            self._tasks.send_bytes(text.encode())

    def receive(self) -> str:
        """The next event of its task, as text; `Done` if there will be no more."""
        try:
            return self.events.recv_bytes().decode()
        except (EOFError, OSError):
            code = self._process.wait()
            how = f"was ended by signal {-code}" if code < 0 else f"ended with {code}"
            return event_to_text(Done(f"its worker {how}", "worker"))

    def stop(self) -> None:
        """Has it save its runs and end."""
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self.events.close()
        self._tasks.close()

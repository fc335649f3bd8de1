"""Commands as a user gives them: in a process of their own, or in a fork of this one."""

import importlib
import io
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, NoReturn

from hydra.core.global_hydra import GlobalHydra

Result = subprocess.CompletedProcess[str]

RunCli = Callable[..., Result]
CallMain = Callable[..., Result]
Start = Callable[..., "subprocess.Popen[str]"]
StartFork = Callable[..., "Fork"]


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a command: this one's, without what would change how a command speaks."""
    unwanted = ("HYDRA_FULL_ERROR", "FORCE_COLOR", "PYTHONWARNINGS", "COLUMNS", "OMP_NUM_THREADS")
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    return kept | {"COLUMNS": "120", "PYTHONPATH": ""} | dict(extra or {})


class Fork:
    """Some work as a command of its own in a fork of this process, which spares the import of torch."""

    def __init__(self, work: Callable[[], object], cwd: Path, env: Mapping[str, str] | None = None) -> None:
        self._texts = [tempfile.TemporaryFile() for _ in range(2)]  # noqa: SIM115 (closed in communicate)
        self.pid = os.fork()
        if not self.pid:
            _work_and_exit(work, cwd, clean_environment(env), [file.fileno() for file in self._texts])
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit status, or minus the signal that ended it; None while it works."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def communicate(self, timeout: float = 120) -> tuple[str, str]:
        """Waits for its end, and returns what it printed."""
        give_up = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > give_up:
                self.send_signal(signal.SIGKILL)
            time.sleep(0.002)
        stdout, stderr = (self._text(file) for file in self._texts)
        return stdout, stderr

    @staticmethod
    def _text(file: IO[bytes]) -> str:
        with file:
            file.seek(0)
            return file.read().decode()


def _work_and_exit(work: Callable[[], object], cwd: Path, env: Mapping[str, str], outputs: Sequence[int]) -> NoReturn:
    status: object = 1
    try:
        for number, taken in enumerate((os.open(os.devnull, os.O_RDONLY), *outputs)):
            os.dup2(taken, number)
        sys.stdout, sys.stderr = (
            io.TextIOWrapper(os.fdopen(number, "wb", closefd=False), "utf-8", line_buffering=True) for number in (1, 2)
        )
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.environ.clear()
        os.environ.update(env)
        os.chdir(cwd)
        work()
        status = 0
    except SystemExit as end:
        status = end.code or 0
        if isinstance(status, str):
            print(status, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status if isinstance(status, int) else 1)


LATE = (
    *(
        f"mlp_exp.{name}"
        for name in (
            "display.plots",
            "experiment.one_run",
            "multirun.dry_run",
            "multirun.together",
            "compare.report",
            "inference.tables",
        )
    ),
    "plotly.offline",
    "sklearn.inspection",
)
"""What commands import when they come to it; a fork of a process that has done so need not."""


def fork_command(name: str, *args: str, cwd: Path, env: Mapping[str, str] | None = None) -> Fork:
    """`python -m mlp_exp.<name> …` in a fork of this process."""
    for module in LATE:
        importlib.import_module(module)
    command = importlib.import_module(f"mlp_exp.{name}")

    def work() -> None:
        GlobalHydra.instance().clear()
        logging.getLogger().handlers.clear()
        sys.argv = [str(command.__file__), *args]
        sys.path.insert(0, str(cwd))
        command.main()

    return Fork(work, cwd, env)

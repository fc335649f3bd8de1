"""Commands as a user gives them: in this process, in a fork of it, or in a process of their own."""

import contextlib
import gc
import importlib
import io
import logging
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NoReturn, Protocol

import pytest
from hydra.core.global_hydra import GlobalHydra

from mlp_exp.processes.helper import FIGURES, FOREST

Result = subprocess.CompletedProcess[str]


class Started(Protocol):
    """A command that runs: a `Fork` or a `subprocess.Popen`."""

    pid: int

    @property
    def returncode(self) -> int | None: ...

    def poll(self) -> int | None: ...

    def send_signal(self, number: int, /) -> None: ...

    def communicate(self, *, timeout: float = 120) -> tuple[str, str]: ...


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
            "experiment.alone",
            "multirun.dry_run",
            "multirun.sweep",
            "compare.report",
            "inference.tables",
        )
    ),
    "plotly.offline",
    "sklearn.ensemble",
)
"""What commands import when they come to it; a fork of a process that has done so need not."""


def import_late() -> None:
    for module in LATE:
        importlib.import_module(module)


def start_command(
    name: str,
    *args: Path | str,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    process: bool = False,
    python: Sequence[str] = (),
) -> Started:
    """`python -m mlp_exp.<name> …` in a fork of this process, or with `process` from scratch.

    Args:
        env: variables beside those of this process.
        python: flags of the interpreter, with `process`.
    """
    words = [str(arg) for arg in args]
    if process:
        return subprocess.Popen(
            [sys.executable, *python, "-m", f"mlp_exp.{name}", *words],
            cwd=cwd,
            env=clean_environment(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    import_late()
    command = importlib.import_module(f"mlp_exp.{name}")

    def work() -> None:
        GlobalHydra.instance().clear()
        logging.getLogger().handlers.clear()
        sys.argv = [str(command.__file__), *words]
        sys.path.insert(0, str(cwd))
        command.main()

    return Fork(work, cwd, env)


def ended(started: Started, timeout: float = 120) -> Result:
    """Waits for the end of a command."""
    stdout, stderr = started.communicate(timeout=timeout)
    assert started.returncode is not None
    return subprocess.CompletedProcess([], started.returncode, stdout, stderr)


class Command:
    """Runs commands in a folder of their own: `command("run", "seed=1")`, and so `predict`, `report`, `export`.

    A command runs in this process, which spares the import of torch and heeds what is patched; with `fork` or `env` in
    a fork, as it must where it is about what a process is; with `process` from scratch.
    """

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, captured: pytest.CaptureFixture[str]) -> None:
        self._folder, self._patch, self._captured = folder, patch, captured
        self._started: list[Started] = []

    def __call__(
        self,
        name: str,
        *args: Path | str,
        fork: bool = False,
        process: bool = False,
        cwd: Path | None = None,
        timeout: float = 120,
        **how: Any,
    ) -> Result:
        """Runs a command to its end; `how` is that of `start_command`."""
        if fork or process or how:
            return ended(self.start(name, *args, process=process, cwd=cwd or self._folder, **how), timeout)
        return self._here(name, [str(arg) for arg in args], cwd or self._folder)

    def start(self, name: str, *args: Path | str, **how: Any) -> Started:
        """Starts a command in a fork, or with `process` from scratch; it is ended after the test."""
        self._started.append(start_command(name, *args, **{"cwd": self._folder, **how}))
        return self._started[-1]

    def close(self) -> None:
        for started in self._started:
            if started.poll() is None:
                started.send_signal(signal.SIGKILL)
            if isinstance(started, subprocess.Popen):
                started.communicate()

    def _here(self, name: str, args: list[str], cwd: Path) -> Result:
        for module in (FIGURES, FOREST) if name in ("run", "report") else ():
            importlib.import_module(module)  # once, and not in a process of each command
        command = importlib.import_module(f"mlp_exp.{name}")
        GlobalHydra.instance().clear()
        self._patch.chdir(cwd)
        self._patch.setattr(sys, "argv", [f"mlp_exp.{name}", *args])
        self._patch.setattr(sys, "path", list(sys.path))
        self._patch.setenv("HYDRA_FULL_ERROR", "0")  # main sets it; it is put back after the test
        self._patch.setenv("COLUMNS", "120")
        self._patch.setattr(gc, "freeze", lambda: None)  # it would keep the cycles of earlier commands for ever
        self._patch.setattr(gc, "set_threshold", lambda *_: None)  # the suite collects less often than a command
        self._captured.readouterr()
        code: object = 0
        try:
            command.main()
        except SystemExit as end:
            code = end.code or 0
        stdout, stderr = self._captured.readouterr()
        if isinstance(code, int):
            return subprocess.CompletedProcess(args, code, stdout, stderr)
        return subprocess.CompletedProcess(args, 1, stdout, f"{stderr}{code}\n")


@contextlib.contextmanager
def process_restored() -> Iterator[None]:
    """Afterwards logging, signals, the garbage collector and Hydra are as they were."""
    root = logging.getLogger()
    handlers, level, thresholds = list(root.handlers), root.level, gc.get_threshold()
    signals = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for handler in set(root.handlers) - set(handlers):
        root.removeHandler(handler)
        with contextlib.suppress(OSError):
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    for number, action in signals.items():
        signal.signal(number, action)
    gc.unfreeze()
    gc.enable()
    gc.set_threshold(*thresholds)
    GlobalHydra.instance().clear()


def said(done: Result) -> list[str]:
    """The lines that a command printed, which went well."""
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def refusal(done: Result) -> str:
    """The one message of a command that ended with status 1."""
    assert done.returncode == 1
    return done.stderr.removesuffix("\n")


def mistakes(*lines: str) -> str:
    """The message on a configuration with these mistakes."""
    head = "1 mistake" if len(lines) == 1 else f"{len(lines)} mistakes"
    return "\n  ".join([f"The configuration has {head}:", *lines])


def table_of(lines: Sequence[str]) -> list[list[str]]:
    """The cells of printed tables, line by line; those of a head may have several lines."""
    return [[cell.strip() for cell in re.split("[┃│]", line)[1:-1]] for line in lines if line[:1] in ("┃", "│")]

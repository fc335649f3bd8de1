"""Jobs that submitit has sent: to Slurm, to processes of this machine, or to none."""

import contextlib
import io
import logging
import os
import shutil
import signal
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from mlp_exp.config.slurm_settings import SlurmSettings
from mlp_exp.errors import LauncherError
from mlp_exp.experiment.spec import StackTask
from mlp_exp.multirun.executors.child import HOME
from mlp_exp.multirun.executors.slurm_queue import JOBS, cancel, queued, wait_until, write_down
from mlp_exp.multirun.executors.slurm_worker import train
from mlp_exp.multirun.executors.wire import task_to_text

NAME = "hydra/launcher=slurm"
END_SECONDS = 30.0
"""For how long the processes of jobs that have told their end may take to be gone."""


@dataclass
class Sent:
    """A task that was sent away.

    Attributes:
        job: submitit's; None until it is sent.
        events: path of the file.
        lines: of it that are read, and not yet reported.
        read: how many bytes are.
        trained: whether it has told of any progress.
        gone: whether it was not in the queue when that was last looked at.
    """

    task: StackTask
    events: Path
    job: Any = None
    lines: deque[str] = field(default_factory=deque)
    read: int = 0
    trained: bool = False
    gone: bool = False

    def look(self) -> None:
        """Reads what is new in the file."""
        with contextlib.suppress(FileNotFoundError), self.events.open("rb") as file:
            file.seek(self.read)
            whole = file.read().rpartition(b"\n")[0]  # a line may be half written
            if whole:
                self.read += len(whole) + 1
                self.lines.extend(whole.decode().split("\n"))

    @property
    def last_words(self) -> str:
        """The last line of its log, in which Slurm and Python say why it ended; or where the log is."""
        path: Path = self.job.paths.stderr
        with contextlib.suppress(OSError):
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            for line in reversed(lines):
                if line.strip() and not line.startswith("submitit "):
                    return line.strip()
        return f"its log is {path}"


class SlurmJobs:
    """The jobs of a command: sends them, and knows which are left.

    Args:
        folder: a hidden one in the sweep's; it is gone in the end, unless the logs in it are of use.
    """

    def __init__(self, folder: Path, settings: SlurmSettings) -> None:
        import submitit

        logging.getLogger("submitit").disabled = True
        folder.mkdir(parents=True, exist_ok=True)
        self.kind = settings.executor
        self.keeps = False
        self._folder = folder
        self._cores = settings.cpus_per_task
        self._all: list[Sent] = []
        self._executor = submitit.AutoExecutor(folder, cluster=self.kind)
        self._executor.update_parameters(**settings.for_submitit())

    def place(self, task: StackTask) -> Sent:
        return Sent(task, self._folder / f"{uuid4().hex}.events")

    def send(self, waiting: Sequence[Sent]) -> None:
        """Sends tasks, several as an array; raises LauncherError in the words of sbatch."""
        texts = [task_to_text(sent.task) for sent in waiting]
        words = io.StringIO()
        try:
            with _as_from_outside(), contextlib.redirect_stderr(words), self._executor.batch():
                jobs = [
                    self._executor.submit(train, text, str(sent.events), self._cores, alone=self.kind != "debug")
                    for text, sent in zip(texts, waiting, strict=True)
                ]
        except (RuntimeError, OSError) as error:  # submitit's own are RuntimeErrors
            said = [line.removeprefix("sbatch: ").removeprefix("error: ") for line in str(error).splitlines()]
            raise LauncherError(f"{NAME}: no job was sent: {'; '.join(filter(None, said))}") from error
        for sent, job in zip(waiting, jobs, strict=True):
            sent.job = job
        self._all += waiting
        if self.kind == "slurm":
            write_down(self._folder, [sent.job.job_id for sent in waiting])

    def left(self, among: Sequence[Sent]) -> list[Sent]:
        """Those whose jobs wait or run, as far as one knows."""
        if self.kind == "slurm":
            found = queued()
            return [sent for sent in among if found is None or sent.job.job_id in found]
        return [sent for sent in among if not sent.job.done()]

    def cancel(self, among: Collection[Sent]) -> None:
        """Has them save their runs and end."""
        if self.kind == "slurm":
            return cancel([sent.job.job_id for sent in among]) if among else None
        for sent in among:
            if self.kind == "local" and not sent.job.done():
                os.kill(int(sent.job.job_id), signal.SIGTERM)  # submitit would give it a second
        return None

    def run_here(self, sent: Sent) -> None:
        """Trains a task of the debug executor in this process; its log lines are for the run's own log alone."""
        root = logging.getLogger()
        before = list(root.handlers)
        root.handlers[:] = [logging.NullHandler()]
        try:
            sent.job.done()
        finally:
            root.handlers[:] = before

    def end(self) -> None:
        """Cancels what is left, and waits until nothing runs."""
        if self.kind != "debug" and self._all:
            wait_until(lambda: not self.left(self._all), 1.0)
            self.cancel(self.left(self._all))
            wait_until(lambda: not self.left(self._all), END_SECONDS)
        (self._folder / JOBS).unlink(missing_ok=True)
        if not self.keeps:
            shutil.rmtree(self._folder, ignore_errors=True)


@contextlib.contextmanager
def unbroken() -> Iterator[None]:
    """Inside, Ctrl-C and SIGTERM wait; a process that is started inside never gets a terminal's Ctrl-C."""
    late: list[int] = []
    stops = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda got, frame: late.append(got)) for number in stops]
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # is inherited; another thread still gets it
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)
        for number, handler in zip(stops, before, strict=True):
            signal.signal(number, handler)
        for got in late:
            os.kill(os.getpid(), got)


@contextlib.contextmanager
def _as_from_outside() -> Iterator[None]:
    """Inside, jobs are sent as from outside of any job, and find this package."""
    inside = ("SLURM_", "SLURMD_", "SRUN_", "SUBMITIT_")
    environment = dict(os.environ)
    path = os.pathsep.join(filter(None, [HOME, environment.get("PYTHONPATH", "")]))
    kept = {name: value for name, value in environment.items() if not name.startswith(inside) or name == "SLURM_CONF"}
    try:
        os.environ.clear()
        os.environ.update({**kept, "PYTHONPATH": path})
        yield
    finally:
        os.environ.clear()
        os.environ.update(environment)

"""Stacks as jobs of Slurm, through submitit: a job array of them, whose events come back as files.

submitit sends the jobs and keeps their logs. Whether a job is over its events say; the queue is asked seldom, for those
that have ended without a word.
"""

import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from mlp_exp.config.slurm_settings import SlurmSettings
from mlp_exp.errors import LauncherError, MlpExpError
from mlp_exp.experiment.plan import Plan
from mlp_exp.experiment.session import Session
from mlp_exp.experiment.spec import StackTask
from mlp_exp.multirun.executors.backend import Backend
from mlp_exp.multirun.executors.events import Done, Ended, Event, Paused, Progress
from mlp_exp.multirun.executors.executor import Executor, Report
from mlp_exp.multirun.executors.slurm_jobs import NAME, Sent, SlurmJobs, unbroken
from mlp_exp.multirun.executors.slurm_queue import HIDDEN
from mlp_exp.multirun.executors.stacks import Kind, size_anywhere
from mlp_exp.multirun.executors.wire import event_from_text, event_to_text
from mlp_exp.processes.forks import cores

SHORTEST_SECONDS, LONGEST_SECONDS = 0.02, 0.5
"""Between two looks for events; the longer none came, the longer."""
QUEUE_SECONDS, QUEUE_SECONDS_STOPPING = 10.0, 1.0
"""Between two looks which jobs are left."""


class SlurmBackend(Backend):
    """Jobs of a Slurm cluster; or processes of this machine that look like them (`local`), or none at all (`debug`)."""

    here: ClassVar[bool] = False

    def __init__(self, settings: SlurmSettings) -> None:
        self.settings = settings
        self.max_stack = settings.max_stack
        self._jobs: SlurmJobs | None = None

    @classmethod
    def read(cls, settings: Mapping[str, Any]) -> Self:
        """From `hydra.launcher`; raises ConfigError with a line for each setting that is wrong."""
        return cls(SlurmSettings.read(settings))

    def begin(self, folder: Path) -> None:
        if self.settings.executor == "slurm":
            for command in ("sbatch", "srun", "squeue", "scancel"):
                if not shutil.which(command):
                    raise LauncherError(
                        f"{NAME}: there is no {command} on this machine. Start the command where jobs are sent from, "
                        "or try it with hydra.launcher.executor=local"
                    )
        self._jobs = SlurmJobs(folder / HIDDEN, self.settings)

    def parallel(self, plan: Plan) -> int:
        settings = self.settings
        alone = {"local": max(1, cores() // settings.cpus_per_task), "debug": 1}
        return alone.get(settings.executor, settings.array_parallelism)

    def size(self, plan: Plan) -> int:
        return size_anywhere(plan, self.settings.cpus_per_task, on_gpu=bool(self.settings.gpus_per_node))

    def executor(self, kinds: Sequence[Kind], session: Session, report: Report) -> Executor:
        assert self._jobs
        return SlurmExecutor(session, report, self._jobs)

    def end(self) -> None:
        if self._jobs:
            self._jobs.end()


class SlurmExecutor(Executor):
    """Sends tasks within `wait`, all that were submitted since as one job array; reads the files of their events."""

    def __init__(self, session: Session, report: Report, jobs: SlurmJobs) -> None:
        super().__init__(session, report)
        self._jobs = jobs
        self._waiting: list[Sent] = []
        self._open: list[Sent] = []
        self._cancelled: list[StackTask] = []
        self._asked = time.monotonic()

    def submit(self, task: StackTask) -> None:
        self._waiting.append(self._jobs.place(task))

    def wait(self) -> None:
        if self._cancelled and self._drop_waiting():
            return
        if self._waiting:
            with unbroken():  # or jobs would run that nobody knows of
                self._jobs.send(self._waiting)
                self._open += self._waiting
                self._waiting = []
        pause = SHORTEST_SECONDS
        while not self._look():
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_SECONDS)

    def cancel(self, task: StackTask) -> None:
        self._cancelled.append(task)
        self._asked = 0.0

    def close(self) -> None:
        self._jobs.cancel(self._open)
        self._open.clear()
        self._waiting.clear()

    def _drop_waiting(self) -> bool:
        """Reports tasks that were never sent; whether there are any."""
        dropped, self._waiting = self._waiting, []
        for sent in dropped:
            self.report(sent.task, Done("it was not sent", "moved"))
        return bool(dropped)

    def _look(self) -> bool:
        """Reports what is new; whether anything is."""
        self._ask()
        reported = False
        for sent in list(self._open):
            sent.look()
            while sent.lines:
                event = self._event(sent, sent.lines.popleft())
                if event:
                    self._tell(sent, event)
                    reported = True
        return reported

    def _event(self, sent: Sent, line: str) -> Event | None:
        try:
            event = event_from_text(line, sent.task)
        except MlpExpError:  # the checkpoint is not there yet; it is looked for at the task's end
            return None
        sent.trained |= isinstance(event, Progress | Ended | Paused)
        if isinstance(event, Done) and event.cause == "moved":
            if self._jobs.kind == "debug" and sent.task not in self._cancelled:
                sent.lines.appendleft(line)  # the task ends when the command has cancelled it
                raise KeyboardInterrupt  # it was this process's
            if not sent.trained and sent.task not in self._cancelled:  # or it would be sent for ever
                return Done(f"its job {sent.job.job_id} was asked to end before it had trained an epoch", "worker")
        return event

    def _tell(self, sent: Sent, event: Event) -> None:
        if isinstance(event, Done):
            self._open.remove(sent)
            self._jobs.keeps |= event.reason is not None and event.cause in ("worker", "disk", "refused")
        self.report(sent.task, event)

    def _ask(self) -> None:
        """Looks for jobs that have ended without a word, and cancels those that are to end."""
        if self._jobs.kind == "debug":
            return self._jobs.run_here(self._open[0])
        slow = self._jobs.kind == "slurm" and not self._cancelled
        if time.monotonic() - self._asked < (QUEUE_SECONDS if slow else QUEUE_SECONDS_STOPPING):
            return None
        left = self._jobs.left(self._open)
        self._jobs.cancel([sent for sent in left if sent.task in self._cancelled])
        for sent in [sent for sent in self._open if sent not in left]:
            if sent.gone:  # its events have had the time to come
                sent.look()
                if not sent.lines:
                    sent.lines.append(self._lost(sent))
            sent.gone = True
        self._asked = time.monotonic()
        return None

    def _lost(self, sent: Sent) -> str:
        if sent.task in self._cancelled:
            return event_to_text(Done("its job was cancelled", "moved"))
        return event_to_text(Done(f"its job {sent.job.job_id} ended without a word ({sent.last_words})", "worker"))

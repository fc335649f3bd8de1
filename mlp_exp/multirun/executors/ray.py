"""Stacks on a Ray cluster. A worker is an actor that owns a process which trains; runs are saved on a shared drive, or
sent back.
"""

import signal
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self

import ray
from ray.exceptions import OutOfMemoryError, RayError
from ray.runtime_env import RuntimeEnv

from mlp_exp.config.ray_settings import NODE, RaySettings
from mlp_exp.errors import LauncherError
from mlp_exp.experiment.plan import Plan
from mlp_exp.experiment.session import Session
from mlp_exp.experiment.spec import StackTask
from mlp_exp.multirun.executors.backend import Backend
from mlp_exp.multirun.executors.events import Done, Event
from mlp_exp.multirun.executors.executor import Executor, Report
from mlp_exp.multirun.executors.parcels import Receiver
from mlp_exp.multirun.executors.ray_address import LOOPBACK, TOKEN, address_of, loopback_alone, use_token
from mlp_exp.multirun.executors.ray_crew import Crew, Member, in_short, silent
from mlp_exp.multirun.executors.ray_head import Head
from mlp_exp.multirun.executors.ray_transfer import Cargo
from mlp_exp.multirun.executors.stacks import Kind, size_anywhere
from mlp_exp.multirun.executors.wire import event_from_text, task_to_text
from mlp_exp.processes.forks import cores
from mlp_exp.regularly import Regularly

LOOK_SECONDS = 1.0
"""How often is looked whether there is room for workers that wait, and for more of them."""
AHEAD = 16
"""Events and parcels of a worker that may wait for the command; then the worker waits."""


class RayBackend(Backend):
    """Workers in a cluster that is joined, or that is started for the command and listens on loopback alone."""

    here: ClassVar[bool] = False

    def __init__(self, settings: RaySettings) -> None:
        self.max_stack = settings.max_stack
        self._settings = settings
        self._crew: Crew | None = None
        self._cargo = Cargo() if settings.transfer else None
        self._room = 1

    @classmethod
    def read(cls, settings: Mapping[str, Any]) -> Self:
        """From `hydra.launcher`; raises ConfigError with a line for each setting that is wrong."""
        return cls(RaySettings.read(settings))

    def begin(self, folder: Path) -> None:
        with silent():
            address = address_of(self._settings.address)
        loopback = address is None or address.startswith(LOOPBACK)
        with silent(address), _same_signals(), loopback_alone(loopback):
            try:
                self._connect(address)
            except LauncherError:
                raise
            except Exception as error:  # of which kind Ray often does not say, as where a node takes too long to start
                where = f"the cluster {address}" if address else "a cluster of this machine"
                why = in_short(error)
                if address and isinstance(error, ConnectionError):
                    why = f"{why}. {TOKEN}"
                elif not address:
                    why = f"{why.rstrip('.')}. Try again when the machine is less busy, or take hydra/launcher=stacked"
                raise LauncherError(f"hydra/launcher=ray: {where} cannot be used: {why}") from error
        self._head = Head(ray.get_runtime_context().gcs_address)
        self._crew = Crew(self._settings)
        self._crew.require()
        self._room = self._crew.most()
        for _ in range(min(self._room, cores())):  # they begin while the runs are prepared here
            self._crew.start()

    def _connect(self, address: str | None) -> None:
        start = partial(
            ray.init,
            address=address or "local",
            num_cpus=None if address else cores(),
            runtime_env=_environment(self._settings.runtime_env),
            include_dashboard=None if address else False,
            configure_logging=False,
            log_to_driver=False,
        )
        try:
            start()
        except ConnectionError:
            if address is None or not use_token():
                raise
            start()

    def parallel(self, plan: Plan) -> int:
        if plan.components.trainer.device == "cuda" and not self._settings.gpus:
            raise LauncherError(f"{NODE}.gpus: expected a part of a GPU, or more, for trainer.device=cuda, got 0")
        return self._room

    def size(self, plan: Plan) -> int:
        return size_anywhere(plan, self._settings.cpus, on_gpu=self._settings.gpus > 0)

    def executor(self, kinds: Sequence[Kind], session: Session, report: Report) -> Executor:
        assert self._crew is not None
        return RayExecutor(session, report, self._crew, self._head, self._cargo)

    def end(self) -> None:
        with silent(), _same_signals():
            if self._crew is not None:
                self._crew.end()
                self._crew = None
            ray.shutdown()


@dataclass(frozen=True)
class _Open:
    """A task that a worker has.

    Attributes:
        receiver: of files that it sends back.
    """

    member: Member
    task: StackTask
    receiver: Receiver


class RayExecutor(Executor):
    """Gives tasks to workers in the order they come; one that was lost is replaced.

    Args:
        crew, head, cargo: of the backend; without cargo the workers see the command's files.
    """

    def __init__(self, session: Session, report: Report, crew: Crew, head: Head, cargo: Cargo | None) -> None:
        super().__init__(session, report)
        self._crew = crew
        self._head = head
        self._cargo = cargo
        self._waiting: deque[StackTask] = deque()
        self._open: dict[Any, _Open] = {}
        self._room = 0
        self._look = Regularly(LOOK_SECONDS, self._count)

    def room(self) -> int:
        self._look()
        return self._room

    def _count(self) -> None:
        self._room = self._crew.most()

    def submit(self, task: StackTask) -> None:
        self._waiting.append(task)

    def wait(self) -> None:
        self._head.require()
        self._place()
        sources = [*self._open, *self._crew.starting]
        ready, _ = ray.wait(sources, num_returns=1, timeout=LOOK_SECONDS)
        if len(sources) > 1 and ready:
            ready, _ = ray.wait(sources, num_returns=len(sources), timeout=0)
        for source in ready:
            if source in self._open:
                self._take(source)
            else:
                self._crew.begun(source)
        if self._open:
            self._crew.trains()
        elif self._waiting and not ready:
            self._crew.wait_for_room()

    def _place(self) -> None:
        """Gives tasks to free workers, and asks for more."""
        while self._waiting and self._crew.free:
            task, member = self._waiting.popleft(), self._crew.free.pop()
            self._open[self._sent(task, member)] = _Open(member, task, Receiver(Path))
        for _ in range(len(self._waiting) - len(self._crew.starting)):
            self._crew.start()

    def _sent(self, task: StackTask, member: Member) -> Any:
        """Gives a task to a worker; returns its events, and files."""
        if self._cargo is None:
            return member.actor.train.options(num_returns="streaming").remote(task_to_text(task))
        method = member.actor.train_far.options(num_returns="streaming", _generator_backpressure_num_objects=AHEAD)
        folders = {spec.job_number: spec.folder for spec in task.specs}
        return method.remote(task_to_text(task, shares_files=False), folders, self._cargo.of(task, member.has))

    def _take(self, events: Any) -> None:
        opened = self._open[events]
        member, task, lost = opened.member, opened.task, False
        try:
            found = ray.get(next(events))
            if not isinstance(found, str):
                return opened.receiver.take(found)
            event: Event = event_from_text(found, task)
        except StopIteration:
            event = Done("its worker ended without a word", "worker")
        except OutOfMemoryError:
            event = Done("memory ran out on its node")
        except RayError as error:
            event = Done(f"its worker was lost ({type(error).__name__})", "worker")
            lost = True
        if isinstance(event, Done):
            del self._open[events]
            opened.receiver.close()
            if lost or event.cause == "disk":
                member.kill()
            else:
                self._crew.free.append(member)
        return self.report(task, event)

    def cancel(self, task: StackTask) -> None:
        if task in self._waiting:
            self._waiting.remove(task)
            return self.report(task, Done())
        for opened in self._open.values():
            if opened.task is task:
                opened.member.actor.stop.remote()
        return None

    def close(self) -> None:
        for opened in self._open.values():
            opened.member.kill()
            opened.receiver.close()
        self._open.clear()
        self._waiting.clear()


def _environment(asked: Mapping[str, Any] | None) -> RuntimeEnv | None:
    """What workers need; raises LauncherError where Ray's description of it is wrong."""
    if not asked:
        return None
    try:
        return RuntimeEnv(**asked)
    except (TypeError, ValueError) as error:
        raise LauncherError(f"{NODE}.runtime_env: {in_short(error)}") from error


@contextmanager
def _same_signals() -> Iterator[None]:
    """Afterwards signals do what they did: Ray would end the command on SIGTERM before its runs are saved."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, action in before.items():
            with suppress(ValueError):  # not the main thread, where Ray changes none
                signal.signal(number, action)

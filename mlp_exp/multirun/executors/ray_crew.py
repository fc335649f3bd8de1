"""The workers of a command in a Ray cluster: as many as there are tasks and room for, used again until the end."""

import logging
import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any

import ray
from ray._private import worker
from ray.exceptions import RayError

from mlp_exp._version import __version__
from mlp_exp.config.ray_settings import NODE, RaySettings
from mlp_exp.errors import LauncherError
from mlp_exp.multirun.executors.ray_head import RESUME
from mlp_exp.multirun.executors.ray_transfer import FarWorker
from mlp_exp.multirun.executors.ray_worker import RayWorker

log = logging.getLogger(__name__)

NO_NODE_SECONDS = 60.0
"""How long a cluster may be without a node for a worker, before the command gives up."""
QUEUE_SECONDS = 900.0
"""How long all workers may wait for others to leave the cluster."""
MOST_FAILURES = 3
"""Workers in a row that could not begin."""


@dataclass(eq=False)
class Member:
    """A worker.

    Attributes:
        actor: Ray's handle of it.
        has: the tables that it was sent, if it sees none of the command's.
    """

    actor: Any
    has: set[str] = field(default_factory=set)

    def kill(self) -> None:
        with suppress(RayError, ValueError):
            ray.kill(self.actor)


class Crew:
    """Workers, of which some begin, and others are free.

    Attributes:
        starting: those that wait for room or begin, by what Ray makes ready when they have begun.
        free: those that have begun and have no task; who takes one out of the list gives it back or kills it.
    """

    def __init__(self, settings: RaySettings) -> None:
        self._settings = settings
        needs = {"num_cpus": settings.cpus, "num_gpus": settings.gpus}
        worker = FarWorker if settings.transfer else RayWorker
        self._actor = ray.remote(worker).options(**needs, max_concurrency=2, max_restarts=0)
        self.starting: dict[Any, Member] = {}
        self.free: list[Member] = []
        self._refused: list[Member] = []
        self._failures = 0
        self._why = ""
        self._since: float | None = None
        self._told = False

    def room(self) -> int:
        """Workers that the cluster has room for, whoever uses it now."""
        return sum(self._on(node["Resources"]) for node in ray.nodes() if node["Alive"])

    def most(self) -> int:
        """Workers that may be there now: those that there is room for, and that the settings allow."""
        room = self.room()
        return min(room, self._settings.workers or room)

    def _on(self, resources: dict[str, float]) -> int:
        count = resources.get("CPU", 0) // self._settings.cpus
        if self._settings.gpus:
            free = resources.get("GPU", 0)
            gpus = self._settings.gpus
            parts = free // gpus if gpus >= 1 else free * math.floor(1 / gpus + 1e-9)  # 1 // 0.2 is 4
            count = min(count, parts)
        return math.floor(count)

    def start(self) -> None:
        """Asks for one more worker."""
        hidden = {} if self._settings.gpus else {"CUDA_VISIBLE_DEVICES": ""}
        actor = self._actor.remote(hidden, self._settings.cpus)
        self.starting[actor.ready.remote()] = Member(actor)

    def begun(self, ready: Any) -> None:
        """What Ray has made ready of `starting`: the worker is free, could not begin, or has another version.

        Raises:
            LauncherError: several in a row could not, or all have another version.
        """
        member = self.starting.pop(ready)
        try:
            version = ray.get(ready)
        except RayError as error:
            member.kill()
            self._failures += 1
            self._why = in_short(error)
            if self._failures >= MOST_FAILURES:
                raise LauncherError(
                    f"hydra/launcher=ray: {MOST_FAILURES} workers in a row could not begin ({self._why}); is mlp_exp "
                    "installed on every node?"
                ) from error
        else:
            self._failures = 0
            if version != __version__:
                return self._refuse(member, version)
            self._since = None
            self.free.append(member)
        return None

    def _refuse(self, member: Member, version: str) -> None:
        """Leaves a worker without tasks; it holds its place, so that no other one begins there."""
        self._refused.append(member)
        why = f"a worker has mlp_exp {version}, and the command {__version__}: install the same version on every node"
        if len(self._refused) >= self.room():
            raise LauncherError(f"hydra/launcher=ray: {why}")
        if len(self._refused) == 1:
            log.warning("%s; it trains nothing", why)

    def wait_for_room(self) -> None:
        """To be called now and then while tasks wait for workers and nothing trains.

        Raises:
            LauncherError: no worker has found room for too long.
        """
        now = time.monotonic()
        self._since = now if self._since is None else self._since
        waited = now - self._since
        if waited > NO_NODE_SECONDS and not self.room():
            raise LauncherError(
                f"hydra/launcher=ray: the cluster has no node with {self._settings.needs} any more; {RESUME}"
            )
        if waited > QUEUE_SECONDS:
            raise LauncherError(
                f"hydra/launcher=ray: no worker found room within {QUEUE_SECONDS / 60:g} minutes, since others use the "
                f"cluster; {RESUME}"
            )
        if waited > 10 and not self._told:
            self._told = True
            log.warning("waiting for room in the Ray cluster: a worker needs %s", self._settings.needs)

    def trains(self) -> None:
        """Tells that something trains, so that nothing waits in vain."""
        self._since = None

    def require(self) -> None:
        """Raises LauncherError if no node can ever hold a worker."""
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        if any(self._on(node) for node in nodes):
            return
        most = {name: max((node.get(name, 0) for node in nodes), default=0) for name in ("CPU", "GPU")}
        key, kind = ("gpus", "GPU") if most["GPU"] < self._settings.gpus else ("cpus", "CPU")
        asked = getattr(self._settings, key)
        word = ("GPU" if kind == "GPU" else "core") + "s" * (most[kind] != 1)
        raise LauncherError(f"{NODE}.{key}: expected at most {most[kind]:g} {word}, as a node has, got {asked:g}")

    def end(self) -> None:
        for member in (*self.starting.values(), *self.free, *self._refused):
            member.kill()
        self.starting.clear()
        self.free.clear()
        self._refused.clear()


def in_short(error: BaseException) -> str:
    """The last line of Ray's error that is not a trace: the error itself."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


@contextmanager
def silent(address: str | None = None) -> Iterator[None]:
    """Inside, Ray prints nothing, nor does a connection that is made here later; what it cannot do it raises.

    Args:
        address: of a cluster that is joined inside, of whose every try Ray would print a line.
    """
    logger = logging.getLogger("ray")
    level, propagate, listens = logger.level, logger.propagate, worker.listen_error_messages
    logger.setLevel(logging.CRITICAL)
    logger.propagate = False
    worker.listen_error_messages = lambda *_, **__: None  # its thread prints pages of a raylet's state
    try:
        with _no_stderr() if address else nullcontext():
            yield
    finally:
        worker.listen_error_messages = listens
        logger.setLevel(level)
        logger.propagate = propagate


@contextmanager
def _no_stderr() -> Iterator[None]:
    """Inside, what this process writes to its standard error is gone: Ray's own code in C++ asks no logger."""
    kept = os.dup(2)
    with open(os.devnull, "wb") as nothing:
        os.dup2(nothing.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)

"""A search while it runs: what it has found, and the processor time that it and all its processes have taken so far."""

import contextlib
import os
import resource
import selectors
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from harness import HERE, ONE_THREAD

Told = tuple[int, float]
"""Trials so far, and the best value."""


@dataclass(frozen=True)
class Watched:
    """A search that has ended, or was ended.

    Attributes:
        points: processor seconds, trials and the best value, at each line that told of them.
        seconds: of processor time in all.
        wall: seconds from start to end.
    """

    points: list[tuple[float, int, float]]
    seconds: float
    wall: float


def watched(
    command: Sequence[str], folder: Path, core: int, told: Callable[[str], Told | None], most: float, *, at_line: bool
) -> Watched:
    """Runs a search on one core.

    Args:
        told: what a line of its output says.
        most: it is ended after so many seconds of processor time.
        at_line: only when it has told something after that.

    Raises:
        RuntimeError: it has failed.
    """
    environment = os.environ | ONE_THREAD | {"PYTHONPATH": str(HERE)}
    before, start = _children(), time.perf_counter()
    process = psutil.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    points: list[tuple[float, int, float]] = []
    text, ended = b"", 0.0
    with selectors.DefaultSelector() as ready:
        ready.register(process.stdout, selectors.EVENT_READ)
        while True:
            new = os.read(process.stdout.fileno(), 1 << 16) if ready.select(0.2) else None
            seconds = processor_seconds(process)
            if new == b"":
                break
            if new:
                text += new
                *lines, rest = text.split(b"\n")
                points += [(seconds, *found) for line in lines if (found := told(line.decode(errors="replace")))]
                text = rest if points else text
            if not ended and seconds > most and not (at_line and (not points or points[-1][0] <= most)):
                ended = seconds
                end_all(process)
    status = process.wait()
    if status and not ended:
        raise RuntimeError(f"{' '.join(command)} ended with status {status}:\n{text.decode(errors='replace')}")
    return Watched(points, ended or _children() - before, time.perf_counter() - start)


def processor_seconds(process: psutil.Process) -> float:
    """Of a process and all that it has started, whether they still run or it has waited for them."""
    total = 0.0
    with contextlib.suppress(psutil.NoSuchProcess):
        for each in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):  # it has just ended
                used = each.cpu_times()
                total += used.user + used.system + used.children_user + used.children_system
    return total


def end_all(process: psutil.Process) -> None:
    """A process and all that it has started."""
    for each in (*process.children(recursive=True), process):
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime

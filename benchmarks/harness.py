"""How everything is measured: whole processes in turn, and medians. For Linux, which tells shared memory apart."""

import contextlib
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import psutil
from joblib import cpu_count

HERE = Path(__file__).resolve().parent
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
LIBRARIES = (
    "torch",
    "numpy",
    "scikit-learn",
    "lightning",
    "skorch",
    "jax",
    "optax",
    "pytabkit",
    "hydra-joblib-launcher",
)
LOOK_SECONDS = 0.5
"""Between two looks at the memory of a process, which cost it time."""
Result = TypeVar("Result")


@dataclass(frozen=True)
class Process:
    """A command that has ended.

    Attributes:
        seconds: from start to end.
        processor: seconds of processor time, of it and of its children.
        mib: the most memory that they were seen to have together, each shared page counted once.
    """

    seconds: float
    processor: float
    mib: float
    output: str


def measured(command: Sequence[str], folder: Path, *, one_core: bool = False, status: int = 0) -> Process:
    """Runs a command with one thread a process, on one core if told.

    Raises:
        RuntimeError: it ended with another status.
    """
    core = min(os.sched_getaffinity(0))
    pin: Callable[[], None] | None = (lambda: os.sched_setaffinity(0, {core})) if one_core else None
    environment = os.environ | ONE_THREAD | {"PYTHONPATH": str(HERE)}
    before = _processor_seconds()
    with tempfile.TemporaryFile("w+") as output:
        start = time.perf_counter()
        process = psutil.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT, preexec_fn=pin
        )
        most, looks = 0.0, 1
        while process.poll() is None:
            time.sleep(0.01)
            if time.perf_counter() > start + LOOK_SECONDS * looks:
                most, looks = max(most, _memory(process)), looks + 1
        seconds = time.perf_counter() - start
        output.seek(0)
        text = output.read()
    if process.returncode != status:
        raise RuntimeError(f"{' '.join(command)} ended with status {process.returncode}:\n{text}")
    return Process(seconds, _processor_seconds() - before, most, text)


def _processor_seconds() -> float:
    """Of all processes that have been waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _memory(process: psutil.Process) -> float:
    total = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        for each in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):  # it has just ended
                total += each.memory_full_info().pss
    return total / 2**20


def in_turn(contenders: Mapping[str, Callable[[int], Result]], rounds: int) -> dict[str, list[Result]]:
    """Each contender once a round, so that a change of the machine's speed meets all; it is told the round's number."""
    found: dict[str, list[Result]] = {name: [] for name in contenders}
    for number in range(rounds):
        for name, work in contenders.items():
            print(f"  round {number + 1} of {rounds}: {name}", file=sys.stderr, flush=True)
            found[name].append(work(number))
    return found


def median(found: Sequence[Result], value: Callable[[Result], float]) -> float:
    return statistics.median(value(each) for each in found)


def ratio(value: float, base: float) -> str:
    """`value / base`, small ones as 1/n."""
    more, less = value / base, base / value
    return f"{more:.2f}" if more >= 1 else f"1/{less:.{1 if less >= 2 else 2}f}"


def commit() -> str:
    """Of this project, short."""
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], check=False, cwd=HERE, capture_output=True, text=True
    )
    return found.stdout.strip() or "no commit"


def processor() -> str:
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text()) if sys.platform == "linux" else None
    return cpu[1] if cpu else platform.processor()


def machine() -> str:
    """What was measured with, in Markdown."""
    memory = psutil.virtual_memory().total / 2**30
    versions = ", ".join(f"{library} {version(library)}" for library in LIBRARIES)
    return (
        f"{processor()}, {cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}; "
        f"Python {platform.python_version()}, {versions}; mlp_exp at {commit()}. "
        "One thread a process."
    )

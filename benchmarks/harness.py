"""How everything is measured: whole processes in turn, and medians. For Linux, which tells shared memory apart."""

import os
import platform
import re
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
Row = Sequence[str]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Process:
    """A command that has ended.

    Attributes:
        seconds: from start to end.
        mib: the most memory that it and its children had together, each shared page counted once.
    """

    seconds: float
    mib: float
    output: str


def measured(command: Sequence[str], folder: Path, core: int | None = None) -> Process:
    """Runs a command with one thread a process, on one core if told.

    Raises:
        RuntimeError: it failed.
    """
    pin: Callable[[], None] | None = None if core is None else lambda: os.sched_setaffinity(0, {core})
    environment = os.environ | ONE_THREAD | {"PYTHONPATH": str(HERE)}
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
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with status {process.returncode}:\n{text}")
    return Process(seconds, most, text)


def _memory(process: psutil.Process) -> float:
    total = 0
    try:
        for each in (process, *process.children(recursive=True)):
            total += each.memory_full_info().pss
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0.0
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


def spread(values: Sequence[float]) -> str:
    """Mean ± standard deviation; the mean alone of a single value."""
    mean = f"{statistics.fmean(values):.4f}"
    return f"{mean} ± {statistics.stdev(values):.4f}" if len(values) > 1 else mean


def table(head: Row, rows: Sequence[Row]) -> str:
    """In Markdown; the first column is text, the others are numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def ratio(value: float, base: float) -> str:
    """`value / base`, small ones as 1/n."""
    return f"{value / base:.2f}" if value >= base else f"1/{base / value:.1f}"


def machine() -> str:
    """What was measured with, in Markdown."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text()) if sys.platform == "linux" else None
    memory = psutil.virtual_memory().total / 2**30
    name = cpu[1] if cpu else platform.processor()
    versions = ", ".join(f"{library} {version(library)}" for library in LIBRARIES)
    return (
        f"{name}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}; "
        f"Python {platform.python_version()}, {versions}. One thread a process."
    )

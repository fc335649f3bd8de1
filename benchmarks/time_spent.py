"""Where the time goes: in a training step, beside what arithmetic alone would take, and in a whole sweep."""

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import torch
from harness import measured, table
from members import timed_step
from torch.profiler import ProfilerActivity, profile
from work import WORKS, Work

GROUPS = {
    "matrix products": ("aten::bmm", "aten::baddbmm"),
    "optimizer": ("aten::_foreach", "aten::_fused", "aten::lerp", "aten::addcdiv", "aten::addcmul", "aten::sqrt"),
    "rows of a batch": ("aten::index", "aten::gather", "aten::take", "aten::embedding"),
    "copies": ("aten::copy_", "aten::cat", "aten::fill_", "aten::zero_"),
    "sums": ("aten::sum", "aten::mean"),
}
"""Torch's operations, with views and those that others call, by the beginnings of their names."""
OTHER = "activations, loss, other"
MOST_PARAMETERS = 1_000_000
"""Of a stack whose step is looked at; larger ones are not made by the launcher, either."""
PHASES = {
    "imports": "_find_and_load (<frozen importlib",
    "composing the jobs": "load_sweep_config (mlp_exp/config/hydra_jobs.py",
    "training": "train (mlp_exp/training/loop.py",
    "metrics": "evaluate (mlp_exp/experiment/outcome.py",
    "figures of the best": "draw (mlp_exp/experiment/outcome.py",
    "leaderboard and page": "report_on (mlp_exp/compare/report.py",
}
"""Functions whose time, with all that they call, is a phase; the innermost of them has it."""


def matrix_rate() -> float:
    """Floating-point operations a second of one core in a product of two large matrices."""
    a, b = torch.rand(1024, 1024), torch.rand(1024, 1024)
    times = []
    for _ in range(10):
        start = time.perf_counter()
        torch.mm(a, b)
        times.append(time.perf_counter() - start)
    return 2 * 1024**3 / min(times)


def step(work: Work, members: int, rate: float) -> list[str]:
    """A row: microseconds of a step beside those of its arithmetic, and the shares of its operations."""
    microseconds, epochs = timed_step(members, work)
    with profile(activities=[ProfilerActivity.CPU]) as found:
        next(epochs)
    limit = 6 * work.parameters * work.batch * members / rate * 1e6  # two a weight forwards, four backwards
    operations = [event for event in found.key_averages() if event.key.startswith("aten::")]
    whole = sum(event.self_cpu_time_total for event in operations)
    shares = dict.fromkeys([*GROUPS, OTHER], 0.0)
    for event in operations:
        group = next((name for name, begins in GROUPS.items() if event.key.startswith(begins)), OTHER)
        shares[group] += event.self_cpu_time_total / whole
    calls = sum(event.count for event in operations) / work.steps_of_an_epoch
    cells = [f"{microseconds:.0f}", f"{limit:.0f}", f"{limit / microseconds:.0%}", f"{calls:.0f}"]
    return [*cells, *(f"{share:.0%}" for share in shares.values())]


def steps(names: Sequence[str], counts: Sequence[int]) -> str:
    torch.set_num_threads(1)
    rate = matrix_rate()
    rows = [
        [f"{name}, {count} run{'s' * (count > 1)}", *step(WORKS[name], count, rate)]
        for name in names
        for count in counts
        if count * WORKS[name].parameters < MOST_PARAMETERS
    ]
    head = ["", "µs a step", "µs of arithmetic", "share", "torch calls a step", *GROUPS, OTHER]
    return f"One core multiplies matrices at {rate / 1e9:.0f} GFLOP/s.\n\n{table(head, rows)}"


def sweep(runs: int) -> str:
    """Shares of the processor time of a sweep's processes, sampled a hundred times a second."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        record = [str(Path(sys.executable).with_name("py-spy")), "record", "--subprocesses", "--format", "raw"]
        sweep = [sys.executable, "-m", "mlp_exp.run", "-m", f"seed=range({runs})"]
        measured([*record, "--output", "samples", "--", *sweep], folder)
        lines = (folder / "samples").read_text(encoding="utf-8").splitlines()
    counts: Counter[str] = Counter()
    for line in lines:
        stack, _, count = line.rpartition(" ")
        inner = reversed(stack.split(";"))
        found = (phase for frame in inner for phase, function in PHASES.items() if function in frame)
        counts[next(found, "the rest")] += int(count)
    rows = [[phase, f"{counts[phase] / counts.total():.0%}"] for phase in (*PHASES, "the rest")]
    head = ["", "share"]
    return f"Processor time of a sweep of {runs} runs of the default experiment:\n\n{table(head, rows)}"

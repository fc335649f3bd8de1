"""Where the time goes: in a training step, beside what arithmetic alone would take, and in a whole sweep."""

import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from arithmetic import least_microseconds, matrix_rate
from harness import HERE
from members import launcher_stack, make_members, timed_step
from pages import table
from samples import REST, sampled
from work import SMALL, WORKS, Work

from mlp_exp.engine import arrays
from mlp_exp.engine.threads import set_threads
from mlp_exp.training.loop import train

FEW = 0.05
"""Less arithmetic than this share, and the calls alone explain a step."""
LAYERS = "(mlp_exp/engine/stacked.py"
STEP_PHASES = {
    "forwards": f"forward {LAYERS}",
    "backwards": f"backward {LAYERS}",
    "loss": "(mlp_exp/engine/losses.py",
    "optimizer": "step (mlp_exp/engine/optimizers.py",
    "rows of the batches": "epoch (mlp_exp/engine/batches.py",
    "the loop itself": "train (mlp_exp/training/loop.py",
}
OUTSIDE = "outside"
"""Of the training: imports and the rows of the table."""
SWEEP_PHASES = {
    "imports": "_find_and_load (<frozen importlib",
    "composing the jobs": "load_sweep_config (mlp_exp/cli/composing.py",
    "checking them, and their folders": "begin (mlp_exp/multirun/sweep.py",
    "training": "train (mlp_exp/training/loop.py",
    "metrics": "evaluate (mlp_exp/experiment/outcome.py",
    "figures of the best": "write (mlp_exp/display/figures.py",
    "forests of the page": "importance (mlp_exp/compare/effects.py",
    "leaderboard and page": "report_on (mlp_exp/compare/report.py",
}
ONCE = ("imports", "figures of the best", "forests of the page", "leaderboard and page")


@dataclass(frozen=True)
class Step:
    """A training step of some members of a stack together.

    Attributes:
        microseconds, least: measured, and of its arithmetic alone.
        calls: of NumPy; the optimizer has a few of torch beside.
        products: the matrix products' share of the time in NumPy.
        phases: shares of the time, in the order of `STEP_PHASES`.
    """

    members: int
    microseconds: float
    least: float
    calls: float
    products: float
    phases: list[float]

    def in_words(self, name: str) -> str:
        share, each = self.least / self.microseconds, self.microseconds / self.members
        who = "A run alone" if self.members == 1 else f"Of {self.members} runs that train together each"
        calls = f"{self.calls:.0f} calls of NumPy, {self.microseconds / self.calls:.1f} µs each"
        products = f"matrix products are {self.products:.0%} of the time in NumPy"
        limit = f"what it waits for are {calls}" if share < FEW else products
        return f"{name}. {who} takes {each:.0f} µs a step, {share:.0%} of them arithmetic; {limit}."


class Watched:
    """NumPy's functions as the layers call them: how often and how long each runs."""

    def __init__(self, functions: arrays.Arrays) -> None:
        self._functions = functions
        self.calls: Counter[str] = Counter()
        self.seconds: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        function = getattr(self._functions, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            result = function(*args, **kwargs)
            self.seconds[name] += time.perf_counter() - start
            self.calls[name] += 1
            return result

        return function if name in ("view", "tensor", "empty_like", "truths_like") else call


def watched_epoch(members: int, work: Work) -> Watched:
    """An epoch of members that do this work."""
    functions = arrays.NUMPY
    watched = Watched(functions)
    arrays.NUMPY = cast(arrays.Arrays, watched)
    try:
        epochs = train(make_members(members, work), work.batch, torch.device("cpu"))
        next(epochs)  # warms up
        watched.calls.clear()
        watched.seconds.clear()
        next(epochs)
        epochs.close()
    finally:
        arrays.NUMPY = functions
    return watched


def step(name: str, members: int) -> Step:
    work: Work = WORKS[name]
    microseconds, epochs = timed_step(members, work)
    epochs.close()
    found = watched_epoch(members, work)
    products, whole = found.seconds["matmul"], found.seconds.total()
    calls = found.calls.total() / work.steps_of_an_epoch
    seconds = sampled([sys.executable, str(HERE / "members.py"), name, str(members)], STEP_PHASES, OUTSIDE)
    inside = [seconds[phase] for phase in STEP_PHASES]
    phases = [each / sum(inside) for each in inside]
    return Step(members, microseconds, least_microseconds(work, members), calls, products / whole, phases)


def steps(names: Sequence[str]) -> str:
    """A table of steps, of one run and of as many as the launcher stacks, and what it shows in words."""
    set_threads(1)
    rows, words = [], []
    for name in names:
        for count in sorted({1, launcher_stack(WORKS[name])}):
            found = step(name, count)
            cells = [found.microseconds, found.least, found.calls]
            shares = [found.least / found.microseconds, found.products, *found.phases]
            title = f"{name}, {count} run{'s' * (count > 1)}"
            rows.append([title, *(f"{cell:.0f}" for cell in cells), *(f"{share:.0%}" for share in shares)])
            words.append(f"- {found.in_words(name)}")
    head = ["", "µs a step", "µs of arithmetic", "calls of NumPy", "arithmetic", "products in NumPy", *STEP_PHASES]
    rate = f"One core multiplies matrices at {matrix_rate() / 1e9:.0f} GFLOP/s."
    return "\n\n".join([rate, table(head, rows), "\n".join(words)])


def sweep(runs: int) -> str:
    """Processor time of a sweep's processes."""
    command = [sys.executable, "-m", "mlp_exp.run", "-m", "trainer.device=cpu", f"seed=range({runs})"]
    seconds = sampled(command, SWEEP_PHASES)
    whole = sum(seconds.values())
    rows = [
        [phase, f"{each:.1f}", f"{each / whole:.0%}", f"{1000 * each / runs:.0f}"] for phase, each in seconds.items()
    ]
    training, fixed = seconds["training"], sum(seconds[phase] for phase in ONCE)
    around = whole - training - fixed
    words = (
        f"A sweep of {runs} runs of the default experiment takes {whole:.1f} s of processor time, all its processes "
        f"together. {training:.1f} s of them train; {fixed:.1f} s are imports, page and figures, once a sweep; "
        f"{around:.1f} s, {1000 * around / runs:.0f} ms a run, are everything around a run ({REST}: starting, logs, "
        f"histories, models)."
    )
    return f"{words}\n\n{table(['', 's', 'share', 'ms a run'], rows)}"


def time_spent(quick: bool) -> str:
    parts = [steps([SMALL]), sweep(16)] if quick else [steps([*WORKS]), sweep(128)]
    return "\n\n".join(parts)

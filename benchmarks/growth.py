"""How cost grows with the runs of a stack, rows, and the network; start-up; files."""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from arithmetic import least_microseconds
from commands import mlp_exp, result_of
from harness import Process, median
from members import launcher_stack, timed_step
from pages import table
from work import SMALL, WORKS, Work, words_for

from mlp_exp.engine.threads import set_threads

SHAPES = [
    Work(rows=0, features=2, hidden=(64, 32), batch=32, epochs=0),
    Work(rows=0, features=50, hidden=(128, 128), batch=32, epochs=0),
    Work(rows=0, features=50, hidden=(256, 256), batch=32, epochs=0),
    Work(rows=0, features=50, hidden=(512, 512), batch=32, epochs=0),
    Work(rows=0, features=50, hidden=(128, 128), batch=256, epochs=0),
    Work(rows=0, features=50, hidden=(512, 512), batch=256, epochs=0),
]
"""Rows follow from how long a step takes."""
COUNTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 1024)
"""Of members."""
WIDTHS = (16, 32, 64, 128, 256, 512, 1024, 2048)
STEP_SECONDS = 0.5
"""About how long one timing of steps takes."""


def share_of_a_step(count: int, shape: Work) -> float:
    """Microseconds of a step for each of the members."""
    guess = count * (30e-6 + shape.operations / 4e10)
    steps = max(5, min(40, int(STEP_SECONDS / guess)))
    return timed_step(count, replace(shape, rows=shape.batch * steps))[0] / count


def members(counts: Sequence[int], shapes: Sequence[Work]) -> tuple[str, dict[str, dict[int, float]]]:
    """The table, and microseconds by shape and number of members."""
    set_threads(1)
    found: dict[str, dict[int, float]] = {}
    rows = []
    for shape in shapes:
        name = f"{shape.features}-{'-'.join(map(str, shape.hidden))}-1, batch {shape.batch}"
        # wide members need gigabytes for their epochs of steps, and show nothing new
        found[name] = {count: share_of_a_step(count, shape) for count in counts if count * shape.parameters < 80e6}
        stack = launcher_stack(shape)
        chosen = found[name].get(stack) or share_of_a_step(stack, shape)
        cells = [f"{found[name][count]:.0f}" if count in found[name] else "" for count in counts]
        rows.append([name, f"{found[name][1] / chosen:.1f}", str(stack), *cells])
        print(f"  {rows[-1]}", file=sys.stderr, flush=True)
    return table(["", "alone / stacked", "stack", *(f"K={count}" for count in counts)], rows), found


def by_width(widths: Sequence[int]) -> str:
    """Of one run with two hidden layers of a width, at batch 256."""
    set_threads(1)
    lines = []
    for width in widths:
        shape = Work(rows=0, features=50, hidden=(width, width), batch=256, epochs=0)
        microseconds, least = share_of_a_step(1, shape), least_microseconds(shape)
        lines.append([
            f"{width}-{width}", f"{shape.parameters:,}", f"{microseconds:.0f}", f"{least:.0f}",
            f"{least / microseconds:.0%}",
        ])  # fmt: skip
    return table(["hidden", "parameters", "µs a step", "µs of arithmetic", "arithmetic"], lines)


def by_rows(counts: Sequence[int], rounds: int) -> str:
    """Of the command with one run of one epoch at batch 256."""
    lines = []
    for count in counts:
        work = replace(WORKS[SMALL], rows=count, features=20, batch=256, epochs=1)
        found = [one_epoch(work) for _ in range(rounds)]
        seconds = median(found, lambda each: each[1])
        lines.append([
            f"{count:,}", f"{seconds / count * 1e6:.2f}", f"{seconds:.2f}",
            f"{median(found, lambda each: each[0].seconds):.1f}", f"{median(found, lambda each: each[0].mib):.0f}",
        ])  # fmt: skip
    return table(["rows", "µs a row", "s training", "s in all", "MiB"], lines)


def one_epoch(work: Work) -> tuple[Process, float]:
    """The command, and seconds of the training."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        process = mlp_exp(*words_for(work, folder), "hydra.run.dir=run", folder=folder)
        return process, result_of(folder / "run")["seconds"]


def stretch(found: dict[str, dict[int, float]]) -> str:
    """In words, the gain at the best number of members."""
    gains = [(max(times[1] / each for each in times.values()), name) for name, times in found.items()]
    best, least = max(gains), min(gains)
    return f"Stacking gains most, {best[0]:.1f} times, for {best[1]}, and least, {least[0]:.1f} times, for {least[1]}."

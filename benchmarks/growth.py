"""How cost grows with the runs of a stack, rows, and the network; start-up; files."""

import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from commands import mlp_exp, result_of, words_for
from harness import measured, median, table
from members import make_members
from work import SMALL, WORKS, make_rows

from mlp_exp.model.mlp import MLP
from mlp_exp.sweep.stacks import STACK_BYTES, step_bytes
from mlp_exp.training.loop import train

SHAPES = [  # features, hidden sizes, rows a batch
    (2, (64, 32), 32),
    (50, (128, 128), 32),
    (50, (256, 256), 32),
    (50, (512, 512), 32),
    (50, (128, 128), 256),
    (50, (512, 512), 256),
]
STEP_SECONDS = 0.5
"""About how long one timing of steps takes."""


def share_of_a_step(count: int, features: int, hidden: Sequence[int], batch: int) -> float:
    """Microseconds of a step for each of the members; the fastest of five epochs."""
    guess = count * (30e-6 + 6 * _parameters(features, hidden) * batch / 4e10)
    steps = max(2, min(40, int(STEP_SECONDS / guess)))
    rows = make_rows(batch * steps, features)
    members = make_members(count, torch.from_numpy(rows.train_x), rows.train_y, hidden, 0.0, epochs=7)
    epochs = train(members, batch, torch.device("cpu"))
    next(epochs)  # warms up
    times = []
    for _ in range(5):
        start = time.perf_counter()
        next(epochs)
        times.append(time.perf_counter() - start)
    epochs.close()
    return min(times) / steps / count * 1e6


def _parameters(features: int, hidden: Sequence[int]) -> int:
    return sum(p.numel() for p in MLP(features, 1, hidden).parameters())


def name_of(features: int, hidden: Sequence[int], batch: int) -> str:
    return f"{features}-{'-'.join(map(str, hidden))}-1, batch {batch}"


def members(counts: Sequence[int]) -> tuple[str, dict[str, dict[int, float]]]:
    """The table, and microseconds by shape and number of members."""
    torch.set_num_threads(1)
    found: dict[str, dict[int, float]] = {}
    rows = []
    for features, hidden, batch in SHAPES:
        name = name_of(features, hidden, batch)
        parameters = _parameters(features, hidden)
        # wide members need gigabytes for their epochs of steps, and show nothing new
        found[name] = {
            count: share_of_a_step(count, features, hidden, batch) for count in counts if count * parameters < 80e6
        }
        stack = max(1, STACK_BYTES // step_bytes(parameters, features + sum(hidden) + 1, batch))
        chosen = share_of_a_step(min(stack, max(counts)), features, hidden, batch)
        cells = [f"{found[name][count]:.0f}" if count in found[name] else "" for count in counts]
        rows.append([name, f"{found[name][1] / chosen:.1f}", str(stack), *cells])
        print(f"  {rows[-1]}", file=sys.stderr, flush=True)
    return table(["", "alone / stacked", "stack", *(f"K={count}" for count in counts)], rows), found


def by_rows(counts: Sequence[int]) -> tuple[str, dict[int, float]]:
    """Of the command with one run of one epoch at batch 256: the table, and training seconds by rows."""
    lines, found = [], {}
    for count in counts:
        work = replace(WORKS[SMALL], rows=count, features=20, batch=256, epochs=1)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            process = mlp_exp(*words_for(work, folder), "hydra.run.dir=run", folder=folder)
            found[count] = result_of(folder / "run")["seconds"]
        microseconds = found[count] / count * 1e6
        lines.append(
            [f"{count:,}", f"{microseconds:.2f}", f"{found[count]:.2f}", f"{process.seconds:.1f}", f"{process.mib:.0f}"]
        )
    return table(["rows", "µs a row", "s training", "s in all", "MiB"], lines), found


def start_up(rounds: int) -> str:
    """Seconds of short commands, and the files of a run."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        commands = {
            "import torch": [sys.executable, "-c", "import torch"],
            "--help": [sys.executable, "-m", "mlp_exp.run", "--help"],
            "one epoch": [sys.executable, "-m", "mlp_exp.run", "trainer.epochs=1", "trainer.plots=never"],
            "one epoch, with figures": [sys.executable, "-m", "mlp_exp.run", "trainer.epochs=1"],
        }
        for title, command in commands.items():
            found = [measured(command, folder) for _ in range(rounds)]
            rows.append([title, f"{median(found, lambda one: one.seconds):.2f}"])
        runs = sorted(log.parent for log in folder.glob("outputs/**/run.log"))
        files = [sum(path.is_file() for path in run.rglob("*")) for run in (runs[0], runs[-1])]
    return f"{table(['command', 's'], rows)}\n\nFiles of a run: {files[0]} without figures, {files[1]} with them."


def stretch(found: dict[str, dict[int, float]]) -> str:
    """In words, the gain at the best number of members."""
    gains = [(max(times[1] / each for each in times.values()), name) for name, times in found.items()]
    best, least = max(gains), min(gains)
    return f"Stacking gains most, {best[0]:.1f} times, for {best[1]}, and least, {least[0]:.1f} times, for {least[1]}."

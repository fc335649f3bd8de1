"""What a sweep costs: `python benchmarks/sweep.py [--runs 128] [--quick]`. One thread a run; ratios come first.

1. The whole command `-m seed=range(N)` of the default experiment, from process start to the leaderboard, with Hydra's
   own launcher and with the stacked one, in turn; and what a run costs beside its training (one epoch, no figures).
2. A run's share of a training step for K members, for networks and batches of several sizes, beside the same step of
   one run alone, and how many members the launcher would stack.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

import numpy as np
import torch
from members import make_members

from mlp_exp.model.mlp import MLP
from mlp_exp.sweep.stacks import STACK_BYTES, step_bytes
from mlp_exp.training.loop import train

SHAPES = [  # features, hidden sizes, rows a batch, dropout
    (2, (64, 32), 32, 0.2),
    (50, (128, 128), 32, 0.0),
    (50, (256, 256), 32, 0.0),
    (50, (512, 512), 32, 0.0),
    (50, (128, 128), 256, 0.0),
    (50, (512, 512), 256, 0.0),
]
STEP_SECONDS = 0.5
"""About how long one timing of steps takes."""


def whole_command(*overrides: str) -> float:
    """Seconds from process start to the leaderboard."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "mlp_exp.run", "-m", *overrides, f"hydra.sweep.dir={folder}/sweep"]
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start


def commands(runs: int, rounds: int) -> None:
    seeds = f"seed=range({runs})"
    times: dict[str, list[float]] = {"basic": [], "stacked": []}
    for _ in range(rounds):
        for launcher, seconds in times.items():
            seconds.append(whole_command(seeds, f"hydra/launcher={launcher}"))
    basic, stacked = (statistics.median(seconds) for seconds in times.values())
    print(f"whole command, {runs} runs: stacked / basic = 1/{basic / stacked:.1f} ({stacked:.1f} s, {basic:.1f} s)")
    short = ("trainer.epochs=1", "trainer.plots=never")
    few, many = (min(whole_command(f"seed=range({n})", *short) for _ in range(rounds)) for n in (2, runs))
    print(
        f"a run beside its training: {(many - few) / (runs - 2) * 1e3:.1f} ms (composition, files, metrics, one epoch)"
    )


def share_of_a_step(count: int, features: int, hidden: Sequence[int], batch: int, dropout: float) -> float:
    """Microseconds of a step for each of the members; the fastest of five epochs."""
    parameters = sum(p.numel() for p in MLP(features, 1, hidden).parameters())
    guess = count * (30e-6 + 6 * parameters * batch / 4e10)
    steps = max(2, min(40, int(STEP_SECONDS / guess)))
    draw = np.random.default_rng(0)
    inputs = torch.from_numpy(draw.normal(size=(batch * steps, features)).astype(np.float32))
    members = make_members(count, inputs, draw.integers(0, 2, batch * steps), hidden, dropout, epochs=7)
    epochs = train(members, batch, torch.device("cpu"))
    next(epochs)  # warms up
    times = []
    for _ in range(5):
        start = time.perf_counter()
        next(epochs)
        times.append(time.perf_counter() - start)
    epochs.close()
    return min(times) / steps / count * 1e6


def curve(counts: Sequence[int]) -> None:
    print(
        f"\n{'µs of a step, each of K':28}"
        + "".join(f"{f'K={count}':>9}" for count in counts)
        + "   stack  alone/stacked"
    )
    for features, hidden, batch, dropout in SHAPES:
        parameters = sum(p.numel() for p in MLP(features, 1, hidden).parameters())
        size = max(1, STACK_BYTES // step_bytes(parameters, features + sum(hidden) + 1, batch))
        name = f"{features}-{'-'.join(map(str, hidden))}-1, batch {batch}"
        cells, shares = [], {}
        for count in sorted({*counts, min(size, 1024)}):
            if count * parameters * 20 < 2**31:
                shares[count] = share_of_a_step(count, features, hidden, batch, dropout)
        cells = [f"{shares[count]:9.1f}" if count in shares else f"{'':>9}" for count in counts]
        print(f"{name:28}{''.join(cells)}{size:8}{shares[1] / shares[min(size, 1024)]:15.1f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=128, help="of the whole command")
    parser.add_argument("--quick", action="store_true", help="one round, fewer sizes")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    commands(asked.runs, 1 if asked.quick else 3)
    curve((1, 8, 128) if asked.quick else (1, 2, 4, 8, 16, 32, 64, 128, 256, 1024))


if __name__ == "__main__":
    main()

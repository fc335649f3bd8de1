"""A sweep of 128 runs, 16 seeds with 8 learning rates each, with each contender. On all cores."""

import json
import math
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from commands import leaderboard_of, mlp_exp
from harness import HERE, in_turn, measured, median, ratio, spread, table
from work import LEARNING_RATES, SMALL, WORKS, words_for

SEEDS = 16
RUNS = SEEDS * len(LEARNING_RATES)
US = "mlp_exp, stacked"
QUICK = ("JAX, vmap", US)
Rates = Sequence[float]


@dataclass(frozen=True)
class Sweep:
    """A contender's command.

    Attributes:
        runs: that were measured.
        seconds: for 128 of them, when it comes from `from_few`.
        mib: the most memory, all processes together.
        accuracies: on the test part, of the runs with the work's own learning rate.
    """

    runs: int
    seconds: float
    mib: float
    accuracies: list[float]


def accuracies(found: Sequence[Mapping[str, float]]) -> list[float]:
    return [each["accuracy"] for each in found if math.isclose(each["lr"], WORKS[SMALL].lr)]


def other(module: str, together: bool, seeds: range, rates: Rates = LEARNING_RATES) -> Sweep:
    """All runs of a contender in one process, or as the library trains many."""
    runs = [[seed, lr] for lr in rates for seed in seeds]
    command = [sys.executable, str(HERE / "contender.py"), module, SMALL, json.dumps(runs)]
    process = measured([*command, "--together"] if together else command, HERE)
    found = [json.loads(line) for line in process.output.splitlines() if line.startswith("{")]
    return Sweep(len(runs), process.seconds, process.mib, accuracies(found))


def swept(key: str, seeds: range, rates: Rates) -> list[str]:
    return [f"seed=range({seeds.start},{seeds.stop})", f"{key}={','.join(map(str, rates))}"]


def lightning(launcher: list[str], seeds: range, rates: Rates = LEARNING_RATES) -> Sweep:
    with tempfile.TemporaryDirectory() as folder:
        app = [sys.executable, str(HERE / "lightning_app.py"), "-m", *launcher, *swept("lr", seeds, rates)]
        process = measured([*app, f"hydra.sweep.dir={folder}"], HERE)
        found = [json.loads(path.read_text()) for path in Path(folder).glob("*/found.json")]
        assert len(found) == len(seeds) * len(rates)
        return Sweep(len(found), process.seconds, process.mib, accuracies(found))


def ours(launcher: str, seeds: range, rates: Rates = LEARNING_RATES) -> Sweep:
    """With all files of all runs, leaderboard and page."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        same = [word for word in words_for(WORKS[SMALL], folder) if not word.startswith("optimizer.lr=")]
        how = [f"hydra/launcher={launcher}", "hydra.sweep.dir=sweep"]
        process = mlp_exp("-m", *same, *swept("optimizer.lr", seeds, rates), *how, folder=folder)
        lines = leaderboard_of(folder / "sweep")
        found = [{"lr": float(line["optimizer.lr"]), "accuracy": float(line["test_accuracy"])} for line in lines]
        assert len(found) == len(seeds) * len(rates)
        return Sweep(len(found), process.seconds, process.mib, accuracies(found))


def from_few(contender: Callable[..., Sweep], seeds: range) -> Sweep:
    """What 128 runs would take one after another: 16 are measured, and for the start a command with two."""
    few, many = contender(seeds[:2], [WORKS[SMALL].lr]), contender(seeds[:2])
    share = (many.seconds - few.seconds) / (many.runs - few.runs)
    return replace(many, seconds=many.seconds + (RUNS - many.runs) * share)


def of_round(contender: Callable[[range], Sweep], number: int) -> Sweep:
    """With seeds of the round's own."""
    return contender(range(SEEDS * number, SEEDS * (number + 1)))


def many_runs(rounds: int, quick: bool) -> tuple[str, dict[str, float]]:
    """The table, and seconds for 128 runs of each contender; the slow ones are left out if it is to be quick."""
    joblib = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=-1"]
    contenders: dict[str, Callable[[range], Sweep]] = {
        "guide's loop, one after another": partial(from_few, partial(other, "guide_loop", False)),
        "Lightning, Hydra's basic launcher": partial(from_few, partial(lightning, [])),
        "Lightning, Hydra's joblib launcher": partial(from_few, partial(lightning, joblib)),
        "scikit-learn with joblib": partial(other, "with_sklearn", True),
        "JAX, vmap": partial(other, "with_jax", True),
        "mlp_exp, basic": partial(from_few, partial(ours, "basic")),
        US: partial(ours, "stacked"),
    }
    if quick:
        contenders = {name: work for name, work in contenders.items() if name in QUICK}
    found = in_turn({name: partial(of_round, work) for name, work in contenders.items()}, rounds)
    seconds = {name: median(each, lambda one: one.seconds) for name, each in found.items()}
    rows = []
    for name in sorted(found, key=seconds.__getitem__):
        each = found[name]
        rows.append([
            name,
            ratio(seconds[name], seconds[US]),
            f"{seconds[name]:.1f}",
            f"{3600 * RUNS / seconds[name]:,.0f}",
            str(each[0].runs),
            f"{median(each, lambda one: one.mib):.0f}",
            spread([accuracy for one in each for accuracy in one.accuracies]),
        ])  # fmt: skip
    head = ["", "of mlp_exp's", f"s for {RUNS} runs", "runs an hour", "runs measured", "MiB", "accuracy"]
    return table(head, rows), seconds

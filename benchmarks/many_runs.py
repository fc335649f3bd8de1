"""A sweep of 128 runs, 16 seeds with 8 learning rates each, with each contender. On all cores."""

import json
import math
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from commands import contender, leaderboard_of, mlp_exp, result_of
from harness import HERE, Process, in_turn, measured, median, ratio
from joblib import cpu_count
from pages import spread, table
from work import LEARNING_RATES, SMALL, WORKS, words_for

SEEDS = 16
RUNS = SEEDS * len(LEARNING_RATES)
US = "mlp_exp, stacked"
QUICK = ("JAX, vmap", US)


@dataclass(frozen=True)
class Sweep:
    """A contender's command.

    Attributes:
        runs: that were measured.
        seconds, training, compiling: of the whole command, and of it while runs train or are compiled; for 128 of them
            when it comes from `from_few`.
        processor: seconds of processor time of all processes, likewise.
        mib: the most memory, all processes together.
        accuracies: on the test part, of the runs with the work's own learning rate.
    """

    runs: int
    seconds: float
    training: float
    compiling: float
    processor: float
    mib: float
    accuracies: list[float]


Together = Callable[[list[float]], float]
"""How long runs train for all of them, from how long each does."""


def on_all_cores(seconds: list[float]) -> float:
    return sum(seconds) / cpu_count()


def sweep_of(process: Process, found: Sequence[Mapping[str, float]], together: Together) -> Sweep:
    return Sweep(
        len(found),
        process.seconds,
        together([each["seconds"] for each in found]),
        sum(each.get("compile", 0.0) for each in found),
        process.processor,
        process.mib,
        [each["accuracy"] for each in found if math.isclose(each["lr"], WORKS[SMALL].lr)],
    )


def other(module: str, how: Sequence[str], together: Together, seeds: range) -> Sweep:
    """All runs of a contender in one process, or as the library trains many."""
    runs = [(seed, lr) for lr in LEARNING_RATES for seed in seeds]
    process, found = contender(module, SMALL, runs, *how)
    return sweep_of(process, found, together)


def swept(key: str, seeds: range) -> list[str]:
    return [f"seed=range({seeds.start},{seeds.stop})", f"{key}={','.join(map(str, LEARNING_RATES))}"]


def lightning(launcher: Sequence[str], together: Together, seeds: range) -> Sweep:
    with tempfile.TemporaryDirectory() as folder:
        app = [sys.executable, str(HERE / "lightning_app.py"), "-m", *launcher, *swept("lr", seeds)]
        process = measured([*app, f"hydra.sweep.dir={folder}"], HERE)
        found = [json.loads(path.read_text()) for path in Path(folder).glob("*/found.json")]
        assert len(found) == len(seeds) * len(LEARNING_RATES)
        return sweep_of(process, found, together)


def ours(launcher: str, together: Together, seeds: range) -> Sweep:
    """With all files of all runs, leaderboard and page."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        same = [word for word in words_for(WORKS[SMALL], folder) if not word.startswith("optimizer.lr=")]
        how = [f"hydra/launcher={launcher}", "hydra.sweep.dir=sweep"]
        process = mlp_exp("-m", *same, *swept("optimizer.lr", seeds), *how, folder=folder)
        lines = leaderboard_of(folder / "sweep")
        found = [{"lr": float(line["optimizer.lr"]), **result_of(folder / "sweep" / line["folder"])} for line in lines]
        assert len(found) == len(seeds) * len(LEARNING_RATES)
        return sweep_of(process, found, together)


def from_few(contender: Callable[[range], Sweep], at_a_time: int, seeds: range) -> Sweep:
    """What 128 runs would take, from a command with some of them and one with twice as many.

    Args:
        at_a_time: runs that the contender trains at the same time; each command has several rounds of them.
    """
    count = min(SEEDS // 2, math.ceil(at_a_time / 2))
    few, many = contender(seeds[:count]), contender(seeds[: 2 * count])
    share = (RUNS - many.runs) / few.runs  # of the difference between the two
    return replace(
        many,
        seconds=many.seconds + share * (many.seconds - few.seconds),
        training=many.training * RUNS / many.runs,
        processor=many.processor + share * (many.processor - few.processor),
    )


HEAD = [
    "",
    "of mlp_exp's",
    f"s for {RUNS} runs",
    "runs an hour",
    "s training",
    "s compiling",
    "s around them",
    "s of processors",
    "runs measured",
    "MiB",
    "accuracy",
]


def of_round(contender: Callable[[range], Sweep], number: int) -> Sweep:
    """With seeds of the round's own."""
    return contender(range(SEEDS * number, SEEDS * (number + 1)))


def many_runs(rounds: int, quick: bool) -> tuple[str, dict[str, float]]:
    """The table, and seconds for 128 runs of each contender; the slow ones are left out if it is to be quick."""
    joblib = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=-1"]
    contenders: dict[str, Callable[[range], Sweep]] = {
        "guide's loop, one after another": partial(from_few, partial(other, "guide_loop", [], sum), 1),
        "Lightning, Hydra's basic launcher": partial(from_few, partial(lightning, [], sum), 1),
        "Lightning, Hydra's joblib launcher": partial(from_few, partial(lightning, joblib, on_all_cores), cpu_count()),
        "scikit-learn with joblib": partial(other, "with_sklearn", ["--together"], on_all_cores),
        "JAX, vmap": partial(other, "with_jax", ["--together"], sum),
        "mlp_exp, basic": partial(from_few, partial(ours, "basic", sum), 1),
        US: partial(ours, "stacked", on_all_cores),
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
            f"{(training := median(each, lambda one: one.training)):.1f}",
            f"{compiling:.1f}" if (compiling := median(each, lambda one: one.compiling)) else "",
            f"{seconds[name] - training - compiling:.1f}",
            f"{median(each, lambda one: one.processor):.0f}",
            str(each[0].runs),
            f"{median(each, lambda one: one.mib):.0f}",
            spread([accuracy for one in each for accuracy in one.accuracies]),
        ])  # fmt: skip
    return table(HEAD, rows), seconds

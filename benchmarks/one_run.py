"""One run with each contender: a step, and the whole command. On one core, each round with a seed of its own."""

import tempfile
from functools import partial
from pathlib import Path

from commands import Numbers, contender, mlp_exp, result_of
from harness import Process, in_turn, median, ratio
from pages import spread, table
from work import WORKS, words_for

CONTENDERS = {
    "guide's loop": "guide_loop",
    "Lightning": "with_lightning",
    "skorch": "with_skorch",
    "scikit-learn": "with_sklearn",
    "JAX": "with_jax",
}
BASE = "guide's loop"
US = "mlp_exp"
Measured = tuple[Process, Numbers]


def other(module: str, work: str, seed: int) -> Measured:
    process, (numbers,) = contender(module, work, [(seed, WORKS[work].lr)], one_core=True)
    return process, numbers


def ours(work: str, seed: int) -> Measured:
    """The whole command, with all the files of a run."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        words = [*words_for(WORKS[work], folder), f"seed={seed}", "hydra.run.dir=run"]
        process = mlp_exp(*words, folder=folder, one_core=True)
        return process, result_of(folder / "run")


HEAD = [
    "",
    "step, of the loop's",
    "command, of the loop's",
    "µs a step",
    "s training",
    "s compiling",
    "s before and after",
    "s in all",
    "MiB",
    "accuracy",
]


def overtaking(compiling: float, its: float, ours: float) -> str:
    """From how many steps on JAX has made up for its compiling, from seconds."""
    if its >= ours:
        return "JAX never makes up for its compiling."
    return f"JAX makes up for its compiling after {compiling / (ours - its):,.0f} steps."


def one_run(rounds: int, names: list[str]) -> str:
    """A table for each work."""
    parts = []
    for name in names:
        contenders = {title: partial(other, module, name) for title, module in CONTENDERS.items()}
        found = in_turn(contenders | {US: partial(ours, name)}, rounds)
        training = {title: median(each, lambda one: one[1]["seconds"]) for title, each in found.items()}
        whole = {title: median(each, lambda one: one[0].seconds) for title, each in found.items()}
        steps = WORKS[name].steps
        rows = []
        for title, each in found.items():
            compiling = median(each, lambda one: one[1].get("compile", 0.0))
            rows.append([
                title,
                ratio(training[title], training[BASE]),
                ratio(whole[title], whole[BASE]),
                f"{training[title] / steps * 1e6:.0f}",
                f"{training[title]:.2f}",
                f"{compiling:.1f}" if compiling else "",
                f"{whole[title] - training[title] - compiling:.1f}",
                f"{whole[title]:.1f}",
                f"{median(each, lambda one: one[0].mib):.0f}",
                spread([one[1]["accuracy"] for one in each]),
            ])  # fmt: skip
        compiling = median(found["JAX"], lambda one: one[1]["compile"])
        parts.append(
            f"**{name}**, {WORKS[name].rows:,} rows, {steps:,} steps\n\n{table(HEAD, rows)}\n\n"
            + overtaking(compiling, training["JAX"] / steps, training[US] / steps)
        )
    return "\n\n".join(parts)

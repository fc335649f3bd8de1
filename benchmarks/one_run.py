"""One run with each contender: a step, and the whole command. On one core."""

import json
import sys
import tempfile
from functools import partial
from pathlib import Path

from commands import mlp_exp, result_of, words_for
from harness import HERE, Process, in_turn, measured, median, ratio, table
from work import WORKS

CONTENDERS = {
    "guide's loop": "guide_loop",
    "Lightning": "with_lightning",
    "skorch": "with_skorch",
    "scikit-learn": "with_sklearn",
    "JAX": "with_jax",
}
BASE = "guide's loop"
US = "mlp_exp"
Measured = tuple[Process, dict[str, float]]


def other(module: str, work: str) -> Measured:
    """A contender's process, and what it printed."""
    runs = json.dumps([[0, WORKS[work].lr]])
    process = measured([sys.executable, str(HERE / "contender.py"), module, work, runs], HERE, core=0)
    return process, json.loads(process.output.splitlines()[-1])


def ours(work: str) -> Measured:
    """The whole command, with all the files of a run."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        words = [*words_for(WORKS[work], folder), "hydra.run.dir=run"]
        process = mlp_exp(*words, folder=folder, core=0)
        return process, result_of(folder / "run")


def one_run(rounds: int, names: list[str]) -> str:
    """A table for each work."""
    parts = []
    for name in names:
        contenders = {title: partial(other, module, name) for title, module in CONTENDERS.items()}
        found = in_turn(contenders | {US: partial(ours, name)}, rounds)
        steps = WORKS[name].steps
        step = {title: median(each, lambda one: one[1]["seconds"]) / steps * 1e6 for title, each in found.items()}
        whole = {title: median(each, lambda one: one[0].seconds) for title, each in found.items()}
        rows = []
        for title, each in found.items():
            compiling = median(each, lambda one: one[1].get("compile", 0.0))
            rows.append([
                title,
                ratio(step[title], step[BASE]),
                ratio(whole[title], whole[BASE]),
                f"{step[title]:.0f}",
                f"{compiling:.1f}" if compiling else "",
                f"{whole[title]:.1f}",
                f"{median(each, lambda one: one[0].mib):.0f}",
                f"{median(each, lambda one: one[1]['accuracy']):.4f}",
            ])  # fmt: skip
        head = [
            "",
            "step, of the loop's",
            "command, of the loop's",
            "µs a step",
            "s compiling",
            "s in all",
            "MiB",
            "accuracy",
        ]
        parts.append(f"**{name}**, {WORKS[name].rows:,} rows, {steps:,} steps\n\n{table(head, rows)}")
    return "\n\n".join(parts)

"""What a search finds in how much processor time, beside other tools: `python benchmarks/search.py [OPTION …]`.

    --tasks NAME …      these alone are measured, and --columns NAME … of them
    --seeds N           the first of them alone
    --core N            the processor that all of it is pinned to (0)

Five seeds of each task, of random search ten. The processor time of this project's whole commands, in the median, is
what all others get: they are ended later, and the table says what they had found by then. Results are kept in
search.jsonl; what it has is not measured again, so that it may be interrupted. A seed is that of the sampler and of the
training.

Ray Tune needs an environment of its own with ray[tune], optuna and the same torch: the variable RAY_PYTHON names its
interpreter. Tables are read from the folder that TABLES names, or ../shared/data.
"""

import argparse
import json
import math
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from harness import HERE, commit, processor
from pages import write_section
from search_table import RANDOM, US, Found, Searches, page
from search_tasks import TASKS, Task
from search_watch import Told, watched

FILE = HERE / "search.jsonl"
SEEDS, RANDOM_SEEDS = 5, 10
LATER = 1.1
"""Of the budget, for the others: ours may take more time when it is measured again."""
MANY = 100_000
"""Trials, where time is the limit."""
BATCH = 32
"""Of random search, which trains well in larger stacks; its trials are counted one by one."""
START = 3.0
"""Processor seconds before the first of them begins."""
RAY = os.environ.get("RAY_PYTHON")
CONTENDERS = {
    "Optuna, scikit-learn": "search_with_sklearn",
    "Optuna, PyTorch, median pruner": "search_with_torch",
    "Ray Tune, PyTorch, ASHA": "search_with_ray",
}
ON_RAY = "Ray Tune, PyTorch, ASHA"
LINE = re.compile(r"(\d+) of \d+ trials.*; best \w+ ([^:]+):")
"""Of our search, after each batch."""


def ours(task: Task, seed: int, *words: str) -> list[str]:
    seeds = [f"hydra.sweeper.seed={seed}", f"seed={seed}", "trainer.device=cpu", "hydra.sweep.dir=search"]
    return [sys.executable, "-m", "mlp_exp.run", "-m", "hydra/sweeper=optuna", *task.command, *seeds, *words]


def by_our_line(line: str) -> Told | None:
    found = LINE.search(line)
    return (int(found[1]), float(found[2])) if found else None


def by_json(line: str) -> Told | None:
    if not line.startswith('{"trials"'):
        return None
    found = json.loads(line)
    return found["trials"], found["best"]


def command_of(column: str, name: str, seed: int, folder: Path) -> tuple[list[str], Callable[[str], Told | None]]:
    """The command of a search, and how to read its lines."""
    task = TASKS[name]
    if column == US:
        return ours(task, seed, f"hydra.sweeper.n_trials={task.trials}"), by_our_line
    if column == RANDOM:
        words = ["hydra/sweeper/sampler=random", "hydra/sweeper/pruner=none", f"hydra.sweeper.batch={BATCH}"]
        return ours(task, seed, f"hydra.sweeper.n_trials={MANY}", *words), by_our_line
    task.write(folder)
    python = RAY if column == ON_RAY and RAY else sys.executable
    return [python, "-m", f"contenders.{CONTENDERS[column]}", str(folder), str(seed)], by_json


def one_by_one(points: Sequence[tuple[float, int, float]], folder: Path) -> list[tuple[float, int, float]]:
    """A point for each trial of random search: those of a batch are as if they had ended one after another."""
    found, start, first, best = [], START, 0, math.inf
    for end, count, _ in points:
        for number in range(first, count):
            result = json.loads((folder / "search" / str(number) / "result.json").read_text(encoding="utf-8"))
            best = min(best, result.get("best_value") or math.inf)
            found.append((start + (end - start) * (number + 1 - first) / (count - first), number + 1, best))
        start, first = end, count
    return found


def measure(column: str, name: str, seed: int, core: int, most: float) -> Found:
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        command, told = command_of(column, name, seed, folder)
        found = watched(command, folder, core, told, most, at_line=column == RANDOM)
        points = one_by_one(found.points, folder) if column == RANDOM else found.points
    made_with = {"processor": processor(), "torch": version("torch"), "optuna": version("optuna")}
    made_with |= {US: {"mlp_exp": commit()}, "Optuna, scikit-learn": {"scikit-learn": version("scikit-learn")}}.get(
        column, {}
    )
    if column == ON_RAY:
        made_with["ray"] = subprocess.check_output(
            [str(RAY), "-c", "import ray; print(ray.__version__)"], text=True
        ).strip()
    return Found(name, column, seed, points, round(found.seconds, 2), round(found.wall, 1), made_with)


def measure_all(kept: Searches, tasks: Sequence[str], columns: Sequence[str], seeds: int, core: int) -> None:
    """A seed of each in turn, so that a change of the machine's speed meets all."""
    for name in tasks:
        for column, seed in [(column, seed) for seed in range(seeds) for column in columns]:
            if (name, column, seed) in kept or seed >= (RANDOM_SEEDS if column == RANDOM else SEEDS):
                continue
            if column == ON_RAY and not RAY:
                continue
            most = kept.budget(name)
            if column != US and most is None:
                raise SystemExit(f"{name}: first measure the budget, with --columns '{US}'")
            print(f"{name}: {column}, seed {seed}", file=sys.stderr, flush=True)
            kept.add(measure(column, name, seed, core, math.inf if most is None or column == US else LATER * most))


def main() -> None:
    columns = [US, RANDOM, *CONTENDERS]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--columns", nargs="+", choices=columns, default=columns, metavar="NAME")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=[*TASKS], metavar="NAME")
    parser.add_argument("--seeds", type=int, default=RANDOM_SEEDS)
    parser.add_argument("--core", type=int, default=0)
    asked = parser.parse_args()
    measure_all(Searches(FILE), asked.tasks, asked.columns, asked.seeds, asked.core)
    write_section(HERE / "RESULTS.md", "search", "benchmarks/search.py", page(Searches(FILE), [*TASKS], columns))


if __name__ == "__main__":
    main()

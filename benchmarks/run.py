"""Measures everything: `python benchmarks/run.py [--quick] [--only PART …] [--rounds N]`.

Writes the tables into RESULTS.md and the figures into docs/images/; with --quick it prints them instead, of one round
and less work. Parts: one-run, many-runs, growth, waits, folds, quality, texts, time-spent.
"""

import argparse
import datetime
import sys
from collections.abc import Callable

from folds import folds
from growth import COUNTS, SHAPES, WIDTHS, by_rows, by_width, members, stretch
from harness import HERE, machine
from many_runs import RUNS, many_runs
from one_run import one_run
from pages import write_section
from plots import draw_growth, draw_sweep
from quality import quality
from texts import texts
from time_spent import time_spent
from waits import waits
from work import SMALL, WORKS


def measure_one_run(quick: bool, rounds: int) -> str:
    return one_run(1, [SMALL]) if quick else one_run(2 * rounds, [*WORKS])  # a seed each; a sweep has sixteen


def measure_many_runs(quick: bool, rounds: int) -> str:
    text, seconds = many_runs(rounds, quick)
    if not quick:
        draw_sweep(seconds, RUNS)
    return text


def measure_growth(quick: bool, rounds: int) -> str:
    text, found = members((1, 8, 128), SHAPES[:2]) if quick else members(COUNTS, SHAPES)
    if not quick:
        draw_growth(found)
    rows = by_rows((1000, 100_000) if quick else (1000, 10_000, 100_000, 1_000_000), rounds)
    return "\n\n".join([
        "µs of a step, each of K runs, in the fastest of five epochs; `stack` is how many the launcher stacks:",
        text, stretch(found),
        "One run with two hidden layers on 50 features at batch 256:", by_width(WIDTHS[::3] if quick else WIDTHS),
        "One epoch of one run of 64-32 on 20 features at batch 256:", rows,
    ])  # fmt: skip


def measure_quality(quick: bool, rounds: int) -> str:
    return quality(quick)


def measure_texts(quick: bool, rounds: int) -> str:
    return texts(quick)


def measure_time_spent(quick: bool, rounds: int) -> str:
    return time_spent(quick)


def measure_waits(quick: bool, rounds: int) -> str:
    return waits(1 if quick else 2 * rounds + 1, quick)


def measure_folds(quick: bool, rounds: int) -> str:
    return folds(rounds, quick)


ROUNDS = 3
PAGE = HERE / "RESULTS.md"
PARTS: dict[str, Callable[[bool, int], str]] = {
    "one-run": measure_one_run,
    "many-runs": measure_many_runs,
    "growth": measure_growth,
    "waits": measure_waits,
    "folds": measure_folds,
    "quality": measure_quality,
    "texts": measure_texts,
    "time-spent": measure_time_spent,
}


def positive(text: str) -> int:
    """A number of rounds; argparse says what is wrong with it."""
    if (number := int(text)) < 1:
        raise ValueError
    return number


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=[*PARTS])
    parser.add_argument("--rounds", type=positive, default=ROUNDS)
    asked = parser.parse_args()
    for part in asked.only:
        print(part, file=sys.stderr, flush=True)
        text = PARTS[part](asked.quick, 1 if asked.quick else asked.rounds)
        if asked.quick:
            print(f"\n## {part}\n\n{text}\n", flush=True)
        else:
            words = f"--only {part}" + (f" --rounds {asked.rounds}" if asked.rounds != ROUNDS else "")
            made = f"Made on {datetime.date.today()} by `python benchmarks/run.py {words}`. {machine()}"
            write_section(PAGE, part, "make bench", f"{text}\n\n{made}")
    if not asked.quick:
        print(PAGE)


if __name__ == "__main__":
    main()

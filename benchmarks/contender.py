"""Trains with a contender, as a process of its own: `python benchmarks/contender.py NAME WORK RUNS [--together]`.

Prints a line of JSON for each run: `seconds` of the training, `compile` where it compiles, and test `accuracy`.
RUNS is a list of `[seed, learning rate]`, in JSON.
"""

import argparse
import importlib
import json

from work import WORKS, make_rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("work", choices=WORKS)
    parser.add_argument("runs", type=json.loads)
    parser.add_argument("--together", action="store_true", help="as the library trains many")
    arguments = parser.parse_args()
    contender = importlib.import_module(f"contenders.{arguments.name}")
    work = WORKS[arguments.work]
    rows = make_rows(work.rows, work.features)
    if arguments.together:
        found = contender.train_many(work, rows, arguments.runs)
    else:
        found = [contender.train(work, rows, seed, lr) for seed, lr in arguments.runs]
    for (seed, lr), numbers in zip(arguments.runs, found, strict=True):
        print(json.dumps({"seed": seed, "lr": lr, **numbers}))


if __name__ == "__main__":
    main()

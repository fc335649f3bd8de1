"""How good the presets are as they are, beside other libraries' defaults: `python benchmarks/quality.py [OPTION …]`.

    --columns NAME …    these alone are measured, and --cases NAME … of these tables; the others are taken from the file
    --anew              also what the file has
    --jobs N            so many at a time, each with one thread (all cores)

Every column gets the same training and test rows, those of the validation part among them. Results are kept in
quality.jsonl, from which the table of RESULTS.md is made. Tables with published splits are read from the folder that
the variable TABLES names, or ../shared/data; without it, their results are those of the file.
"""

import argparse
import os
import tempfile
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from harness import HERE, commit, processor
from joblib import Parallel, delayed
from pages import write_section
from quality_contenders import CONTENDERS, MOST_ROWS
from quality_ours import OURS, Score, timed
from quality_results import Result, Results
from quality_table import page
from tables import PRESET, PUBLISHED, ROOT, Case, bundled_cases, made_cases, metric, planned, published_cases
from threadpoolctl import threadpool_limits

from mlp_exp.experiment.plan import Plan

RUNS = 3
"""A seed and a split of its own for each, as far as a table has several splits."""
NAMES = (
    *("breast_cancer", "digits", "wine", "diabetes"),
    *(f"mixed, {rows} rows, {task}" for rows in (300, 3000, 50_000) for task in ("classes", "regression")),
    *PUBLISHED,
)
"""Of the cases, as the table has them."""
QUICK = ("wine",)
CHANGED = "val=0"
"""In the names of cases that do not take the preset as it is."""
TABLES = Path(os.environ.get("TABLES", ROOT.parent / "shared" / "data")).resolve()
FILE = HERE / "quality.jsonl"
LIBRARIES = ("torch", "numpy", "scikit-learn", "pytabkit")


def cases_of(folder: Path) -> list[Case]:
    """Without a preset: each column has its own."""
    folds = [[f"split.fold={k}", f"seed={k}", f"split.seed={k}"] for k in range(RUNS)]
    cases = [replace(case, runs=folds) for case in bundled_cases()] + made_cases(folder)
    if TABLES.is_dir():
        cases += published_cases(TABLES, folder)
    return [
        replace(case, runs=case.runs[:RUNS], shared=[word for word in case.shared if word != PRESET])
        for case in cases
        if CHANGED not in case.name
    ]


def score_of(column: str, run: Plan, overrides: Sequence[str]) -> Score:
    """The first of a process, which also imports, is of a small table and does not count."""
    _warm_up(column)
    return _score_of(column, run, overrides)


@cache
def _warm_up(column: str) -> None:
    overrides = ["data=wine", "split=folds"]
    _score_of(column, planned(overrides), overrides)


def _score_of(column: str, run: Plan, overrides: Sequence[str]) -> Score:
    if column in OURS:
        return OURS[column](run, overrides)
    return timed(lambda: CONTENDERS[column](run))


def measure(case: Case, number: int, column: str, earlier: int | None = None) -> Result | None:
    """A run of a case in one thread.

    Args:
        earlier: checksum of the test rows of a result that there is.

    Returns:
        None if that result is of the same rows, or the table is too long for the column.
    """
    warnings.simplefilter("ignore")
    with threadpool_limits(1):
        torch.set_num_threads(1)
        overrides = [*case.shared, *case.runs[number]]
        run = planned(overrides)
        rows, test = len(run.components.dataset.target), zlib.crc32(np.asarray(run.parts.test, np.int64).tobytes())
        if test == earlier or rows > MOST_ROWS.get(column, rows):
            return None
        value, seconds = score_of(column, run, overrides)
    made_with = {"mlp_exp": commit()} if column in OURS else {name: version(name) for name in LIBRARIES}
    made_with["processor"] = processor()
    return Result(case.name, column, number, metric(run), value, round(seconds, 3), rows, test, made_with)


def measure_all(results: Results, columns: Sequence[str], names: Sequence[str], anew: bool, jobs: int) -> None:
    """Into the file, each as soon as it is known."""
    with tempfile.TemporaryDirectory() as folder:
        cases = [case for case in cases_of(Path(folder)) if not names or case.name in names]
        work = []
        for case in reversed(cases):  # the long ones first, so that no core waits for one at the end
            for key in [(case.name, column, number) for column in columns for number in range(RUNS)]:
                earlier = None if anew or key not in results else results[key].test
                work.append(delayed(measure)(case, key[2], key[1], earlier))
        for found in Parallel(n_jobs=jobs, batch_size=1, verbose=5, return_as="generator_unordered")(work):
            if found:
                results.add(found)
    results.tidy()


def quality(quick: bool) -> str:
    """The section: presets are measured anew, and of the contenders what is not known yet."""
    if not quick:
        results = Results(FILE)
        measure_all(results, [*OURS], [], True, -1)
        measure_all(results, [*CONTENDERS], [], False, -1)
        return page(results, NAMES, [*OURS], [*CONTENDERS])
    with tempfile.TemporaryDirectory() as name:
        results = Results(Path(name) / "results")
        measure_all(results, [*OURS, *CONTENDERS], QUICK, True, -1)
        return page(results, QUICK, [*OURS], [*CONTENDERS])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    every = [*OURS, *CONTENDERS]
    parser.add_argument("--columns", nargs="+", choices=every, default=every, metavar="NAME")
    parser.add_argument("--cases", nargs="+", choices=NAMES, default=[], metavar="NAME")
    parser.add_argument("--anew", action="store_true")
    parser.add_argument("--jobs", type=int, default=-1)
    asked = parser.parse_args()
    results = Results(FILE)
    measure_all(results, asked.columns, asked.cases, asked.anew, asked.jobs)
    text = page(results, NAMES, [*OURS], [*CONTENDERS])
    write_section(HERE / "RESULTS.md", "quality", "make bench", text)


if __name__ == "__main__":
    main()

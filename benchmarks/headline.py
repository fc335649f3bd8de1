"""A search with an ensemble of its best, beside one fit of RealMLP-TD: `python benchmarks/headline.py [OPTION …]`.

    --cases NAME …      of these tables alone
    --runs N …          of these splits alone (0)
    --theirs            measures RealMLP-TD too, where neither file knows it for the same rows (needs pytabkit)
    --page              measures nothing, and writes the table into RESULTS.md

The commands see a file with the training rows alone; those that predict see the test rows once. All run on one core.
Seconds are those of the processor, with the starts of all commands. What is measured is appended to headline.jsonl, and
what is there is skipped. Tables are read as quality.py reads them.
"""

import argparse
import gzip
import statistics
import sys
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from commands import leaderboard_of, mlp_exp
from harness import HERE, commit, measured, processor
from pages import spread, table, write_section
from quality import FILE as KNOWN
from quality import TABLES, measure
from quality_results import Result, Results
from quality_table import PUBLISHED, as_good
from tables import Case, published_cases

from mlp_exp.storage.study_file import StudyFile

CASES = ("california_housing", "adult", "uci_protein", "uci_kin8nm", "uci_power")
TRIALS = dict.fromkeys(CASES, 16) | {"california_housing": 24, "uci_protein": 24}
"""What RealMLP-TD's time leaves for the search, beside two ensembles of eight."""
FOLDS = ("experiment=table_best", "hydra/sweeper/pruner=none", "hydra.sweeper.n_trials=2")
"""Two ensembles: of the preset's values, and of the best finished trial's."""
ALONE, ENSEMBLE, THEIRS, PRESET = "best of the search", "search and ensemble", "RealMLP-TD", "ensemble of 8"
FILE = HERE / "headline.jsonl"
HELD_OUT = ("split.train=0.75", "split.val=0.25", "split.test=0")
"""A large validation part: which trial is best is a matter of few percent."""
HOW = ("baselines=none", "trainer.device=cpu", "trainer.plots=never")


def prepare(case: Case, run: int, folder: Path) -> tuple[list[str], pd.Series, int]:
    """Writes train.csv and test.csv.

    Returns:
        What the commands say of the data, the targets of the test rows, and the checksum of their numbers.
    """
    words = dict(word.split("=", 1) for word in [*case.shared, *case.runs[run]])
    with gzip.open(words["data.path"], "rt", encoding="utf-8") as file:
        header, *lines = file.read().splitlines()
    rows = {part: np.loadtxt(words[f"split.{part}"], dtype=np.int64) for part in ("train", "test")}
    for part, numbers in rows.items():
        text = "\n".join([header, *(lines[number] for number in numbers)])
        (folder / f"{part}.csv").write_text(text + "\n", encoding="utf-8")
    truth = pd.read_csv(folder / "test.csv")[words["data.target"]]
    kept = ("data", "data.target", "data.task", "data.drop", "seed")
    data = [f"data.path={folder / 'train.csv'}", *(f"{key}={words[key]}" for key in kept if key in words)]
    return [*data, *HOW], truth, zlib.crc32(np.sort(rows["test"]).tobytes())


def best_of(search: Path) -> str:
    """The values of the best finished trial but the preset's, as `hydra.sweeper.enqueue` takes them."""
    study = StudyFile.read(search)
    assert study
    ended = ("finished", "stopped_early")
    best = next(row for row in leaderboard_of(search) if row["status"] in ended and row["job"] != "0")
    return "{" + ",".join(f"{key}:{_quoted(best[key])}" for key in study.space if best[key]) + "}"


def _quoted(value: str) -> str:
    """A list is a choice, by its text."""
    return f"'{value}'" if value.startswith("[") else value


def score(predictions: Path, truth: pd.Series) -> tuple[str, float]:
    """Metric and value."""
    answers = pd.read_csv(predictions)["prediction"]
    if pd.api.types.is_numeric_dtype(truth):
        return "rmse", float(np.sqrt(np.mean((answers - truth) ** 2)))
    return "accuracy", float((answers.astype(str).str.strip() == truth.str.strip()).mean())


def measure_ours(case: Case, run: int) -> list[Result]:
    """The best trial alone, and the ensemble."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data, truth, test = prepare(case, run, folder)
        rows = len(truth) + sum(1 for _ in (folder / "train.csv").open(encoding="utf-8")) - 1

        def trained(*words: str) -> float:
            return mlp_exp("-m", "search=table", *words, *data, *HELD_OUT, folder=folder, one_core=True).processor

        def predicted(*runs: str) -> tuple[float, str, float]:
            command = [sys.executable, "-m", "mlp_exp.predict", *runs, "test.csv", "-o", "predictions.csv"]
            used = measured(command, folder, one_core=True).processor
            return used, *score(folder / "predictions.csv", truth)

        searched = trained(f"hydra.sweeper.n_trials={TRIALS[case.name]}", "hydra.sweep.dir=search")
        tried = f"hydra.sweeper.enqueue=[{{}},{best_of(folder / 'search')}]"
        together = trained(*FOLDS, tried, "hydra.sweep.dir=folds")
        epochs = sum(len(path.read_text().splitlines()) - 1 for path in (folder / "search").glob("*/history.csv"))
        made_with = {"mlp_exp": commit(), "processor": processor(), "trials": f"{TRIALS[case.name]}"}
        made_with |= {"epochs": f"{epochs}", "searched": f"{searched:.1f}", "folds": f"{together:.1f}", "tried": tried}
        ways = ((ALONE, ["search"], searched), (ENSEMBLE, ["folds", "--top", "2"], searched + together))
        found = []
        for column, words, used in ways:
            seconds, metric, value = predicted(*words)
            result = Result(case.name, column, run, metric, value, round(used + seconds, 3), rows, test, made_with)
            found.append(result)
        return found


def measure_all(cases: Sequence[str], runs: Sequence[int], *, theirs: bool) -> None:
    results, known = Results(FILE), Results(KNOWN)
    with tempfile.TemporaryDirectory() as name:
        for case in published_cases(TABLES, Path(name)):
            for run in runs if case.name in cases else ():
                if (case.name, ENSEMBLE, run) not in results:
                    for result in measure_ours(case, run):
                        results.add(result)
                        _say(result)
                if theirs and (case.name, THEIRS, run) not in results | known:
                    plain = replace(case, shared=[word for word in case.shared if not word.startswith("experiment=")])
                    found = measure(plain, run, THEIRS)
                    assert found
                    results.add(found)
                    _say(found)


def _say(result: Result) -> None:
    print(f"{result.case} {result.run}, {result.column}: {result.value:.5f}, {result.seconds:.1f} s", flush=True)


def page() -> str:
    """A row for each table: means over the splits that both have."""
    results, known = Results(FILE), Results(KNOWN)
    rows, ahead = [], 0
    for case in CASES:
        ours = {result.run: result for result in results.of(case, ENSEMBLE)}
        theirs = {result.run: result for each in (known, results) for result in each.of(case, THEIRS)}
        runs = sorted(ours.keys() & theirs.keys())
        if not runs:
            continue
        assert all(ours[run].test == theirs[run].test for run in runs)
        found = [
            [theirs[run] for run in runs],
            [ours[run] for run in runs],
            [results[case, ALONE, run] for run in runs],
            [known[case, PRESET, run] for run in runs if (case, PRESET, run) in known],
        ]
        metric, means = ours[runs[0]].metric, [_mean(column) for column in found[:2]]
        ahead += as_good(metric, means[1], means[0])
        share = sum(each.seconds for each in found[1]) / sum(each.seconds for each in found[0])
        published = PUBLISHED.get((case, "TabM"))
        rows.append([
            f"{case}, {metric}",
            ", ".join(map(str, runs)),
            *(_cell(column) for column in found),
            f"{published:.4f}" if published else "",
            f"{share:.2f}",
        ])  # fmt: skip
    columns = [THEIRS, ENSEMBLE, ALONE, "the preset's ensemble of 8", "TabM, published"]
    head = ["", "splits", *columns, "time, of RealMLP-TD's"]
    return f"{table(head, rows)}\n\nAs good as RealMLP-TD or better on {ahead} of {len(rows)}."


def _mean(column: Sequence[Result]) -> float:
    return statistics.fmean(each.value for each in column)


def _cell(column: Sequence[Result]) -> str:
    return f"{spread([each.value for each in column])}, {statistics.fmean(each.seconds for each in column):.0f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=CASES, metavar="NAME")
    parser.add_argument("--runs", nargs="+", type=int, default=[0], metavar="N")
    parser.add_argument("--theirs", action="store_true")
    parser.add_argument("--page", action="store_true")
    asked = parser.parse_args()
    if not asked.page:
        measure_all(asked.cases, asked.runs, theirs=asked.theirs)
    write_section(HERE / "RESULTS.md", "headline", "benchmarks/headline.py", page())


if __name__ == "__main__":
    main()

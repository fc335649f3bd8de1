"""Predicts a table with what was trained: `python -m mlp_exp.predict RUN [RUN ...] TABLE -o OUT.csv`.

Several runs, or the best ones of a sweep's folder (`--top 5`), give the average of their predictions. `--greedy 8`
chooses those whose average is best, with weights; without a TABLE, `-o FOLDER` saves them as one run.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from mlp_exp.cli.commands import add_allow, begin, new_parser, readable_errors
from mlp_exp.errors import counted
from mlp_exp.inference.command import (
    add_runs,
    all_runs,
    check_folder,
    check_output,
    is_file_name,
    opened,
    print_summary,
)
from mlp_exp.processes.garbage import collect_from_now

if TYPE_CHECKING:
    from mlp_exp.inference.ensemble import Ensemble
    from mlp_exp.inference.greedy import Choice

DESCRIPTION = """Predicts a TABLE, CSV (also gzipped) or Parquet, with the average of trained
runs. RUN: folder of a run or of a sweep."""
EXAMPLES = """
mlp-predict SWEEP people.csv -o predictions.csv --top 3 --keep all
mlp-predict RUN people.csv -o - --target income
mlp-predict SWEEP -o chosen --greedy 8
"""


def predict(given: argparse.Namespace, folders: Sequence[Path], table: str, output: Path | BinaryIO) -> None:
    """Writes and summarises the predictions; MlpExpError if a run cannot be loaded or does not fit the table."""
    ensemble = chosen(folders, given.greedy, given.allow) if given.greedy else average(folders, given.top, given.allow)

    from mlp_exp.display.progress import open_with_progress
    from mlp_exp.inference.tables import predict_table

    predicted = predict_table(
        ensemble, table, output, given.target, given.keep, open_with_progress, spread=given.spread
    )
    print_summary(predicted)
    where = output if isinstance(output, Path) else "standard output"
    print(f"{counted(predicted.rows, 'prediction')}: {where}")


def average(folders: Sequence[Path], top: int, allow: Sequence[str]) -> "Ensemble":
    """The runs of the folders, each of the same weight; prints which they are."""
    runs = all_runs(folders, top)
    begin_computing()

    from mlp_exp.inference.ensemble import Ensemble
    from mlp_exp.inference.loading import load

    return Ensemble([load(run, allow) for run in runs])


def chosen(folders: Sequence[Path], picks: int, allow: Sequence[str]) -> "Ensemble":
    """The runs that are chosen greedily, with their weights; prints them, and writes them down in the first folder."""
    choice = greedy_choice(folders, picks, allow)

    from mlp_exp.inference.combination import write_choice
    from mlp_exp.inference.ensemble import Ensemble
    from mlp_exp.inference.loading import load
    from mlp_exp.storage.sweep_folder import GREEDY

    ensemble = Ensemble([load(run, allow) for run in choice.chosen], list(choice.chosen.values()))
    replaces = (folders[0] / GREEDY).exists()
    print(f"{write_choice(choice, folders[0])}{' (in place of an earlier choice)' if replaces else ''}")
    return ensemble


def save(folders: Sequence[Path], picks: int, folder: Path, allow: Sequence[str]) -> None:
    """Saves the runs that are chosen greedily as one, and prints them."""
    choice = greedy_choice(folders, picks, allow)

    from mlp_exp.inference.combination import save_combination

    save_combination(choice, folder, allow)
    print(folder)


def greedy_choice(folders: Sequence[Path], picks: int, allow: Sequence[str]) -> "Choice":
    """Chooses among the runs below the folders; prints how good the choice is, and what was chosen."""
    begin_computing()

    from mlp_exp.inference.combination import described
    from mlp_exp.inference.greedy import choose

    choice = choose(folders, picks, allow)
    print("\n".join(described(choice)))
    return choice


def begin_computing() -> None:
    import torch

    torch.set_num_threads(1)  # networks this small gain nothing from more, which wait for one another
    collect_from_now()


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; exits with status 1 after an error, which it prints, and with 130 after Ctrl-C."""
    parser = _parser()
    given = parser.parse_intermixed_args(arguments)
    saves = given.greedy is not None and not is_file_name(given.output)
    if saves and (given.target or given.keep or given.spread):
        parser.error(f"{given.output} is no .csv or .parquet file: --target, --keep and --spread are about predictions")
    table = "" if saves else given.runs.pop()  # argparse gives them all to RUN
    if not given.runs:
        saved = f"; with {given.output}, no file for predictions, --greedy N saves the chosen runs as one"
        parser.error(f"the following arguments are required: TABLE{'' if is_file_name(given.output) else saved}")
    folders = [Path(run) for run in given.runs]
    begin()
    with readable_errors():
        if saves:
            check_folder(given.output, folders[-1])
            save(folders, given.greedy, given.output, given.allow)
            return
        check_output(given.output, Path(table))
        with opened(given.output) as output:
            predict(given, folders, table, output)


def _parser() -> argparse.ArgumentParser:
    parser = new_parser("mlp-predict", "[OPTIONS] RUN [RUN ...] [TABLE] -o OUT", DESCRIPTION, EXAMPLES)
    add = parser.add_argument
    out = ".csv, .csv.gz or .parquet; - for standard output; without a TABLE, a new folder for the runs of --greedy"
    add("-o", "--output", metavar="OUT", type=Path, required=True, help=out)
    truth = "column with the truth, of several targets a,b: prints the metrics too"
    add("--target", metavar="COLUMNS", action="append", default=[], help=truth)
    first = "columns to write first: id,name or all; repeatable"
    add("--keep", metavar="COLUMNS", action="append", default=[], help=first)
    add_runs(parser, greedy=True)
    spread = "write the standard deviation between the networks, too"
    add("--spread", action="store_true", help=spread)
    add("table", metavar="TABLE", nargs="?", help=argparse.SUPPRESS)
    add_allow(parser)
    return parser


if __name__ == "__main__":
    main()

"""Predicts a table with what was trained: `python -m mlp_exp.predict RUN [RUN ...] TABLE -o OUT.csv`.

Several runs, or the best ones of a sweep's folder (`--top 5`), give the average of their predictions.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlp_exp.cli.commands import add_allow, begin, readable_errors
from mlp_exp.data.table.file import shorten
from mlp_exp.errors import DataError, RunFolderError
from mlp_exp.storage.run_folder import MODEL, RunFolder

if TYPE_CHECKING:
    from mlp_exp.inference.tables import Predicted

ENDINGS = (".csv", ".parquet")


def predict(
    folders: Sequence[Path], table: str, output: Path, target: str | None, top: int, allow: Sequence[str]
) -> None:
    """Writes the predictions, and prints what they are of.

    Raises:
        MlpExpError: a run cannot be loaded, or the table is not one for it.
    """
    check_output(output, Path(table))
    runs = [run for folder in folders for run in runs_of(folder, top)]
    if runs != list(folders) or len(runs) > 1:
        print(f"{f'average of {len(runs)} runs' if len(runs) > 1 else '1 run'}: {', '.join(map(str, runs))}")

    import torch

    from mlp_exp.display.progress import open_with_progress
    from mlp_exp.inference.ensemble import Ensemble
    from mlp_exp.inference.loading import load
    from mlp_exp.inference.tables import predict_table

    torch.set_num_threads(1)  # networks this small gain nothing from more, which wait for one another
    ensemble = Ensemble([load(run, allow) for run in runs])
    predicted = predict_table(ensemble, table, output, target, open_with_progress)
    if predicted.ignored:
        print(f"ignored: {', '.join(map(shorten, predicted.ignored))}")
    if predicted.not_finite:
        print(f"{predicted.not_finite} of {predicted.rows} predictions are not finite numbers; look for extreme values")
    if target is not None:
        print_metrics(predicted, target)
    print(f"{predicted.rows} prediction{'s' * (predicted.rows != 1)}: {output}")


def check_output(output: Path, table: Path) -> None:
    """Raises DataError unless predictions can be written there."""
    if output.suffix.lower() not in ENDINGS:
        raise DataError(f"{output}: expected a name that ends in {' or '.join(ENDINGS)}")
    if output.is_dir() or not output.parent.is_dir():
        what = "it is a folder" if output.is_dir() else f"there is no folder '{output.parent}'"
        raise DataError(f"{output}: expected the name of a file, and {what}")
    if output.exists() and table.exists() and output.samefile(table):
        raise DataError(f"{output}: is the table itself; expected another file for the predictions")


def runs_of(folder: Path, top: int) -> list[Path]:
    """The folder of a run itself, or the best runs of a sweep's folder.

    Raises:
        RunFolderError: it holds neither.
    """
    if (folder / MODEL).exists() or RunFolder(folder).result() is not None:
        return [folder]

    from mlp_exp.leaderboard.leaderboard import Leaderboard

    entries = [e for e in Leaderboard.read(folder).entries if e.ended_well and (e.folder / MODEL).is_file()]
    if not entries:
        raise RunFolderError(f"{folder}: expected the folder of a run, with {MODEL}, or of a sweep of such runs")
    return [folder / os.path.relpath(entry.folder, folder) for entry in entries[:top]]


def print_metrics(predicted: "Predicted", target: str) -> None:
    """A row for each metric, and what was left out of them."""
    from mlp_exp.display.tables import print_scores

    count = predicted.rows - predicted.without_target
    if predicted.without_target:
        print(f"{predicted.without_target} of {predicted.rows} rows have no {target} and are left out of the metrics")
    if predicted.metrics:
        print_scores(f"{target} of {count} rows", {"value": predicted.metrics})


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 on, got '{text}'")
    return int(text)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; exits with status 1 after an error, which it prints, and with 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="mlp-predict", description="Predicts a table with what was trained.")
    parser.add_argument(
        "runs", metavar="RUN", nargs="+", type=Path, help="folder of a run or of a sweep; several give their average"
    )
    parser.add_argument("table", metavar="TABLE", help="CSV (also gzipped) or Parquet file")
    parser.add_argument(
        "-o", "--output", metavar="OUT", type=Path, required=True, help="file for the predictions: .csv or .parquet"
    )
    parser.add_argument("--target", metavar="COLUMN", help="column with the truth: prints the metrics too")
    parser.add_argument(
        "--top", metavar="N", type=_positive, default=1, help="how many of a sweep's best runs (default: 1)"
    )
    add_allow(parser)
    given = parser.parse_intermixed_args(arguments)
    begin()
    with readable_errors():
        predict(given.runs, given.table, given.output, given.target, given.top, given.allow)


if __name__ == "__main__":
    main()

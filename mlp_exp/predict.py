"""Predicts a table with what was trained: `python -m mlp_exp.predict RUN [RUN ...] TABLE -o OUT.csv`.

Several runs, or the best ones of a sweep's folder (`--top 5`), give the average of their predictions.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from mlp_exp.cli.commands import add_allow, begin, readable_errors
from mlp_exp.inference.command import add_runs, all_runs, check_output, opened, print_summary
from mlp_exp.processes.garbage import collect_from_now


def predict(
    folders: Sequence[Path],
    table: str,
    output: Path | BinaryIO,
    targets: Sequence[str],
    keep: Sequence[str],
    top: int,
    allow: Sequence[str],
    *,
    spread: bool = False,
) -> None:
    """Writes and summarises the predictions; MlpExpError if a run cannot be loaded or does not fit the table."""
    runs = all_runs(folders, top)

    import torch

    from mlp_exp.display.progress import open_with_progress
    from mlp_exp.inference.ensemble import Ensemble
    from mlp_exp.inference.loading import load
    from mlp_exp.inference.tables import predict_table

    torch.set_num_threads(1)  # networks this small gain nothing from more, which wait for one another
    collect_from_now()
    ensemble = Ensemble([load(run, allow) for run in runs])
    predicted = predict_table(ensemble, table, output, targets, keep, open_with_progress, spread=spread)
    print_summary(predicted)
    where = output if isinstance(output, Path) else "standard output"
    print(f"{predicted.rows} prediction{'s' * (predicted.rows != 1)}: {where}")


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; exits with status 1 after an error, which it prints, and with 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="mlp-predict", description="Predicts a table with what was trained.")
    add = parser.add_argument
    add("-o", "--output", metavar="OUT", type=Path, required=True, help=".csv or .parquet file; - for standard output")
    add(
        "--target",
        metavar="COLUMNS",
        action="append",
        default=[],
        help="column with the truth, of several targets a,b: prints the metrics too",
    )
    add(
        "--keep",
        metavar="COLUMNS",
        action="append",
        default=[],
        help="columns to write first: id,name or all; repeatable",
    )
    add_runs(parser)
    spread = "write how far the networks are apart, too: the standard deviation of their predictions, or of the "
    add("--spread", action="store_true", help=f"{spread}probability of the predicted class")
    add("table", metavar="TABLE", help="CSV (also gzipped) or Parquet file")
    add_allow(parser)
    given = parser.parse_intermixed_args(arguments)
    begin()
    with readable_errors():
        check_output(given.output, Path(given.table))
        with opened(given.output) as output:
            predict(
                given.runs, given.table, output, given.target, given.keep, given.top, given.allow, spread=given.spread
            )


if __name__ == "__main__":
    main()

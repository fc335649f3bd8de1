"""What `predict` and `export` are given, and what they print; imports nothing slow before the arguments are checked."""

import argparse
import shlex
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from mlp_exp.data.table.file import shorten
from mlp_exp.errors import DataError

if TYPE_CHECKING:
    from mlp_exp.inference.tables import Predicted

STANDARD_OUTPUT = "-"
ENDINGS = (".csv", ".csv.gz", ".parquet")
NAMED = "a name that ends in .csv, .csv.gz or .parquet"


def check_folder(output: Path, last: Path) -> None:
    """Raises DataError unless a combination of runs can be written there; `last` is the last folder that is named."""
    if last.is_file():
        raise DataError(
            f"{output}: expected {NAMED}, for predictions of {last}; a folder to save the chosen runs in is for a "
            "command without a TABLE"
        )
    if output.exists() or not output.parent.is_dir():
        what = "it exists" if output.exists() else lacks_folder(output)
        raise DataError(f"{output}: expected the name of a new folder for the chosen runs, and {what}")


def is_file_name(output: Path) -> bool:
    """Whether predictions can be written to something of this name."""
    return str(output) == STANDARD_OUTPUT or output.name.lower().endswith(ENDINGS)


def lacks_folder(file: Path) -> str:
    """That there is no folder for a file, and how to make it."""
    return f"there is no folder '{file.parent}'; make it: mkdir -p {shlex.quote(str(file.parent))}"


def check_output(output: Path, table: Path) -> None:
    """Raises DataError unless predictions can be written there."""
    if str(output) == STANDARD_OUTPUT:
        return
    if not is_file_name(output):
        raise DataError(f"{output}: expected {NAMED}")
    if output.is_dir() or not output.parent.is_dir():
        what = "it is a folder" if output.is_dir() else lacks_folder(output)
        raise DataError(f"{output}: expected the name of a file, and {what}")
    if output.exists() and table.exists() and output.samefile(table):
        raise DataError(f"{output}: is the table itself; expected another file for the predictions")


@contextmanager
def opened(output: Path) -> Iterator[Path | BinaryIO]:
    """The file; or standard output, and then all else that is printed goes to standard error.

    A reader of standard output that ends early ends this process too, silently, as it ends any other tool. Raises
    DataError if standard output is closed.
    """
    if str(output) != STANDARD_OUTPUT:
        yield output
        return
    if sys.stdout is None:
        raise DataError(f"{output}: standard output is closed; expected a file or a reader")
    rows = sys.stdout.buffer
    before = signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        with redirect_stdout(sys.stderr):
            yield rows
    finally:
        rows.flush()
        signal.signal(signal.SIGPIPE, before)


def add_runs(parser: argparse.ArgumentParser, *, greedy: bool = False) -> None:
    """Adds the folders, and how many runs of a sweep's; with `greedy` also how they may be chosen."""
    parser.add_argument("runs", metavar="RUN", nargs="+", help=argparse.SUPPRESS)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--top", metavar="N", type=positive, default=1, help="the best N runs of a sweep (default: 1)")
    if greedy:
        text = "choose N runs, whose average is best for rows that all held out; a run may be chosen several times"
        which.add_argument("--greedy", metavar="N", type=positive, help=text)


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 on, got '{text}'")
    return int(text)


def all_runs(folders: Sequence[Path], top: int) -> list[Path]:
    """The runs of all folders, as of `runs_of`; prints which they are where that is not what was typed."""
    from mlp_exp.inference.best_runs import runs_of

    runs = [run for folder in folders for run in runs_of(folder, top, partial(print, file=sys.stderr))]
    if runs != list(folders) or len(runs) > 1:
        print(f"{f'average of {len(runs)} runs' if len(runs) > 1 else '1 run'}: {', '.join(map(str, runs))}")
    return runs


def print_summary(predicted: "Predicted") -> None:
    """What was left out, what is not finite, and the metrics if there is a target."""
    from mlp_exp.display.tables import print_advice, print_scores

    rows, missing, targets = predicted.rows, predicted.without_target, ", ".join(predicted.targets)
    if predicted.ignored:
        print_advice(f"ignored: {', '.join(map(shorten, predicted.ignored))}")
    for line in predicted.misfits:
        print_advice(line)
    if predicted.not_finite:
        print_advice(f"{predicted.not_finite} of {rows} predictions are not finite numbers; look for extreme values")
    if predicted.seen:
        least = "at least " if predicted.seen_is_least else ""
        metrics = "; metrics on them say little about new rows" if predicted.scores.values else ""
        print_advice(f"{least}{predicted.seen} of {rows} rows equal rows of training{metrics}")
    if missing:
        verbs = ("has", "is") if missing == 1 else ("have", "are")
        print_advice(f"{missing} of {rows} rows {verbs[0]} no {targets} and {verbs[1]} left out of the metrics")
    if predicted.scores.values:
        scores, reasons = {"value": predicted.scores.values}, {"value": predicted.scores.reasons}
        print_scores(f"{targets} of {rows - missing} rows", scores, reasons)

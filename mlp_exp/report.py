"""Looks back at what was trained: `python -m mlp_exp.report DIR [DIR ...]`.

All runs in the folders, also those in progress, are compared on one page, `report.html`, and in `leaderboard.csv`. Of a
run that is named itself the figures are drawn, too. With `--watch` both are written again while runs train.
"""

import argparse
from collections.abc import Sequence
from itertools import compress
from pathlib import Path

from mlp_exp.cli.commands import add_allow, begin, new_parser, readable_errors
from mlp_exp.config.words import override
from mlp_exp.errors import RunFolderError, counted
from mlp_exp.processes.garbage import collect_from_now
from mlp_exp.processes.helper import FIGURES, FOREST, IN_PLACE, Helper
from mlp_exp.storage.lease import works_on
from mlp_exp.storage.run_folder import RunFolder, runs_in
from mlp_exp.storage.sweep_folder import MULTIRUN, in_lines

NEITHER = "expected the folder of a run, or of a sweep of such runs"

DESCRIPTION = """Compares the runs in folders, also those in progress, and draws the figures of
a run that is named itself. DIR: folder of a run or of a sweep."""
EXAMPLES = """
mlp-report SWEEP
mlp-report RUN
mlp-report SWEEP RUN -o compared
"""


def report(folders: Sequence[Path], output: Path, allow: Sequence[str]) -> None:
    """Compares the runs in some folders; RunFolderError if one of them has no run, or a damaged one."""
    runs = [runs_in(path) for path in folders]
    for path, found in zip(folders, runs, strict=True):
        if not found:
            raise RunFolderError(f"{path}: {NEITHER}")
    from mlp_exp.compare.effects import FEWEST_RUNS

    trained = [path for path in folders if (RunFolder(path).result() or {}).get("best_epoch")]
    with Helper() as helper:
        helper.prepare(*compress([FIGURES, FOREST], [trained, sum(map(len, runs)) >= FEWEST_RUNS]))
        for path in trained:
            draw_figures(path, allow, helper)

        from mlp_exp.compare.report import report_on
        from mlp_exp.leaderboard.entry import failures_of

        collect_from_now()
        failed = failures_of(report_on(folders, output, helper))
    if failed:
        print("\n".join([f"{counted(len(failed), 'run')} failed:", *in_lines(failed)]))


def watch(folders: Sequence[Path], output: Path, allow: Sequence[str]) -> None:
    """Compares the runs in some folders while they train, and once more when they have ended, or after Ctrl-C.

    Raises:
        RunFolderError: a folder is missing, has neither runs nor settings of a sweep, or has a damaged run.
        KeyboardInterrupt: Ctrl-C.
    """
    for path in folders:
        if not path.is_dir():
            begin_first = f"begin the sweep first, with {override('hydra.sweep.dir', str(path))}"
            raise RunFolderError(f"{path}: there is no such folder to watch; {begin_first}")
        if not runs_in(path) and not (path / MULTIRUN).is_file() and not works_on(path):
            raise RunFolderError(f"{path}: {NEITHER}")

    from mlp_exp.compare.watch import watch as until_ended

    collect_from_now()
    until_ended(folders, output, lambda: report(folders, output, allow))


def draw_figures(path: Path, allow: Sequence[str] = (), helper: Helper = IN_PLACE) -> None:
    """Draws the figures of a run that has trained: its data is read again, its weights are those that it saved."""
    from mlp_exp.experiment.drawn import draw
    from mlp_exp.experiment.reopened import reopened
    from mlp_exp.experiment.session import Session

    run = reopened(path, allow, Session())
    draw(run, helper)
    print(run.folder.figures)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; exits with status 1 after an error, which it prints."""
    parser = new_parser("mlp-report", "[OPTIONS] DIR [DIR ...]", DESCRIPTION, EXAMPLES)
    parser.add_argument("folders", metavar="DIR", nargs="+", type=Path, help=argparse.SUPPRESS)
    where = "folder for leaderboard.csv and report.html; if not given, DIR, or of several the working directory"
    parser.add_argument("-o", "--output", metavar="DIR", type=Path, help=where)
    parser.add_argument(
        "--watch", action="store_true", help="write both again while runs train, until all have ended, or until Ctrl-C"
    )
    add_allow(parser)
    given = parser.parse_args(arguments)
    begin()
    with readable_errors():
        output = given.output or (given.folders[0] if len(given.folders) == 1 else Path())
        (watch if given.watch else report)(given.folders, output, given.allow)


if __name__ == "__main__":
    main()

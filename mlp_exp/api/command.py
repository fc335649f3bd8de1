"""The work of the command line, called from Python."""

import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from mlp_exp.cli.actions import actions
from mlp_exp.cli.in_python import Called, call
from mlp_exp.config.words import IN_PYTHON
from mlp_exp.display.console import silent
from mlp_exp.processes.helper import Helper
from mlp_exp.trackers.tracking import Tracking

_ONE_AT_A_TIME = threading.RLock()
"""Hydra, logging and the threads of torch are one for all of a process."""


def command(arguments: Sequence[str], *, quiet: bool = False, reports: bool = True) -> Called:
    """Trains what `python -m mlp_exp.run` with these arguments would, in this process; errors are raised.

    Args:
        quiet: whether nothing is printed by this thread.
        reports: whether a sweep gets its page.

    Example:
        command(["-m", "seed=range(3)", "hydra.sweep.dir=seeds"]).folder  # seeds, with a leaderboard and a page
    """
    with _ONE_AT_A_TIME, ExitStack() as around:
        if quiet:
            around.enter_context(silent())
        tracking = around.enter_context(Tracking(Path.cwd()))
        around.callback(IN_PYTHON.reset, IN_PYTHON.set(True))
        made = actions(tracking, around.enter_context(Helper()))
        return call(made if reports else replace(made, end_sweep=_no_report), arguments)


def _no_report(folder: Path) -> None:
    """Leaves the sweep's folder as it is."""

"""The work of the command line, called from Python."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from mlp_exp.cli.in_python import ONE_AT_A_TIME, Called, call
from mlp_exp.display.console import silent
from mlp_exp.processes.helper import Helper
from mlp_exp.run import actions
from mlp_exp.trackers.tracking import Tracking


def command(arguments: Sequence[str], *, quiet: bool = False) -> Called:
    """Trains what `python -m mlp_exp.run` with these arguments would, in this process; errors are raised.

    Args:
        quiet: whether nothing is printed by this thread.

    Example:
        command(["-m", "seed=range(3)", "hydra.sweep.dir=seeds"]).folder  # seeds, with a leaderboard and a page
    """
    with ONE_AT_A_TIME, ExitStack() as around:
        if quiet:
            around.enter_context(silent())
        tracking = around.enter_context(Tracking(Path.cwd()))
        return call(actions(tracking, around.enter_context(Helper())), arguments)

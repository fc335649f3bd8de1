"""What is written and printed of a sweep when it has ended, or later."""

from pathlib import Path

from mlp_exp.compare.gather import gather
from mlp_exp.compare.page import write_page
from mlp_exp.sweep.leaderboard import print_leaderboard_of

PAGE = "report.html"


def report_sweep(folder: Path) -> bool:
    """Writes a sweep's leaderboard and its page, and prints the best runs; whether there is a run in the folder.

    Raises:
        RunFolderError: a file of a run is damaged.
    """
    entries = print_leaderboard_of(folder)
    if entries:
        write_page(folder / PAGE, f"Sweep {folder.absolute().name}", gather(entries))
    return bool(entries)

"""Leaderboard and page of runs: written and printed when a sweep ends, or later."""

from collections.abc import Sequence
from pathlib import Path

from mlp_exp.compare.gather import gather
from mlp_exp.compare.page import write_page
from mlp_exp.display.console import print_path
from mlp_exp.leaderboard.printed import write_and_print
from mlp_exp.storage.sweep_folder import PAGE


def report_on(folders: Sequence[Path], output: Path) -> bool:
    """Writes the leaderboard of the runs in folders and the page that compares them, and prints the best.

    Args:
        output: the folder that gets the files; made if it is not there.

    Returns:
        Whether there is a run.

    Raises:
        RunFolderError: a file of a run is damaged.
    """
    output.mkdir(parents=True, exist_ok=True)
    entries = write_and_print(output, folders)
    if entries:
        title = ", ".join(folder.absolute().name for folder in folders)
        write_page(output / PAGE, title, gather(folders, entries))
        print_path(output / PAGE)
    return bool(entries)

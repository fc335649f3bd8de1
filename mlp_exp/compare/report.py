"""The leaderboard of runs, and the page that compares them: one file that opens from disk and fetches nothing."""

import html
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from mlp_exp.compare.gather import gather
from mlp_exp.display.console import print_path
from mlp_exp.leaderboard.baselines import ranked_like, read_baselines
from mlp_exp.leaderboard.entry import Entry
from mlp_exp.leaderboard.printed import write_and_print
from mlp_exp.processes.helper import IN_PLACE, Helper
from mlp_exp.storage.atomic import write_text
from mlp_exp.storage.sweep_folder import PAGE

SCRIPTS = (
    "base", "trials", "scores", "leaderboard", "rows", "curves", "search", "mattered", "pair", "live", "page",
)  # fmt: skip


def report_on(
    folders: Sequence[Path], output: Path, helper: Helper = IN_PLACE, live: Mapping[str, str] | None = None
) -> list[Entry]:
    """Writes leaderboard and page of the runs in some folders, and prints the best; returns them, best first.

    The folder `output` is made if it is not there. RunFolderError if a file of a run is damaged.

    Args:
        folders: of runs and sweeps.
        output: for the two files.
        helper: fits the forests.
        live: what a page that renews itself needs: `script`, the name of the one that it looks at, `written`, what that
            says now, and `at`, the time for people.
    """
    output.mkdir(parents=True, exist_ok=True)
    entries = write_and_print(output, folders)
    if entries:
        title = ", ".join(folder.absolute().name for folder in folders)
        baselines = ranked_like(read_baselines([*folders, *(entry.folder for entry in entries)], entries), entries)
        write_page(output / PAGE, title, {**gather(folders, entries, helper, baselines), "live": live})
        print_path(output / PAGE)
    return entries


def write_page(path: Path, title: str, shown: Mapping[str, Any]) -> None:
    """Writes the page of what `gather` returns."""
    from plotly.offline import get_plotlyjs

    def part(name: str) -> str:
        return (files("mlp_exp.compare") / "web" / name).read_text(encoding="utf-8")

    # a class may be named `</script>`: no text may end the script element
    data = json.dumps(shown, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    text = Template(part("page.html")).substitute(
        title=html.escape(title),
        style=part("page.css"),
        plotly=get_plotlyjs(),
        data=data,
        script="\n".join(part(f"{name}.js") for name in SCRIPTS),
    )
    write_text(path, text, errors="backslashreplace")  # a folder may have any name

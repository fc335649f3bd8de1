"""The page of a sweep: one file that opens from disk and fetches nothing."""

import html
import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from mlp_exp.storage.atomic import atomic

SCRIPTS = ("base", "leaderboard", "curves", "mattered", "pair", "page")


def write_page(path: Path, title: str, shown: Mapping[str, Any]) -> None:
    """Writes the page.

    Args:
        shown: from `gather`.
    """
    from plotly.offline import get_plotlyjs

    def part(name: str) -> str:
        return (files("mlp_exp.compare") / "web" / name).read_text(encoding="utf-8")

    text = Template(part("page.html")).substitute(
        title=html.escape(title),
        style=part("page.css"),
        plotly=get_plotlyjs(),
        data=_in_script(shown),
        script="\n".join(part(f"{name}.js") for name in SCRIPTS),
    )
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")  # a folder may have any name


def _in_script(values: Mapping[str, Any]) -> str:
    """JSON in which no text can end the script element: a class may be named `</script>`."""
    return json.dumps(values, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")

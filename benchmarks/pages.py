"""Pages whose tables are measured, and the tables."""

import re
import statistics
from collections.abc import Sequence
from pathlib import Path

Row = Sequence[str]


def write_section(page: Path, name: str, maker: str, text: str) -> None:
    """Puts a text between the marks of this name: `<!-- name: made by maker -->` and `<!-- end of name -->`.

    Raises:
        ValueError: the page has no such marks.
    """
    start, end = f"<!-- {name}: made by {maker} -->", f"<!-- end of {name} -->"
    marked = f"{re.escape(start)}.*?{re.escape(end)}"
    body = f"{start}\n{text}\n{end}"
    written, count = re.subn(marked, lambda _: body, page.read_text(encoding="utf-8"), flags=re.DOTALL)
    if not count:
        raise ValueError(f"{page}: expected the marks {start} and {end}")
    page.write_text(written, encoding="utf-8")


def spread(values: Sequence[float]) -> str:
    """Mean ± standard deviation; the mean alone of a single value."""
    mean = f"{statistics.fmean(values):.4f}"
    return f"{mean} ± {statistics.stdev(values):.4f}" if len(values) > 1 else mean


def table(head: Row, rows: Sequence[Row]) -> str:
    """In Markdown; the first column is text, the others are numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

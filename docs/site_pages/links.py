"""Links lead to the same place in the repository and on the site.

A page links to a file by its path, wherever in the repository it is. Files that are pages of the site, too, open as
such; all others are downloads. The build fails where there is no such file or no such heading.
"""

import os
import re
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent
ROOT = DOCS.parent
PAGES = {
    ROOT / "benchmarks" / "RESULTS.md": DOCS / "explanation" / "measured.md",
    ROOT / "CHANGELOG.md": DOCS / "reference" / "changelog.md",
}
"""Files outside docs/ that pages include whole."""

_LINK = re.compile(r"(?<=\]\()([^)\s#:]+)(?=[)#])")


def followed(text: str, source: Path, page: Path) -> str:
    """Markdown of a file `source` as a part of `page`, with its relative links changed where they have to be.

    >>> followed("[a](quality.jsonl)", ROOT / "benchmarks" / "RESULTS.md", DOCS / "explanation" / "measured.md")
    '[a](../../benchmarks/quality.jsonl)'
    """

    def link(found: re.Match[str]) -> str:
        path = Path(os.path.normpath(source.parent / found[1]))
        return os.path.relpath(PAGES.get(path, path), page.parent)

    return _LINK.sub(link, text)

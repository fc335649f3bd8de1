"""What this project adds to Sphinx."""

import re
from pathlib import Path
from typing import Any

from docutils.nodes import document
from sphinx.application import Sphinx

from site_pages.docstrings import hide_constructor, link_public, mark_code
from site_pages.images import with_dark
from site_pages.links import followed
from site_pages.made import with_made


def read_page(app: Sphinx, name: str, content: list[str]) -> None:
    """The text of a page before it is parsed."""
    path = Path(app.env.doc2path(name))
    content[0] = with_dark(with_made(followed(content[0], path, path)), path)


def read_included(app: Sphinx, source: Path, name: str, content: list[str]) -> None:
    """Likewise of a file that a page includes, by its path relative to docs/; MyST gives the page's last name alone."""
    content[0] = followed(content[0], (Path(app.srcdir) / source).resolve(), Path(app.env.doc2path(app.env.docname)))


def break_names(_app: Sphinx, _page: str, _template: str, context: dict[str, Any], _doctree: document | None) -> None:
    """Long names in code may be broken after the signs inside them, and nowhere else; copied they are whole."""

    def broken(name: re.Match[str]) -> str:
        return re.sub(r"(?<=\w)[_./](?=[A-Za-z])", r"\g<0><wbr>", name[0])

    if "body" in context:
        context["body"] = re.sub(r'(?<=<span class="pre">)[^<]+', broken, context["body"])


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("source-read", read_page)
    app.connect("include-read", read_included)
    app.connect("html-page-context", break_names)
    app.connect("autodoc-process-docstring", mark_code, priority=400)  # before napoleon
    app.connect("autodoc-process-signature", hide_constructor)
    app.connect("missing-reference", link_public)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""Dark pages show the twin of an image on a white ground, `NAME_dark.png` beside it, where there is one."""

import re
from pathlib import Path

_IMAGE = re.compile(r"^!\[([^\]]*)\]\((\S+)\.png\)$", re.MULTILINE)


def with_dark(text: str, page: Path) -> str:
    """A page's Markdown in which images that have a twin are followed by it."""

    def both(found: re.Match[str]) -> str:
        words, image = found.groups()
        if not (page.parent / f"{image}_dark.png").exists():
            return found[0]
        shown = (("light", image), ("dark", f"{image}_dark"))
        return "\n".join(f"```{{image}} {name}.png\n:class: only-{mode}\n:alt: {words}\n```" for mode, name in shown)

    return _IMAGE.sub(both, text)

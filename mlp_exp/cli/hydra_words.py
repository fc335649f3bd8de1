"""Words of Hydra's command line."""

import re

RUN_DIR = "hydra.run.dir="
SWEEP_DIR = "hydra.sweep.dir="
SUBDIR = "hydra.sweep.subdir"
BY_THOUSAND = "${by_thousand:}"
"""Its value for folders in sub-folders of a thousand."""


def quoted(text: str) -> str:
    """A text as a value of Hydra's command line, where backslashes count before quotes alone; a plain path as it is."""
    if re.fullmatch(r"/[A-Za-z0-9_./-]*", text):
        return text
    escaped = re.sub(r"(\\*)('|\Z)", lambda found: 2 * found[1] + ("\\'" if found[2] else ""), text)
    return f"'{escaped}'"


def unquoted(text: str) -> str:
    """A value as typed, without its quotes: the inverse of `quoted`; one that has none as it is.

    >>> unquoted(quoted("it's"))
    "it's"
    """
    mark = text[:1]
    if len(text) < 2 or mark not in ("'", '"') or text[-1] != mark:
        return text
    inside = re.compile(rf"((?:\\\\)*)(\\{mark}|$)")
    return inside.sub(lambda found: found[1][::2] + (mark if found[2] else ""), text[1:-1])

"""YAML files with their comments: what each line says, for people."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

import yaml

from mlp_exp.config.by_data import PAIRS

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""What YAML counts as the end of a line."""
PACKAGE = re.compile(r"#\s*@package\s+(\S+)")


@dataclass(frozen=True)
class Line:
    """A key of a file.

    Attributes:
        key: dotted, from the top of the file.
        value: as text on one line, numbers as they are written.
        comment: at the end of its line; where a value by data stands on the lines below, of those.
        inner: whether the keys of its value are lines of their own.
    """

    key: str
    value: str
    comment: str
    inner: bool = False


@dataclass(frozen=True)
class CommentedFile:
    """A file of a group.

    Attributes:
        comment: the lines at the top.
        package: where its keys go, if it says so: `_global_`.
        defaults: `("adam", "")` for another file, `("override /optimizer", "adamw")` for a choice, each as a line.
        lines: its other keys.
    """

    comment: str = ""
    package: str | None = None
    defaults: tuple[Line, ...] = ()
    lines: tuple[Line, ...] = ()


def read_commented(path: Path) -> CommentedFile:
    """Reads a file; one that cannot be read, or is no mapping, is empty: whoever composes it says what is wrong."""
    try:
        return _parsed(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError):
        return CommentedFile()


@cache
def _parsed(text: str) -> CommentedFile:
    rows = BREAK.split(text)
    head = list(takewhile(lambda row: row.startswith("#"), rows))
    packages = [found[1] for row in head if (found := PACKAGE.match(row))]
    comment = "\n".join(row[1:].strip() for row in head if not PACKAGE.match(row))
    top = yaml.compose(text, Loader=LOADER)
    pairs = top.value if isinstance(top, yaml.MappingNode) else []
    defaults = [value for key, value in pairs if key.value == "defaults"]
    others = [(key, value) for key, value in pairs if key.value != "defaults"]
    return CommentedFile(
        comment,
        packages[0] if packages else None,
        tuple(_defaults(defaults[0], rows)) if defaults else (),
        tuple(_lines(others, rows)),
    )


def _defaults(node: yaml.Node, rows: Sequence[str]) -> Iterator[Line]:
    for each in node.value if isinstance(node, yaml.SequenceNode) else ():
        if isinstance(each, yaml.MappingNode):
            yield from (Line(str(key.value), _text(value), _comment(key, value, rows)) for key, value in each.value)
        else:
            yield Line(str(each.value), "", _comment(each, each, rows))


def _lines(pairs: Sequence[tuple[yaml.Node, yaml.Node]], rows: Sequence[str], where: str = "") -> Iterator[Line]:
    for key, value in pairs:
        name, comment = f"{where}{key.value}", _comment(key, value, rows)
        if not isinstance(value, yaml.MappingNode) or not value.value:
            yield Line(name, _text(value), comment)
            continue
        below = list(_lines(value.value, rows, f"{name}."))
        if {str(inner.value) for inner, _ in value.value} in map(set, PAIRS):
            yield Line(name, _text(value), comment or "; ".join(line.comment for line in below if line.comment))
        else:
            yield Line(name, _text(value), comment, inner=True)
            yield from (replace(line, comment="") for line in below) if value.flow_style else below


def _text(node: yaml.Node) -> str:
    """A value on one line."""
    if isinstance(node, yaml.MappingNode):
        return f"{{{', '.join(f'{key.value}: {_text(value)}' for key, value in node.value)}}}"
    if isinstance(node, yaml.SequenceNode):
        return f"[{', '.join(map(_text, node.value))}]"
    text = " ".join(str(node.value).split())
    style = node.style if isinstance(node, yaml.ScalarNode) else None
    if style in ("'", '"'):
        return f"{style}{text}{style}"
    return text or "null"


def _comment(key: yaml.Node, value: yaml.Node, rows: Sequence[str]) -> str:
    """At the end of the key's line."""
    line = key.start_mark.line
    end = value.end_mark if value.end_mark.line == line else key.end_mark
    found = re.search(r"(?:^|\s)#\s*(.*)", rows[line][end.column :]) if end.line == line else None
    return found[1].strip() if found else ""

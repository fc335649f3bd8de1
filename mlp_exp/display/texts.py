"""Texts on the console: long names shortened, sentences wrapped at words."""

import re
from collections.abc import Iterable, Iterator
from itertools import product

from rich.cells import cell_len

CUT = "…"
NUMBERS = re.compile(r"\[[-+.\de, ]+\]$")
"""A list of numbers, also as the value of a key: a part of it would read as other numbers."""
_OF_NUMBERS = "-+.0123456789e"
_PART = re.compile(r"[-+.\d][-+.\de]*$")
"""A number, or the start of one, at the end of a text."""
_TO_PASTE = re.compile(r"(?:\S*python\S* -m |\bmlp-[a-z]+ |\S+=\S+ \S+=).*")
"""A command, or several overrides: a line break inside would end them where they are pasted."""


def shortened(names: Iterable[str], width: int) -> dict[str, str]:
    """Each name in at most so many columns of the terminal, with `…` in its middle or where names stay different.

    The whole names where no part of that length tells them apart.

    >>> shortened(["living_area_of_the_house", "living_area_of_the_garden", "x"], 13)
    {'living_area_of_the_house': 'living…_house', 'living_area_of_the_garden': 'living…garden', 'x': 'x'}
    """
    different = list(dict.fromkeys(names))
    heads = sorted(range(width), key=lambda head: abs(2 * head - width + 1))
    for whole, head in product((True, False), heads):
        short = {name: _cut(name, head, width, whole=whole) for name in different}
        if len(set(short.values())) == len(different):
            return short
    return {name: name for name in different}


def _cut(text: str, head: int, width: int, *, whole: bool) -> str:
    """A text with `…` at a place; with `whole` numbers of a list are left out rather than cut."""
    if cell_len(text) <= width:
        return text
    start = _start(text, head)
    end = _start(text[::-1], width - 1 - cell_len(start))[::-1]
    if whole and NUMBERS.search(text):
        start = _PART.sub("", start) if text[len(start)] in _OF_NUMBERS else start
        end = end.lstrip(_OF_NUMBERS) if text[-len(end) - 1] in _OF_NUMBERS else end
    return start + CUT + end


def _start(text: str, width: int) -> str:
    """The longest start that takes at most so many columns."""
    end = max(0, min(len(text), width))
    while cell_len(text[:end]) > width:
        end -= 1
    return text[:end]


def flowing(line: str, width: int) -> Iterator[str]:
    """The lines of a sentence that is wrapped at words; a longer word, such as a path, and a command stay whole.

    >>> list(flowing("Go on with: python -m mlp_exp.run resume=a/b", 30))
    ['Go on with:', 'python -m mlp_exp.run resume=a/b']
    """
    if cell_len(line) <= width:
        return iter([line])
    found = _TO_PASTE.search(line)
    prose, rest = (line[: found.start()], [found[0]]) if found else (line, [])
    return wrapped([*prose.split(), *rest], width, line[: len(line) - len(line.lstrip())])


def wrapped(words: Iterable[str], width: int, indent: str = "") -> Iterator[str]:
    """Lines of as many words as fit.

    >>> list(wrapped(["a=1", "b=2", "c=3"], 8))
    ['a=1 b=2', 'c=3']
    """
    current = ""
    for word in words:
        longer = f"{current} {word}" if current else indent + word
        if current and cell_len(longer) > width:
            yield current
            longer = indent + word
        current = longer
    yield current

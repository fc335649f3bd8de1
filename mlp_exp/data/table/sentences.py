"""Tells columns of sentences, titles, names or addresses from columns of categories and codes."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

SAMPLE, BEGINNING = 10_000, 200
"""Texts that are looked at, and characters of each."""
MOSTLY = 0.8
"""Fraction of the texts that have what is said of all."""
DIFFERENT = 0.5
"""Categories are the same in many rows: in a column of texts at least this fraction of the rows is distinct …"""
FEW = 20
"""… and at least so many are, since a few short categories can all differ …"""
UNIQUE = 0.95
"""… unless this fraction is distinct: then no category says anything."""
WORD = re.compile(r"[^\W\d_]{2,}")
CODE = re.compile(r"(?=.*[\d@_/\\.:])[!-~]+")
"""One word with a digit or a sign that words do not have: a number, an identifier, an address in a network, a file."""


def holds_sentences(texts: Sequence[str], given: int) -> bool:
    """Whether a column holds texts that are to be read, and not categories or codes.

    Texts are read where they differ in most rows and consist of words: comments, titles, postal addresses, names of
    persons. Single words are read only where (nearly) every row has another one, so that they cannot be categories.
    Codes are never read: one word with digits or signs, or all of one shape, as `AB-123` and `Item 7`.

    Args:
        texts: the distinct texts of the column.
        given: rows that have a text.
    """
    if len(texts) < 2 or len(texts) < DIFFERENT * given:
        return False
    sample = [text[:BEGINNING] for text in texts[:: len(texts) // SAMPLE + 1]]
    if _are_codes(sample):
        return False
    words = [len(WORD.findall(text)) for text in sample]
    if len(texts) >= UNIQUE * given:
        return _share(count >= 1 for count in words) >= MOSTLY
    return len(texts) >= FEW and _share(count >= 2 for count in words) >= MOSTLY


def _are_codes(texts: Sequence[str]) -> bool:
    """Whether most are one word with digits or signs, or have the same shape."""
    shapes = Counter(map(_shape, texts))
    return _share(bool(CODE.fullmatch(text)) for text in texts) >= MOSTLY or max(shapes.values()) >= max(
        2, MOSTLY * len(texts)
    )


def _shape(text: str) -> str:
    """The text with `a` for each letter and `9` for each number, however long."""
    return re.sub(r"\d+", "9", re.sub(r"[^\W\d_]", "a", text))


def _share(found: Iterable[bool]) -> float:
    flags = list(found)
    return sum(flags) / len(flags)

"""How a CSV file is laid out, from its first lines: the separator, lines before the header, and how many fields."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

SEPARATORS = ("\t", ";", "|", ",")
"""The first that divides all lines into the same number of fields is taken: a comma may be a decimal sign."""
LINES = 30
"""Lines after the header that are compared with it."""
SEP_LINE = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
RULE_LINE = re.compile(r"[-=+| \t,;]*-{2}[-=+| \t,;]*")
"""A line of dashes below the header, as SQL tools print."""
QUOTED = re.compile(rf'(?:(?<=[\n\r{"".join(map(re.escape, SEPARATORS))}])|\A)[ ]?"(?:[^"]|"")*"')
NUMBER = re.compile(r"[-+]?(\d+([.,]\d*)?|[.,]\d+)([eE][-+]?\d+)?")


@dataclass(frozen=True)
class Dialect:
    """The layout of a CSV file.

    Attributes:
        skipped: lines before the header, which are no part of the table: `sep=;`, comments, a title, empty ones.
        names: names of the fields as far as they can be read from the sample.
        before, after: fields of the rows that have no name in the header: as R writes row names in front, and some
            programs a separator at the end of each row.
        ruled: whether a line of dashes follows the header.
    """

    separator: str
    skipped: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    before: int = 0
    after: int = 0
    ruled: bool = False


def detect_dialect(sample: str, separator: str | None, *, has_header: bool = True, whole: bool = True) -> Dialect:
    r"""The layout of a text that begins with this sample; `whole` if it also ends with it.

    >>> detect_dialect("sep=;\na;b\n1,5;2\n", None)
    Dialect(separator=';', skipped=('sep=;',), names=('a', 'b'), before=0, after=0, ruled=False)
    """
    lines = _logical_lines(sample, whole=whole)
    told, start = None, 0
    while start < len(lines):
        found = SEP_LINE.fullmatch(_shown(lines[start]).strip(" "))
        if not found and lines[start].strip():
            break
        told, start = (found[1] if found else told), start + 1
    comments = start
    while (
        has_header
        and comments < len(lines)
        and (not lines[comments].strip() or lines[comments].lstrip().startswith("#"))
    ):
        comments += 1
    rows = [line for line in lines[comments:] if line.strip() and not line.startswith("#")][: LINES + 1]
    separator = separator or told or _separator(rows)
    if comments > start and comments < len(lines):
        last = max((at for at in range(start, comments) if lines[at].strip()), default=start)
        fields = lines[last].split(separator)
        if len(fields) > 1 and len(fields) == _usual(rows, separator) and has_header:
            comments = last  # `#id,name`: the header itself
    start = comments
    if has_header:
        start = _after_titles(lines, start, separator)
    rows = [line for line in lines[start:] if line.strip()]
    names = rows[0].split(separator) if rows else []
    ruled = has_header and len(rows) > 1 and RULE_LINE.fullmatch(rows[1]) is not None
    before, after = _unnamed(names, rows[1 + ruled :], separator) if has_header else (0, 0)
    return Dialect(separator, _physical(lines[:start]), tuple(map(_bare, names)), before, after, ruled)


def look_like_values(names: Sequence[str]) -> bool:
    """Whether names of columns may be a row of values: half of them or more are numbers."""
    given = [name for name in names if name]
    return len(given) > 0 and sum(NUMBER.fullmatch(name) is not None for name in given) >= len(given) / 2


def _logical_lines(sample: str, *, whole: bool) -> list[str]:
    """Lines, in which what stands in quotes has no line breaks and separators: control characters stand for them."""
    hidden = str.maketrans({"\n": "\x01", "\r": "\x02", **{sign: chr(3 + at) for at, sign in enumerate(SEPARATORS)}})
    text = QUOTED.sub(lambda found: found[0].translate(hidden), sample)
    lines = re.split(r"\r\n|\n|\r", text)
    if not whole and len(lines) > 1:
        lines.pop()  # it may be cut off
    while len(lines) > 1 and not lines[-1].strip():
        lines.pop()
    return lines


def _shown(line: str) -> str:
    """A logical line as it stands in the file."""
    shown = {1: "\n", 2: "\r"} | {3 + at: sign for at, sign in enumerate(SEPARATORS)}
    return line.translate(shown)


def _physical(lines: Sequence[str]) -> tuple[str, ...]:
    """The lines of the file that these are."""
    return tuple(part for line in lines for part in re.split(r"\r\n|\n|\r", _shown(line)))


def _bare(field: str) -> str:
    """A field without its quotes, on one line."""
    text = _shown(field).strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1].replace('""', '"')
    return " ".join(text.split())


def _usual(rows: Sequence[str], separator: str) -> int:
    """The number of fields that most rows have."""
    counts = Counter(len(row.split(separator)) for row in rows)
    return max(counts, key=lambda count: (counts[count], count), default=1)


def _separator(rows: Sequence[str]) -> str:
    """Divides all rows alike; else most rows into most fields; a comma if none occurs."""
    for separator in SEPARATORS:
        if len({len(row.split(separator)) for row in rows}) == 1 and separator in "".join(rows[:1]):
            return separator

    def agreeing(separator: str) -> int:
        usual = _usual(rows, separator)
        return sum(len(row.split(separator)) == usual for row in rows) if usual > 1 else 0

    most = max(agreeing(separator) for separator in SEPARATORS)
    likely = [separator for separator in SEPARATORS if agreeing(separator) >= 0.8 * most]
    return max(likely, key=lambda separator: rows[0].count(separator) if rows else 0) if most else ","


def _after_titles(lines: Sequence[str], start: int, separator: str) -> int:
    """The line of the header: the first that has as many fields as most, after lines that have one."""
    rest = [line for line in lines[start:] if line.strip()][: LINES + 1]
    usual = _usual(rest, separator)
    if usual < 2 or len(rest) < 3:
        return start

    def is_title(place: int) -> bool:
        first, *others = map(str.strip, lines[place].split(separator))
        if not others or not (first or any(others)) or (first != "" and not any(others) and usual > 2):
            return True
        after = [line.split(separator) for line in lines[place + 1 :] if line.strip()][:2]
        looks_like_names = len(after) == 2 and len(after[0]) == usual and all(after[0]) and not _has_number(after[0])
        return looks_like_names and _has_number(after[1]) and not all([len(others) + 1 == usual, first, *others])

    while start < len(lines) - 1 and is_title(start):
        start += 1
    return start


def _has_number(fields: Sequence[str]) -> bool:
    return any(NUMBER.fullmatch(_bare(field)) for field in fields)


def _unnamed(names: Sequence[str], rows: Sequence[str], separator: str) -> tuple[int, int]:
    """How many fields without a name all rows have in front, and at the end."""
    counts = {len(row.split(separator)) for row in rows[:LINES]}
    if len(counts) != 1 or (extra := counts.pop() - len(names)) < 1:
        return 0, 0
    if all(not field.strip() for row in rows[:LINES] for field in row.split(separator)[-extra:]):
        return 0, extra
    return (1, 0) if extra == 1 and len(names) > 1 else (0, 0)

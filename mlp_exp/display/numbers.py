"""Numbers as tables show them: as many digits as tell them apart, below one another by their decimal points."""

import math
import re
from collections.abc import Sequence
from statistics import median

NOTHING = "–"
SMALL = 0.001
"""Four decimals of a value below this say too little."""
LARGE = 1e9
"""From here on a value has an exponent: a run that diverged may be anywhere."""
SIGNIFICANT = 5
"""Digits of a value …"""
MOST_DECIMALS = 4
"""… of which so many stand behind the point, unless values differ by less."""
FINEST_DECIMALS = 8
LONGEST_TYPED = 8
"""Characters of a number that are shown as they were typed."""

MeanAndDeviation = tuple[float, float | None]
"""The deviation is None for a single value."""

MARK = "*"
"""Beside the label of the best row."""

_NUMBER = re.compile(r"([-+]?(?:\d+|nan|inf))((?:\.\d+)?(?:e[-+]?\d+)?(?: \(.*\)| \*)?)( ± .*)?", re.IGNORECASE)
"""What stands before the point, what after it with an interval or mark, and the deviation."""


def decimals_of(value: float) -> int:
    """How many decimals a value has that is shown by itself.

    >>> decimals_of(0.5), decimals_of(26574.1)
    (4, 0)
    """
    if value == 0 or not math.isfinite(value):
        return MOST_DECIMALS
    return min(MOST_DECIMALS, max(0, SIGNIFICANT - 1 - math.floor(math.log10(abs(value)))))


def number(value: float) -> str:
    """A value that stands by itself, such as `0.9512` or `26574`; a small one has four significant digits.

    >>> number(0.95123), number(26574.0764), number(0.00002), number(1e30)
    ('0.9512', '26574', '2e-05', '1e+30')
    """
    is_odd = 0 < abs(value) < SMALL or abs(value) >= LARGE
    return f"{value:.4g}" if is_odd else f"{value:.{decimals_of(value)}f}"


def in_sentence(value: float, digits: int = 4) -> str:
    """A value with so many significant digits and no zeros behind them; a large one is a whole number.

    >>> in_sentence(0.95), in_sentence(9999.6), in_sentence(22130.6518)
    ('0.95', '10000', '22131')
    """
    text = f"{value:.{digits}g}"
    return f"{value:.0f}" if "e+" in text and abs(value) < LARGE else text


def score(value: float, interval: tuple[float, float] | None) -> str:
    """A value such as `0.9512`, or `0.9512 (0.931–0.967)`.

    The ends of an interval have so many digits that two of its width are seen.

    >>> score(0.99981, (0.99949, 1.0))
    '0.9998 (0.99949–1.00000)'
    """
    text = number(value)
    if interval is None:
        return text
    width = interval[1] - interval[0]
    digits = min(FINEST_DECIMALS, max(0, _two_digits(width))) if width > 0 else MOST_DECIMALS
    is_small = 0 < max(map(abs, interval)) < SMALL
    low, high = (format(end, ".3g" if is_small else f".{digits}f") for end in interval)
    return f"{text} ({low}{' to ' if interval[0] < 0 else '–'}{high})"


def in_column(values: Sequence[MeanAndDeviation | None], *, whole: bool = False) -> list[str]:
    """Values that stand below one another, with equally many decimals: so many that their spread is seen.

    Deviations, where there are any, have two digits. One value that is far from all others changes nothing.

    Args:
        whole: for counts, which have no decimals.

    >>> in_column([(0.98333, 0.0124), (0.96667, 0.0231), None])
    ['0.983 ± 0.012', '0.967 ± 0.023', '–']
    """
    known = [pair for pair in values if pair is not None and all(map(math.isfinite, (pair[0], pair[1] or 0.0)))]
    decimals = 0 if whole else _decimals([mean for mean, _ in known], [deviation or 0.0 for _, deviation in known])
    return [NOTHING if pair is None else _pair(*pair, decimals) for pair in values]


def _pair(mean: float, deviation: float | None, decimals: int) -> str:
    return _fixed(mean, decimals) + ("" if deviation is None else f" ± {_fixed(deviation, decimals)}")


def _fixed(value: float, decimals: int) -> str:
    """With so many decimals; a number that they would make 0, or that is huge, has an exponent."""
    is_odd = 0 < abs(value) < 0.5 * 10.0**-decimals or abs(value) >= LARGE
    return f"{value:.3g}" if is_odd else f"{value:.{decimals}f}"


def _decimals(means: Sequence[float], deviations: Sequence[float]) -> int:
    by_spread = _two_digits(_spread(means))
    known = [value for value in deviations if value > 0]
    if known:
        return min(FINEST_DECIMALS, max(0, _two_digits(median(known)), by_spread))
    typical = median(map(abs, means)) if means else 0.0
    return max(decimals_of(typical), min(FINEST_DECIMALS, by_spread))


def _spread(values: Sequence[float]) -> float:
    """Between the quartiles; from the lowest to the highest where those are equal."""
    if not values:
        return 0.0
    ordered = sorted(values)
    quarter = len(ordered) // 4
    return (ordered[-1 - quarter] - ordered[quarter]) or (ordered[-1] - ordered[0])


def _two_digits(value: float) -> int:
    """How many decimals show two digits of a value; 0 of one that is 0."""
    return 1 - math.floor(math.log10(value)) if 0 < value < math.inf else 0


def as_typed(values: Sequence[str]) -> list[str]:
    """Values of a key, where long numbers have four significant digits, or as many as tell them apart.

    >>> as_typed(["0.053606374927870105", "[64,32]", "1e-3"])
    ['0.05361', '[64,32]', '1e-3']
    """
    for digits in range(4, 17):
        shown = {value: _cut(value, digits) for value in values}
        if len(set(shown.values())) == len(shown):
            return [shown[value] for value in values]
    return list(values)


def _cut(value: str, digits: int) -> str:
    try:
        long = len(value) > LONGEST_TYPED and not value.lstrip("+-").isdigit()
        return f"{float(value):.{digits}g}" if long else value
    except ValueError:
        return value


def is_number(cell: str) -> bool:
    """Whether a cell begins with a number, and has at most a deviation or an interval beside it."""
    return _NUMBER.fullmatch(cell) is not None


def aligned(cells: Sequence[str]) -> list[str]:
    """The same, where those that are numbers are padded so that their decimal points stand below one another.

    >>> aligned(["10.5", "0.25", "–"])
    ['10.5 ', ' 0.25', '–']
    """
    found = [_NUMBER.fullmatch(cell) for cell in cells]
    parts = [match.groups(default="") for match in found if match]
    if not parts:
        return list(cells)
    left, right = (max(len(part[place]) for part in parts) for place in (0, 1))
    tails = iter(_deviations([tail for *_, tail in parts]))
    padded = iter(f"{whole.rjust(left)}{rest.ljust(right)}{next(tails)}" for whole, rest, _ in parts)
    return [next(padded) if match else cell for cell, match in zip(cells, found, strict=True)]


def _deviations(tails: Sequence[str]) -> list[str]:
    """Deviations, whose points are aligned likewise; blanks where there is none."""
    sign = " ± "
    numbers = iter(aligned([tail.removeprefix(sign) for tail in tails if tail]))
    padded = [sign + next(numbers) if tail else "" for tail in tails]
    width = max(map(len, padded))
    return [tail.ljust(width) for tail in padded]

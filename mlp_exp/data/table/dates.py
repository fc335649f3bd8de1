"""Dates as people write them: `31.12.2020`, `12/31/20 5:30 PM`, `3 Jan 2020`, `2020-01`, `2020-01-31 10:30:00.123 UTC`.

The order of day, month and year is found from a column as a whole, and is the same for all of its dates.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlp_exp.data.table.numbers import SAMPLE, evenly_spaced, normal

Ints = NDArray[np.int64]

_NAMES = (
    "jan january januar janvier enero ene gennaio gen janeiro januari styczeń stycznia sty января янв",
    "feb february februar février fév fevrier febrero febbraio fevereiro fev februari luty lutego lut февраля фев",
    "mar march märz mär mrz mars marzo março maart mrt marzec marca марта мар",
    "apr april avril avr abril abr aprile kwiecień kwietnia kwi апреля апр",
    "may mai mayo maggio mag maio mei maj maja мая",
    "jun june juni juin junio giugno giu junho czerwiec czerwca cze июня июн",
    "jul july juli juillet juil julio luglio lug julho lipiec lipca lip июля июл",
    "aug august août aout agosto ago augustus sierpień sierpnia sie августа авг augusti",
    "sep sept september septembre septiembre settembre set setembro wrzesień września wrz сентября сен",
    "oct october oktober okt octobre octubre ottobre ott outubro out październik października paź октября окт",
    "nov november novembre noviembre novembro listopad listopada lis ноября ноя",
    "dec december dezember dez décembre déc decembre diciembre dic dicembre dezembro grudzień grudnia gru декабря дек",
)
MONTHS = {name: month for month, names in enumerate(_NAMES, 1) for name in names.split()}
"""English, German, French, Spanish, Italian, Portuguese, Dutch, Swedish, Polish and Russian names of months."""
_DAY, _MONTH, _YEAR, _ANY_YEAR = r"(?P<d>\d{1,2})", r"(?P<m>\d{1,2})", r"(?P<y>\d{4})", r"(?P<y>\d{4}|\d{2})"
_SOME_YEAR = r"(?P<y>1[5-9]\d{2}|2[01]\d{2})"
_COMPACT = r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})"
_NAME = r"(?P<b>\pL{3,10})\.?"
ORDERS = {
    "y-m-d": rf"{_YEAR}(?:[-/.]|年){_MONTH}(?:[-/.]|月){_DAY}日?",
    **{f"d{sign}m{sign}y": rf"{_DAY}[{sign}] ?{_MONTH}[{sign}] ?{_ANY_YEAR}" for sign in "./-"},
    **{f"m{sign}d{sign}y": rf"{_MONTH}[{sign}] ?{_DAY}[{sign}] ?{_ANY_YEAR}" for sign in "./-"},
    "day name year": rf"{_DAY}(?:st|nd|rd|th|er|\.|º)?[ /-]?(?:de )?{_NAME}(?: de)?[ ,/-]*{_ANY_YEAR}",
    "name day year": rf"{_NAME}[ -]?{_DAY}(?:st|nd|rd|th)?,? *-?{_YEAR}",
    "year name day": rf"{_YEAR}[ -]?{_NAME}[ -]?{_DAY}",
    "year month": rf"{_SOME_YEAR}[-/.]{_MONTH}",
    "month year": rf"{_MONTH}[-/.]{_SOME_YEAR}",
    "name year": rf"{_NAME}[ ,/-]*{_YEAR}",
    "name short year": rf"{_NAME}[-/'](?P<y>\d{{2}})",
    "year name": rf"{_YEAR}[ -]{_NAME}",
    "year quarter": rf"{_YEAR}[ -]?[Qq](?P<q>[1-4])",
    "quarter year": rf"[Qq](?P<q>[1-4])[ /-]?{_YEAR}",
    "compact time": rf"{_COMPACT}T(?P<H>\d{{2}})(?P<M>\d{{2}})(?P<S>\d{{2}})?(?:[.,](?P<f>\d{{1,9}}))?",
    "compact": _COMPACT,
    "year": _YEAR,
}
"""Regular expressions (RE2) of a day, or of a month or year, which stands for its first day."""
DAY_FIRST = tuple(f"d{sign}m{sign}y" for sign in "./-")
MONTH_FIRST = tuple(f"m{sign}d{sign}y" for sign in "./-")
ASKED_FOR = ("compact", "year")
"""Orders that are whole numbers, too: taken only for a column of `data.dates`."""
WHOLE_PERIODS = (
    "year month",
    "month year",
    "name year",
    "name short year",
    "year name",
    "year quarter",
    "quarter year",
    "year",
)
_HALF = r"(?P<p>[AaPp]\.?[Mm]\.?)"
TIME = rf"(?:[T ,:]+(?P<H>\d{{1,2}})[:.](?P<M>\d{{2}})(?:[:.](?P<S>\d{{2}})(?:[.,](?P<f>\d{{1,9}}))?)? ?{_HALF}?)?"
COMPACT_TIME = r"(?:T?(?P<H>\d{2})(?P<M>\d{2})(?:(?P<S>\d{2})(?:[.,](?P<f>\d{1,9}))?)?(?P<p>))?"
ZONE = r" ?(?P<z>[Zz]|UTC|GMT|(?:UTC|GMT)?[+-]\d{1,2}(?::?\d{2})?)?(?: ?\[[A-Za-z_/]+\])?"
WEEKDAY = r"(?:(?:[Mm]on|[Tt]ue|[Ww]ed|[Tt]hu|[Ff]ri|[Ss]at|[Ss]un)[a-z]{0,6}\.?,? )?"
DIRECTIVES = {
    "%d": r"(?P<d>\d{1,2})", "%m": r"(?P<m>\d{1,2})", "%Y": r"(?P<y>\d{4})", "%y": r"(?P<y>\d{2})",
    "%b": r"(?P<b>\pL+)\.?", "%B": r"(?P<b>\pL+)", "%H": r"(?P<H>\d{1,2})", "%I": r"(?P<H>\d{1,2})",
    "%M": r"(?P<M>\d{1,2})", "%S": r"(?P<S>\d{1,2})", "%f": r"(?P<f>\d{1,9})", "%p": r"(?P<p>[AaPp]\.?[Mm]\.?)",
    "%z": r"(?P<z>[Zz]|UTC|GMT|[+-]\d{1,2}(?::?\d{2})?)", "%Z": r"(?P<z>[Zz]|UTC|GMT)", "%a": r"\pL+\.?", "%A": r"\pL+",
    "%%": "%",
}  # fmt: skip
"""What a directive of `data.date_format` stands for, as in Python's strptime."""
FEW = 20
"""Texts that are looked at first: an order that fits less than a quarter of them is not tried on the sample."""
PIVOT = 69
"""Two-digit years from this on are of the 20th century, as in POSIX."""


@dataclass(frozen=True)
class DateForm:
    """How the dates of a column are written.

    Attributes:
        order: a key of `ORDERS`, or a text with the directives of strptime.
        zoned: whether each date has a time zone; if not, none has.

    >>> DateForm("d.m.y").parse(pa.array(["31.12.2020", "1/2/21 5:30 PM", "12/31/2020"])).to_pylist()
    [datetime.datetime(2020, 12, 31, 0, 0), datetime.datetime(2021, 2, 1, 17, 30), None]
    """

    order: str
    zoned: bool = False

    @property
    def type(self) -> pa.DataType:
        return pa.timestamp("us", "UTC" if self.zoned else None)

    def parse(self, texts: pa.Array) -> pa.Array:
        """The dates as timestamps in microseconds, in UTC if zoned; null where a text is of another form, or null."""
        found = pc.extract_regex(normal(texts), pattern=pattern(self.order))
        there = pc.is_valid(found).to_numpy(zero_copy_only=False).astype(bool)
        fields = {field.name: found.field(index) for index, field in enumerate(found.type)}
        moments, good = _moments(fields)
        if "z" in fields:
            has_zone = pc.fill_null(pc.not_equal(fields["z"], ""), False).to_numpy(zero_copy_only=False)
            good &= has_zone == self.zoned
        elif self.zoned:
            good[:] = False
        return pa.array(moments, pa.timestamp("us"), mask=~(good & there)).cast(self.type)


@lru_cache(64)
def pattern(order: str) -> str:
    """The regular expression (RE2) of a date; its groups are y m d b (name of month) q H M S f p (half of day) z."""
    if order in ORDERS:
        if order in WHOLE_PERIODS:
            return f"^{ORDERS[order]}$"
        time = {"compact": COMPACT_TIME, "compact time": ""}.get(order, TIME)
        return f"^{WEEKDAY}{ORDERS[order]}{time}{ZONE}$"
    parts = re.split("(%.)", order)
    return "^" + "".join(DIRECTIVES.get(part, re.escape(part).replace(r"\ ", " +")) for part in parts) + "$"


@lru_cache(64)
def _compiled(order: str) -> re.Pattern[str]:
    return re.compile(python_pattern(order))


def python_pattern(order: str) -> str:
    """Like `pattern`, for Python's `re`."""
    return pattern(order).replace(r"\pL", r"[^\W\d_]")


def check_date_format(text: str) -> str | None:
    """What is wrong with a `data.date_format`; None if it can be used."""
    parts = re.findall("%.?", text)
    unknown = [part for part in parts if part not in DIRECTIVES]
    if unknown:
        return f"there is no directive {unknown[0]}"
    if not {"%Y", "%y"} & set(parts):
        return "it has no year, %Y or %y"
    groups = re.findall(r"\?P<(\w)>", "".join(DIRECTIVES[part] for part in parts))
    return "it has a field twice" if len(groups) > len(set(groups)) else None


def _moments(fields: Mapping[str, pa.Array]) -> tuple[NDArray[np.datetime64], NDArray[np.bool_]]:
    """Microseconds since 1970 `[N]` of extracted fields, and which of them are possible dates and times."""
    count = len(next(iter(fields.values())))
    year, month, day = (_number(fields, name, 1) for name in "ymd")
    short = pc.fill_null(pc.equal(pc.utf8_length(fields["y"]), 2), False).to_numpy(zero_copy_only=False)
    year = np.where(short.astype(bool), year + np.where(year < PIVOT, 2000, 1900), year)
    if "b" in fields:
        month = _month_numbers(fields["b"])
    if "q" in fields:
        month = 3 * _number(fields, "q", 1) - 2
    good = (year >= 1) & (month >= 1) & (month <= 12)
    first = (np.where(good, year, 1970) - 1970) * 12 + np.where(good, month, 1) - 1
    months = first.astype("datetime64[M]")
    days_of_month = ((months + 1).astype("datetime64[D]") - months.astype("datetime64[D]")).astype(np.int64)
    good &= (day >= 1) & (day <= days_of_month)
    hour, minute, second = (_number(fields, name, 0) for name in "HMS")
    if "p" in fields:
        half = pc.fill_null(pc.utf8_lower(pc.utf8_slice_codeunits(fields["p"], 0, 1)), "")
        afternoon, morning = (pc.equal(half, sign).to_numpy(zero_copy_only=False).astype(bool) for sign in ("p", "a"))
        good &= ~((afternoon | morning) & ((hour < 1) | (hour > 12)))
        hour = np.where(afternoon, hour % 12 + 12, np.where(morning, hour % 12, hour))
    good &= (hour < 24) & (minute < 60) & (second < 60)
    seconds = (hour * 60 + minute) * 60 + second - _offsets(fields.get("z"), count)
    micros = seconds * 1_000_000 + _microseconds(fields.get("f"), count)
    return months.astype("datetime64[D]").astype("datetime64[us]") + (day - 1) * 86_400_000_000 + micros, good


def parse_times(texts: pa.Array) -> pa.Array:
    """Times of day, as 23:59 and 23:59:59.5, as time64 in microseconds; null where a text is none, or null."""
    found = pc.extract_regex(texts, pattern=r"^(?P<H>\d{1,2}):(?P<M>\d{2})(?::(?P<S>\d{2})(?:\.(?P<f>\d{1,9}))?)?$")
    fields = {field.name: found.field(index) for index, field in enumerate(found.type)}
    hour, minute, second = (_number(fields, name, 0) for name in "HMS")
    micros = ((hour * 60 + minute) * 60 + second) * 1_000_000 + _microseconds(fields["f"], len(texts))
    bad = (hour > 23) | (minute > 59) | (second > 59) | found.is_null().to_numpy(zero_copy_only=False)
    return pa.array(micros, pa.int64(), mask=bad).cast(pa.time64("us"))


def _number(fields: Mapping[str, pa.Array], name: str, missing: int) -> Ints:
    """A field `[N]` as whole numbers, one of them for a field that is not there, or is empty."""
    if name not in fields:
        return np.full(len(next(iter(fields.values()))), missing, dtype=np.int64)
    texts = pc.if_else(pc.equal(fields[name], ""), pa.scalar(None, pa.string()), fields[name])
    return _ints(pc.fill_null(pc.cast(texts, pa.int64()), missing))


def _month_numbers(names: pa.Array) -> Ints:
    """Months from 1 on; 0 for a name that is none."""
    encoded = pc.utf8_lower(names).dictionary_encode()
    known: Ints = np.array([*(MONTHS.get(name, 0) for name in encoded.dictionary.to_pylist()), 0], dtype=np.int64)
    return known[_ints(encoded.indices.fill_null(-1))]


def _microseconds(fractions: pa.Array | None, count: int) -> Ints:
    """Of decimal fractions of a second; what is finer than a microsecond is cut off."""
    if fractions is None:
        return np.zeros(count, dtype=np.int64)
    padded = pc.utf8_slice_codeunits(pc.utf8_rpad(pc.fill_null(fractions, ""), 6, "0"), 0, 6)
    return _ints(pc.cast(padded, pa.int64()))


def _ints(values: pa.Array) -> Ints:
    numbers: Ints = values.to_numpy(zero_copy_only=False)
    return numbers


def _offsets(zones: pa.Array | None, count: int) -> Ints:
    """Seconds that a zone is ahead of UTC."""
    if zones is None:
        return np.zeros(count, dtype=np.int64)
    encoded = zones.dictionary_encode()
    seconds = []
    for zone in encoded.dictionary.to_pylist():
        found = re.search(r"([+-])(\d{1,2}):?(\d{2})?$", zone)
        sign = -1 if found and found[1] == "-" else 1
        seconds.append(sign * (int(found[2]) * 3600 + int(found[3] or 0) * 60) if found else 0)
    known: Ints = np.array([*seconds, 0], dtype=np.int64)
    return known[_ints(encoded.indices.fill_null(-1))]


@dataclass(frozen=True)
class DateGuess:
    """The form that fits a sample best, and the other one where the sample allows two, as `01/02/2020` does."""

    form: DateForm
    other: DateForm | None = None


def guess_date_form(
    texts: pa.Array, *, asked: bool = False, dayfirst: bool | None = None, format: str | None = None
) -> DateGuess | None:
    """A form of distinct texts: that of most dates in a sample; None if less than a quarter of it has one form.

    Args:
        asked: whether the user says that these are dates, so that whole numbers may be.
        dayfirst: what the user says of texts that allow both, as `01/02/2020`; None takes the month for the first,
            unless dots separate them.
        format: with the directives of strptime; the only form.
    """
    sample = normal(evenly_spaced(texts, SAMPLE))
    orders = [format] if format else [order for order in ORDERS if asked or order not in ASKED_FOR]
    orders.sort(key=lambda order: order in _less_likely(dayfirst))
    few = evenly_spaced(sample, FEW).to_pylist()
    counts = {
        form: len(sample) - form.parse(sample).null_count
        for form in (DateForm(order, zoned) for order in orders for zoned in (False, True))
        if 4 * sum(_compiled(form.order).fullmatch(text) is not None for text in few) >= len(few)
    }
    best = max(counts.values(), default=0)
    if best == 0 or 4 * best < len(sample):
        return None
    forms = [form for form, count in counts.items() if count == best]
    rivals = [form for form in forms[1:] if form.order in DAY_FIRST + MONTH_FIRST and form.zoned == forms[0].zoned]
    if rivals and rivals[0].parse(sample).equals(forms[0].parse(sample)):
        rivals = []
    return DateGuess(forms[0], rivals[0] if rivals else None)


def _less_likely(dayfirst: bool | None) -> tuple[str, ...]:
    """The orders to be taken only where the others do not fit: the month first with dots, else the day first."""
    if dayfirst is not None:
        return MONTH_FIRST if dayfirst else DAY_FIRST
    return tuple(order for order in DAY_FIRST + MONTH_FIRST if ("." in order) == (order in MONTH_FIRST))

"""Numbers as people write them: `1,234.50 €`, `(1 250)`, `12 %`, `3,5 kg`.

A form is found from a column as a whole, and is the same for all of its numbers: the decimal sign, what separates
thousands, and what stands before or after each number.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

SAMPLE = 500
"""Texts that are looked at to guess the form, which all have to fit."""
CURRENCY_CODES = """
AED AFN ALL AMD AOA ARS AUD AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY COP
CRC CUP CVE CZK DEM DJF DKK DOP DZD EGP ERN ETB EUR FJD FRF GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR
ILS INR IQD IRR ISK ITL JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK
MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RMB RON RSD RUB RWF
SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS
VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW Fr. Fr SFr. SFr Rs. Rs kr. kr zł Kč Ft RM Rp руб. руб
"""
SIGNS = "$¢£¤¥֏؋৲৳฿៛\u20a0-\u20cf﷼"
_CODES = "|".join(sorted(map(re.escape, CURRENCY_CODES.split()), key=len, reverse=True))
CURRENCY = rf"(?:[A-Za-z]{{0,3}}[{SIGNS}]|{_CODES})"
UNIT = rf"(?:(?:[kcdm]?m|ft|in|yd)[23]|(?:{CURRENCY}|[%‰°]|[^\W\d_])(?:[^\d,;()+-]{{0,14}}[^\d\s,;()+-])?)"
"""What may follow a number: a currency, a percent sign, or a unit such as kg, km/h, m² and °C."""
BODY = r"[.,]?\d(?:[\d.,'_ ]*\d)?[.,]?"
DRESSED = re.compile(
    rf"\(?[-+]? ?(?P<prefix>{CURRENCY})? ?\(?[-+]?(?P<body>{BODY})(?:[eE][-+]?\d+)?\)?-? ?(?P<suffix>{UNIT})?-?\)?"
)
"""Any text that may be a number; `NumberForm.fits` is strict."""
BLANKS = dict.fromkeys([0xA0, 0x202F, *range(0x2000, 0x200B), 0x3000, 0x9], " ")
SAME = {0x2212: "-", 0x2012: "-", 0x2013: "-", 0xFE63: "-", 0xFF0D: "-", 0x66B: ".", 0x66C: ","}
OTHER_SIGNS = r"[\x{A0}\x{B4}\x{2BC}\x{660}-\x{205F}\x{2212}\x{3000}\x{A620}-\x{1FBF9}]"
"""A sign that `normal` may replace; currency signs are none, so that a column of them is not looked at in Python."""
QUOTES = dict.fromkeys([0x2018, 0x2019, 0x2BC, 0xB4, 0x2032], "'")


@dataclass(frozen=True)
class NumberForm:
    """How the numbers of a column are written.

    Attributes:
        decimal: `.` or `,`.
        grouping: what separates thousands, as `,` `.` `'` `_` or a blank of any kind; empty for nothing.
        prefix, suffix: a currency, a percent sign or a unit, without blanks around it; empty for nothing.

    >>> NumberForm(",", ".", suffix="€").parse(pa.array(["1.234,50 €", "(7) €", "1,5,0"])).to_pylist()
    [1234.5, -7.0, None]
    """

    decimal: str = "."
    grouping: str = ""
    prefix: str = ""
    suffix: str = ""

    @property
    def is_plain(self) -> bool:
        return self == NumberForm()

    @property
    def lenient(self) -> "NumberForm":
        """The form with thousands separated by the other sign, if it is not plain and separates none."""
        if self.grouping or self.is_plain:
            return self
        return replace(self, grouping="," if self.decimal == "." else ".")

    @property
    def example(self) -> str:
        """A number in this form, for a message."""
        return f"{self.prefix}1{self.grouping}234{self.decimal}5{' ' * bool(self.suffix)}{self.suffix}"

    def fits(self, texts: pa.Array, *, bare: bool = False) -> pa.Array:
        """Which texts are numbers of this form; `bare` ones may lack the prefix and the suffix."""
        return pc.match_substring_regex(normal(texts), pattern(self, bare))

    def parse(self, texts: pa.Array) -> pa.Array:
        """The numbers as int64 where all are whole, else as float64; null where a text is of another form, or null.

        A number without the prefix and the suffix is one, too, and so is one with thousands separated where all numbers
        of the form are smaller: what later files of the same kind may hold. In a plain form a comma would be open.
        """
        if self.lenient != self:
            return self.lenient.parse(texts)
        texts = normal(texts)
        texts = pc.if_else(self.fits(texts, bare=True), texts, pa.scalar(None, pa.string()))
        for affix in filter(None, (self.prefix, self.suffix)):
            texts = pc.replace_substring(texts, affix, "", max_replacements=1)
        texts = pc.replace_substring_regex(texts, r"[.,]--?", "")
        for sign in filter(None, (" ", self.grouping.strip())):
            texts = pc.replace_substring(texts, sign, "")
        if self.decimal == ",":
            texts = pc.replace_substring(texts, ",", ".")
        negative = pc.or_(pc.match_substring(texts, "("), pc.or_(pc.ends_with(texts, "-"), pc.starts_with(texts, "-")))
        texts = pc.utf8_trim(texts, "()-+")
        texts = pc.if_else(negative, pc.binary_join_element_wise("-", texts, ""), texts)
        if not pc.any(pc.match_substring_regex(texts, "[.eE]")).as_py():
            try:
                return pc.cast(texts, pa.int64())
            except pa.ArrowInvalid:
                pass  # too large
        return pc.cast(texts, pa.float64())


@lru_cache(256)
def pattern(form: NumberForm, bare: bool) -> str:
    """The regular expression, of RE2 and of Python, of one number in this form."""
    maybe = "?" if bare else ""
    prefix = f"(?:{_escaped(form.prefix)} ?){maybe}" if form.prefix else ""
    suffix = f"(?: ?{_escaped(form.suffix)}){maybe}" if form.suffix else ""
    body = rf"(?:{_body(form.grouping, form.decimal)})(?:[eE][-+]?\d+)?"
    ways = (
        f"(?:[-+]? ?{prefix}|{prefix}[-+]?){body}{suffix}",
        f"{prefix}{body}{suffix}-",
        rf"\({prefix}{body}{suffix}\)",
        rf"{prefix}\({body}\){suffix}",
        rf"{prefix}{body}-{suffix}",
    )
    return f"^(?:{'|'.join(ways)})$"


def _escaped(text: str) -> str:
    return re.sub(r"([^\w\s])", r"\\\1", text, flags=re.ASCII) if text.isascii() else re.escape(text)


def _body(grouping: str, decimal: str) -> str:
    """Digits with separators: groups of three, or as in India of two before the last three."""
    point, whole = re.escape(decimal), r"\d+"
    if grouping:
        sign = "[ ]" if grouping == " " else re.escape(grouping)
        whole = rf"[1-9]\d{{0,2}}(?:{sign}\d{{3}})+|[1-9]\d?(?:{sign}\d{{2}})+{sign}\d{{3}}|\d+"
    return rf"(?:{whole})(?:{point}(?:\d*|--?))?|{point}\d+"  # `5.-` as prices without cents are written


def evenly_spaced(texts: pa.Array, most: int) -> pa.Array:
    """At most so many of the texts."""
    places = np.linspace(0, len(texts) - 1, min(most, len(texts))).astype(int)
    return texts.take(pa.array(np.unique(places)))


def normal(texts: pa.Array) -> pa.Array:
    """Texts with ASCII digits, minus signs, apostrophes and blanks for those of other scripts and of typesetters."""
    if not pc.any(pc.match_substring_regex(texts, OTHER_SIGNS)).as_py():
        return texts
    joined = "\0".join("" if text is None else text for text in texts.to_pylist())
    table: dict[int, str] = {ord(sign): str(unicodedata.decimal(sign)) for sign in set(joined) if _is_digit(sign)}
    # a control character within a text is no separator of ours, since a text with one is no number or date
    parts = joined.translate(table | BLANKS | SAME | QUOTES).split("\0")
    if len(parts) != len(texts):
        return texts
    return pc.if_else(pc.is_valid(texts), pa.array(parts, pa.string()), pa.scalar(None, pa.string()))


def _is_digit(sign: str) -> bool:
    return not sign.isascii() and unicodedata.decimal(sign, None) is not None


@dataclass(frozen=True)
class NumberGuess:
    """The form that fits a sample best, and the other one where the sample allows two, as `1,234` does."""

    form: NumberForm
    other: NumberForm | None = None
    uses_decimal: bool = False


def guess_number_form(
    texts: pa.Array, decimal: str | None = None, preferred: str = ".", *, asked: bool = False
) -> NumberGuess | None:
    """A form of distinct texts: that of most numbers in a sample; None if no text is a number.

    Args:
        decimal: sign that the user has named; None finds it.
        preferred: decimal sign where the texts allow both.
        asked: whether the user has said that they are numbers.
    """
    found = [DRESSED.fullmatch(text) for text in normal(evenly_spaced(texts, SAMPLE)).to_pylist()]
    numbers = [match for match in found if match]
    if not numbers or (not asked and all(_is_open_in_brackets(match) for match in numbers)):
        return None
    (prefix, suffix), _ = Counter((m["prefix"] or "", m["suffix"] or "") for m in numbers).most_common(1)[0]
    bodies = [m["body"] for m in numbers if (m["prefix"] or "", m["suffix"] or "") == (prefix, suffix)]
    signs = [decimal] if decimal else [preferred, "," if preferred == "." else "."]
    pairs = _fitting(bodies, signs)
    if not pairs:
        return None
    if any(_values(bodies, pair) != _values(bodies, pairs[0]) for pair in pairs):
        pairs.sort(key=lambda pair: _unlikely(pair, bodies, prefix or suffix, preferred))
    rivals = {pair for pair in pairs if _values(bodies, pair) != _values(bodies, pairs[0])}
    first = NumberForm(*pairs[0], prefix, suffix)
    other = next((NumberForm(*pair, prefix, suffix) for pair in pairs if pair in rivals), None)
    return NumberGuess(first, other, any(first.decimal in body for body in bodies))


def _is_open_in_brackets(match: re.Match[str]) -> bool:
    """Whether it may be a pair `(9,37)` or a footnote `(1)`, unlike the negative numbers `(9.37)`, `(9,37 €)`."""
    if not match[0].startswith("(") or "." in match["body"]:
        return False
    return not re.fullmatch(rf"{CURRENCY}|[%‰]", match["prefix"] or match["suffix"] or "")


def _unlikely(pair: tuple[str, str], bodies: Sequence[str], affix: str, preferred: str) -> bool:
    """Whether a decimal sign and grouping are the less likely ones of several that fit.

    Prices have two decimals or none, and whole hundreds beside them show that `1.234` is a thousand; percentages have
    no thousands.
    """
    if pair[0] == preferred and any(preferred in body for body in bodies):
        return re.fullmatch(CURRENCY, affix) is not None or any(re.fullmatch(r"[1-9]\d\d", body) for body in bodies)
    return affix in ("%", "‰") and pair[1] in (",", ".")


def _fitting(bodies: Sequence[str], decimals: Sequence[str | None]) -> list[tuple[str, str]]:
    """The pairs of decimal sign and grouping that fit most of these, the likely ones first."""
    found: Counter[tuple[str, str]] = Counter()
    pairs = [(decimals[0], "")]
    pairs += [(decimals[0], "," if decimals[0] == "." else ".")]
    pairs += [(decimal, sign) for decimal in decimals for sign in ("", "'", " ", "_")]
    pairs += [(decimal, "," if decimal == "." else ".") for decimal in decimals]
    for decimal, grouping in dict.fromkeys(pairs):
        assert decimal
        form = re.compile(_body(grouping, decimal))
        found[decimal, grouping] = sum(form.fullmatch(body) is not None for body in bodies)
    best = max(found.values())
    return [pair for pair, count in found.items() if count == best and 4 * best >= len(bodies)]


def _values(bodies: Sequence[str], pair: tuple[str, str]) -> list[str]:
    decimal, grouping = pair
    return [body.replace(grouping or "\0", "").replace(decimal, ".") for body in bodies]

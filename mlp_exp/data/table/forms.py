"""What the texts of a column are: numbers or dates of one form, booleans, times of day, or texts.

The user's word comes first: texts of `data.categorical` and `data.text` stay texts, those of `data.numeric` have to be
numbers, and those of `data.dates` dates.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlp_exp.data.table.cleaning import Texts, infer_types
from mlp_exp.data.table.dates import WHOLE_PERIODS, DateForm, guess_date_form
from mlp_exp.data.table.format import Format
from mlp_exp.data.table.numbers import NumberForm, guess_number_form

Form = NumberForm | DateForm
Asked = Literal["number", "date", "category", "text"]

MIXED_FRACTION = 0.8
"""Texts of which at least this fraction of the rows are numbers, or dates, in a few forms have to be made one form …"""
MOST_FORMS = 4
"""… if they are at most so many forms …"""
FEW_TEXTS = 10
"""… unless there are at most so many distinct texts, and so they can be categories."""

PLAIN_NUMBER = r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$"
MULTIPLES = "kKMGBT"
"""Letters that stand for thousands, millions …: `1.5k` beside `2M` are numbers in two forms."""
KEPT_WORDS = 20
"""Of a group, for a message."""


@dataclass(frozen=True)
class Group:
    """Texts of one form in a column of several, None for words: the first one and its row, how many rows and texts."""

    form: Form | None
    example: str
    first_row: int
    rows: int
    distinct: int
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Reading:
    """What the texts of a column are read as.

    Attributes:
        values: with their type; texts where they are neither numbers nor dates.
        form: of the numbers or dates.
        other: the form that the texts allow, too, such as another order of day and month.
        example: a text that is not written as plainly as can be; None if all are.
        decides: whether a decimal sign in the texts shows which one the file has.
        groups: where most are numbers, or dates, but not of one form: the forms, and the rest.
    """

    values: pa.ChunkedArray
    form: Form | None = None
    other: Form | None = None
    example: str | None = None
    decides: bool = False
    groups: tuple[Group, ...] = ()


def read_texts(texts: Texts, format: Format, asked: Asked | None = None, decimal: str = ".") -> Reading:
    """What the texts of a column are.

    Args:
        asked: what the user says that they are.
        decimal: sign that other columns of the file have, for texts that allow both.
    """
    distinct = texts.distinct
    if not len(distinct):
        return Reading(texts.column())
    if asked == "text":  # of numbers their type, which is no text
        return Reading(texts.column(infer_types(distinct, format)))
    if asked == "category":
        return Reading(_as_categories(texts, format))
    if asked != "date":
        values = infer_types(distinct, format)
        is_open = pa.types.is_floating(values.type) and format.decimal is None and _is_open(distinct, decimal)
        if _is_plain(values.type) and not is_open:
            return Reading(texts.column(values), form_of_type(values.type, format))
    for guess in _guesses(distinct, format, asked, decimal):
        forms = [form for form in (guess.form, guess.other) if form and _fitting(form, distinct).all()]
        if forms:
            form, rival = forms[0], forms[-1] if len(forms) > 1 else None
            if isinstance(form, DateForm) and format.dayfirst is not None:
                rival = None
            decides = guess.decides and rival is None
            return Reading(texts.column(form.parse(distinct)), form, rival, _example(distinct, form), decides)
    return Reading(texts.column(), groups=_groups(texts, format, asked, decimal))


@dataclass(frozen=True)
class _Guess:
    form: Form
    other: Form | None
    decides: bool = False


def _guesses(
    distinct: pa.Array, format: Format, asked: Asked | None, decimal: str, kind: str | None = None
) -> Iterator[_Guess]:
    """Forms of numbers and of dates, or of one `kind`, that the texts may have."""
    if "date" not in (asked, kind):
        number = guess_number_form(distinct, format.decimal, decimal, asked=asked == "number")
        if number:
            yield _Guess(number.form, number.other, number.uses_decimal)
    if "number" not in (asked, kind):
        date = guess_date_form(distinct, asked=asked == "date", dayfirst=format.dayfirst, format=format.date_format)
        if date:
            yield _Guess(date.form, date.other)


def _is_open(distinct: pa.Array, decimal: str) -> bool:
    """Whether decimal numbers may be thousands, as `1.234`."""
    guess = guess_number_form(distinct, None, decimal)
    return guess is not None and (guess.other is not None or guess.form.decimal != ".")


def _is_plain(kind: pa.DataType) -> bool:
    return not (pa.types.is_string(kind) or pa.types.is_null(kind))


def form_of_type(kind: pa.DataType, format: Format) -> Form | None:
    """The form of texts that Arrow reads as this type."""
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return NumberForm(format.decimal or ".")
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return DateForm("y-m-d", pa.types.is_timestamp(kind) and kind.tz is not None)
    return None


def _as_categories(texts: Texts, format: Format) -> pa.ChunkedArray:
    """Texts that are to be categories: as whole numbers, dates … where this keeps them apart, else as they stand.

    So a category has the same name in files of other types. `00123` stays, and so do `1.5` and `1.50` beside it.
    """
    distinct = texts.distinct
    zeros = pc.any(pc.match_substring_regex(distinct, r"^[-+]?0\d")).as_py()
    values = distinct if zeros else infer_types(distinct, format)
    apart = pc.count_distinct(values).as_py() == len(distinct) and values.null_count == 0
    return texts.column(values if apart and _is_plain(values.type) else distinct)


def _example(distinct: pa.Array, form: Form) -> str | None:
    """A text that is not plain, the longest among the first ones."""
    if isinstance(form, DateForm):
        dressed = distinct if form.order != "y-m-d" else distinct.slice(0, 0)
    else:
        plain = pc.match_substring_regex(distinct, PLAIN_NUMBER)
        dressed = distinct if form != NumberForm() else distinct.filter(pc.invert(plain))
    return str(max(dressed.slice(0, 20).to_pylist(), key=len)) if len(dressed) else None


def _groups(texts: Texts, format: Format, asked: Asked | None, decimal: str) -> tuple[Group, ...]:
    """The forms of texts that are mostly numbers or mostly dates, and the rest; empty for other texts."""
    for kind in ("number", "date"):
        if asked not in (None, kind):
            continue
        groups: list[Group] = []
        left = np.arange(len(texts.distinct))
        while len(left) and len(groups) < MOST_FORMS:
            rest = texts.distinct.take(pa.array(left))
            guess = next(_guesses(rest, format, asked, decimal, kind), None)
            if guess is None or isinstance(guess.form, NumberForm) != (kind == "number"):
                break
            fits = _fitting(guess.form, rest)
            weak = asked is None and isinstance(guess.form, DateForm) and guess.form.order in WHOLE_PERIODS
            if weak or not fits.any():  # `2012-13` beside `2005-06` is a season
                break
            groups.append(_group(texts, guess.form, left[fits]))
            left = left[~fits]
        covered = sum(group.rows for group in groups) / max(1, int(texts.counts.sum()))
        enough = covered >= MIXED_FRACTION and len(texts.distinct) > FEW_TEXTS and not _are_codes(groups)
        if groups and (enough or asked):
            groups.sort(key=lambda group: -group.rows)
            return (*groups, *([_group(texts, None, left)] if len(left) else []))
    return (_group(texts, None, np.arange(len(texts.distinct))),) if asked else ()


def _are_codes(groups: Sequence[Group]) -> bool:
    """Whether several forms of numbers are rather addresses (`1 Oak Ave`) or codes (`12a`, `12b`)."""
    suffixes = [group.form.suffix for group in groups if isinstance(group.form, NumberForm)]
    letters = {suffix for suffix in suffixes if len(suffix) == 1 and suffix.isalpha() and suffix not in MULTIPLES}
    return len(suffixes) > 1 and (len(letters) > 1 or any(" " in suffix for suffix in suffixes))


def _fitting(form: Form, texts: pa.Array) -> NDArray[np.bool_]:
    fits = form.fits(texts) if isinstance(form, NumberForm) else pc.is_valid(form.parse(texts))
    found: NDArray[np.bool_] = fits.to_numpy(zero_copy_only=False).astype(bool)
    return found


def _group(texts: Texts, form: Form | None, places: NDArray[np.int64]) -> Group:
    rows = np.isin(texts.codes, places)
    first = int(rows.argmax())
    words = texts.distinct.take(pa.array(places[:KEPT_WORDS])).to_pylist()
    return Group(
        form, texts.distinct[int(texts.codes[first])].as_py(), first, int(rows.sum()), len(places), tuple(words)
    )

"""What a user should know about how a column was read: forms, spellings, words and dates that stand for nothing."""

from collections import defaultdict

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlp_exp.config.words import IN_PYTHON, advice
from mlp_exp.data.table.cleaning import Texts
from mlp_exp.data.table.dates import DAY_FIRST, DateForm
from mlp_exp.data.table.format import Format
from mlp_exp.data.table.forms import Reading
from mlp_exp.data.table.numbers import NumberForm
from mlp_exp.data.table.values import timestamps

FAR_YEARS = (1700, 2200)
"""Dates before and after are likely to stand for no date, as 9999-12-31."""
YES, NO = ("yes", "y", "true", "t", "1", "ja", "oui", "si", "sí"), ("no", "n", "false", "f", "0", "nein", "non")


def texts_remarks(texts: Texts, format: Format) -> tuple[str, ...]:
    """What is noteworthy about texts that are categories: spellings that differ little, words that mean missing."""
    notes = []
    spellings = defaultdict(list)
    distinct = texts.distinct.to_pylist()
    folded = {text.casefold() for text in distinct}
    logical = len(folded) > 2 and folded <= {*YES, *NO} and not folded <= {"0", "1"}
    for text in distinct:
        key = text.casefold()
        spellings["yes" if logical and key in YES else "no" if logical and key in NO else key].append(text)
    several = [" ".join(f"'{text}'" for text in same) for same in spellings.values() if len(same) > 1]
    if several:
        notes.append(f"written in several ways: {', '.join(several[:3])}{' …' if len(several) > 3 else ''}")
    if texts.words:
        shown = ", ".join(f"'{word}' ({count})" for word, count in list(texts.words.items())[:3])
        by_default = {*texts.words} - {*format.missing, "?"}
        hint = ", else data.keep_default_missing=false" if by_default else ""
        notes.append(f"{shown} taken for missing{hint}")
    return tuple(notes)


def code_remarks(name: str, texts: Texts | None) -> tuple[str, ...]:
    """What to say of whole numbers of which some begin with a zero, as postcodes do."""
    if texts is None:
        return ()
    codes = texts.distinct.filter(pc.match_substring_regex(texts.distinct, r"^0\d+$"))
    if not len(codes):
        return ()
    return (f"'{codes[0]}' has a leading zero; if these are codes: {advice({'data.categorical': [name]})}",)


def form_remarks(reading: Reading | None) -> tuple[str, ...]:
    """What was decided about the form of numbers or dates, where they are not written as plainly as can be."""
    if reading is None or reading.example is None or reading.form is None:
        return ()
    value = reading.form.parse(pa.array([reading.example]))[0].as_py()
    notes = [f"'{reading.example}' read as {_shown(value)}"]
    if reading.other:
        notes.append(f"if that is wrong: {_cure(reading.other)}")
    return tuple(notes)


def _cure(form: NumberForm | DateForm) -> str:
    """The override with which texts are read in this form."""
    if isinstance(form, DateForm):
        return f"data.dayfirst={'true' if form.order in DAY_FIRST else 'false'}"
    is_point = form.decimal == "." and not IN_PYTHON.get()
    return "data.decimal=." if is_point else advice({"data.decimal": form.decimal})


def _shown(value: object) -> str:
    if isinstance(value, int | float):
        return f"{value:.12g}"
    return str(value).removesuffix(" 00:00:00").removesuffix("+00:00")


def far_dates(values: pa.ChunkedArray) -> tuple[str, ...]:
    """What to say of dates that are likely to stand for no date, as 9999-12-31."""
    days = timestamps(values).astype("datetime64[D]")
    days = days[~np.isnat(days)]
    low, high = (np.datetime64(f"{year}-01-01") for year in FAR_YEARS)
    far = days[(days < low) | (days >= high)]
    if not len(far) or len(far) == len(days):
        return ()
    days, counts = np.unique(far, return_counts=True)
    day = days[counts.argmax()]
    return (f"{day} ({counts.max()}) may stand for no date: {advice({'data.missing': [str(day)]})}",)

"""The columns that an exported file takes, as they stand in a table: a number or a text for each.

A date is one number, days since 1970; what is made of it, and the codes of the texts, is made inside the file.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlp_exp.data.dataset import Column
from mlp_exp.data.table.dates import DateForm, python_pattern
from mlp_exp.data.table.format import MISSING, Format
from mlp_exp.data.table.numbers import NumberForm, pattern
from mlp_exp.data.table.schema import arrow_type
from mlp_exp.errors import ExportError
from mlp_exp.inference.ensemble import Ensemble
from mlp_exp.inference.trained_run import TrainedRun

MISSING_PLACE, UNSEEN_PLACE = -1, -2
"""Places of a missing text and of one that training never saw; other places are those in the category's texts."""


@dataclass(frozen=True)
class RawColumns:
    """The columns that several runs need, of all of them.

    Attributes:
        numbers: numbers, booleans and dates, in the order of the input `numbers`.
        categories: in the order of the input `categories`.
        texts: for each category the sorted texts that a run knows something of.
        format: how the texts of a table are read; its missing words are those of all runs.
    """

    numbers: tuple[Column, ...]
    categories: tuple[Column, ...]
    texts: tuple[tuple[str, ...], ...]
    format: Format

    @classmethod
    def of(cls, ensemble: Ensemble) -> "RawColumns":
        """The columns of these runs; ExportError if two runs read a column in different ways."""
        formats = [run.feature_schema.format for run in ensemble.runs]
        missing = set.intersection(*(set(format.all_missing) for format in formats))
        # a word that some of the runs take for a missing value is a text of its own
        texts = {word for format in formats for word in format.all_missing} - missing
        keeps_default = missing.issuperset(MISSING)
        columns = _united(ensemble.runs)
        categories = tuple(column for column in columns if column.kind == "category")
        return cls(
            tuple(column for column in columns if column.kind != "category"),
            categories,
            tuple(tuple(sorted(texts | _known(ensemble.runs, column.name) - missing)) for column in categories),
            replace(
                formats[0],
                missing=tuple(sorted(missing.difference(MISSING if keeps_default else {""}))),
                keep_default_missing=keeps_default,
            ),
        )

    @property
    def places_of_texts(self) -> list[dict[str, int]]:
        """For each category the place of each known text, missing words included; any other text is unseen."""
        missing = dict.fromkeys(self.format.all_missing, MISSING_PLACE)
        return [missing | {text: place for place, text in enumerate(texts)} for texts in self.texts]

    def places(self, texts: NDArray[np.object_]) -> NDArray[np.int64]:
        """Texts `[N, C]` as places in the texts of their categories `[N, C]`."""
        known = self.places_of_texts
        found = [[known[place].get(text, UNSEEN_PLACE) for place, text in enumerate(row)] for row in texts]
        return np.array(found, dtype=np.int64).reshape(texts.shape)


def conversion(column: Column, format: Format) -> str:
    """What makes a value of the text in a table: a function in `use_model.py`, or a call that gives one."""
    kind = arrow_type(column.type)
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_time(kind):
        return "seconds"
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        zoned = pa.types.is_timestamp(kind) and kind.tz is not None
        when = column.form if isinstance(column.form, DateForm) else DateForm("y-m-d", zoned)
        return f"dated({python_pattern(when.order)!r}, {when.zoned})"
    if column.kind == "category" and (pa.types.is_string(kind) or pa.types.is_null(kind)):
        return "text"
    form = column.form if isinstance(column.form, NumberForm) else NumberForm(format.decimal or ".")
    form = form.lenient
    parts = (form.decimal, form.grouping, *filter(None, (form.prefix, form.suffix)))
    return f"number({pattern(form, bare=True)!r}, {', '.join(map(repr, parts))})"


def is_seconds(column: Column) -> bool:
    """Whether the numbers of a column are seconds: of times of day, and of durations."""
    kind = arrow_type(column.type)
    return column.kind == "number" and (pa.types.is_time(kind) or pa.types.is_duration(kind))


def _united(runs: Sequence[TrainedRun]) -> list[Column]:
    found: dict[str, tuple[Column, TrainedRun]] = {}
    for run in runs:
        for column in run.columns:
            other, first = found.setdefault(column.name, (column, run))
            one, two = _manner(other, first), _manner(column, run)
            if one != two:
                raise ExportError(
                    f"{run.folder}: column '{column.name}' is {two} for it, and {one} for {first.folder}; a file takes "
                    "a column in one way. Export the runs one by one"
                )
    return [column for column, _ in found.values()]


def _manner(column: Column, run: TrainedRun) -> str:
    """How a run reads a column, in words."""
    made = conversion(column, run.feature_schema.format).partition("(")[0]
    if isinstance(column.form, NumberForm) and not column.form.is_plain:
        made += f" like {column.form.example}"
    if isinstance(column.form, DateForm):
        made += f" like {column.form.order} with{'' if column.form.zoned else 'out'} a time zone"
    return f"a category ({made})" if column.kind == "category" else f"read as {made}"


def _known(runs: Sequence[TrainedRun], name: str) -> set[str]:
    """The texts of a category in all vocabularies, but for those that trimming changes: no table gives them."""
    vocabularies = [v for run in runs for v in run.preprocessing.vocabularies if v.name == name]
    return {text for vocabulary in vocabularies for text in vocabulary.texts if text == text.strip()}

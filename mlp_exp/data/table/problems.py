"""Columns that cannot be used as they are, reported together with what would cure them, ready to be copied."""

from collections.abc import Mapping, Sequence

from mlp_exp.config.words import IN_PYTHON, advice
from mlp_exp.data.table.dates import DateForm
from mlp_exp.data.table.file import shorten
from mlp_exp.data.table.forms import Asked, Group
from mlp_exp.errors import DataError

FEW_CATEGORIES = 30
"""A column of numbers in several forms with at most so many distinct texts is rather one of categories."""
MOST_WORDS = 8
"""Words that are taken for missing values by an override; more of them are no oversight."""


class ColumnError(Exception):
    """Why a column cannot be used, and the values by key of the configuration that would cure it."""

    def __init__(self, name: str, says: str, cure: Mapping[str, Sequence[str]]) -> None:
        super().__init__(name, says, cure)
        self.name, self.says, self.cure = name, says, cure


def report(problems: Sequence[ColumnError], given: Mapping[str, Sequence[str]]) -> DataError:
    """One error for all of them.

    Args:
        given: what the lists of the configuration hold already, by key: an override replaces them.
    """
    cures = {key: list(given.get(key, ())) for problem in problems for key, values in problem.cure.items() if values}
    for problem in problems:
        for key, values in problem.cure.items():
            known = cures.setdefault(key, [])
            known += [value for value in values if value not in known]
    count = "1 column" if len(problems) == 1 else f"{len(problems)} columns"
    lines = [f"data.path: {count} cannot be used as {'it is' if len(problems) == 1 else 'they are'}:"]
    lines += [f"  {shorten(problem.name)}: {problem.says}" for problem in problems]
    mend = "Mend the table" if IN_PYTHON.get() else "Mend the file"
    lines.append(f"{mend}, or add: {advice(cures)}" if cures else mend)
    return DataError("\n".join(lines))


def mixed(name: str, groups: Sequence[Group], asked: Asked | None, *, is_target: bool = False) -> ColumnError:
    """The problem of a column whose texts are not all numbers, or all dates, of one form."""
    forms = [group for group in groups if group.form]
    words = next((group for group in groups if not group.form), None)
    kind = "dates" if (isinstance(forms[0].form, DateForm) if forms else asked == "date") else "numbers"
    rows = sum(group.rows for group in groups)
    if len(forms) > 1:
        says = f"{kind} in {len(forms)} forms: {', '.join(map(_place, forms))}"
        says += f"; and {_words(words)}" if words else ""
    elif forms and words:
        share = min(forms[0].rows / rows, 0.99)
        says = f"expected {kind} as '{shorten(forms[0].example)}', as in {share:.0%} of the rows, found {_words(words)}"
    else:
        assert words
        says = f"expected {kind}, found {_words(words)}"
    listed = {"number": "data.numeric", "date": "data.dates"}.get(asked or "")
    distinct = sum(group.distinct for group in groups)
    missing = words is not None and len(words.texts) <= MOST_WORDS and len(forms) == 1
    if missing:
        assert words
        return ColumnError(name, says, {"data.missing": words.texts})
    if listed and not is_target:
        return ColumnError(name, f"{says}; take it out of {listed}", {})
    few = kind == "numbers" and distinct <= FEW_CATEGORIES
    return ColumnError(name, says, {} if is_target else {"data.categorical" if few else "data.drop": [name]})


def _place(group: Group) -> str:
    return f"'{shorten(group.example)}' ({_rows(group)})"


def _words(group: Group) -> str:
    """The first words, and in which rows they stand."""
    shown = ", ".join(f"'{shorten(text)}'" for text in group.texts[:3])
    return f"{shown}{' …' if len(group.texts) > 3 else ''} ({_rows(group)})"


def _rows(group: Group) -> str:
    return (
        f"row {group.first_row}, from 0"
        if group.rows == 1
        else f"{group.rows} rows, first row {group.first_row}, from 0"
    )

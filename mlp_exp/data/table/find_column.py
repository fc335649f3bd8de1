"""Finds a column of a table by its name, or says which there are."""

import difflib
import shlex
from collections.abc import Sequence

from mlp_exp.config.words import IN_PYTHON, is_plain, override
from mlp_exp.data.table.dialect import look_like_values
from mlp_exp.errors import DataError

MOST_LISTED = 20
_NAMES = ("data.target", "data.weight", "split.column")
"""Keys whose value is the name of a column; those of other keys are lists."""


def find_column(name: str, names: Sequence[str], key: str) -> str:
    """`name`, if the table has such a column; else raises DataError, with similar names."""
    if name in names:
        return name
    if not name.strip():
        raise DataError(f"{key}: the name of a column is missing. The table has {listed(names)}.")
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    near += [n for n in names if n.lower() == name.lower() and n not in near]
    hint = f"Did you mean {quoted(near, ' or ')}?" if near else f"It has {listed(names)}."
    hint += _as_typed(key, near)
    if len(names) == 1:
        hint = f"Its one column is '{names[0]}'; if these are several, name the separator: data.separator=…"
    if look_like_values(names):
        hint += f" These look like values; if the file has no header: data.header=false {key}='column 0' …"
    raise DataError(f"{key}: the table has no column '{name}'. {hint}")


def quoted(names: Sequence[str], between: str = ", ") -> str:
    """Names in a message, not as Python writes them, which doubles backslashes."""
    return between.join(f"'{name}'" for name in names)


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = len(names) - MOST_LISTED
    return ", ".join(names[:MOST_LISTED]) + (f" and {more:,} more" if more > 0 else "")


def _as_typed(key: str, names: Sequence[str]) -> str:
    """How the first name is typed that a shell or Hydra would take apart."""
    if IN_PYTHON.get():
        return ""
    if key.startswith("--"):
        words = [(f"{key} {name}", f"{key} {shlex.quote(name)}") for name in names]
    elif key in _NAMES:
        words = [(f"{key}={name}", override(key, name)) for name in names if not name.isdecimal()]
    elif key.startswith("data."):
        words = [(f"{key}=[{name}]", override(key, [name])) for name in names if not is_plain(name)]
    else:  # in Python
        return ""
    return next((f" As typed: {typed}" for plain, typed in words if typed != plain), "")

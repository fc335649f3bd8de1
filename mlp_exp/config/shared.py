"""Parts of configurations and results that many runs have in common: kept once, not once a run."""

import sys
from collections.abc import Mapping
from typing import Any

MOST_PARTS = 2_000
"""Parts that are remembered: where all runs differ, no more than these are kept."""
_parts: dict[str, Any] = {}


def shared(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same values, to be read alone: texts, lists and mappings are the same objects for all runs that have them.

    >>> first, second = shared({"model": {"dropout": 0.1}}), shared({"model": {"dropout": 0.1}})
    >>> first["model"] is second["model"]
    True
    """
    return {sys.intern(key) if type(key) is str else key: _shared(value) for key, value in values.items()}


def _shared(value: Any) -> Any:
    if type(value) is str:
        return sys.intern(value)
    if not isinstance(value, dict | list):
        return value
    if len(_parts) >= MOST_PARTS:
        _parts.clear()
    return _parts.setdefault(repr(value), value)

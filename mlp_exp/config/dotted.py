"""A configuration as one level of keys."""

from collections.abc import Iterator, Mapping
from typing import Any


def dotted(config: Mapping[str, Any], where: str = "") -> Iterator[tuple[str, Any]]:
    """Each value with its key, as `optimizer.lr`; a list is a value."""
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from dotted(value, f"{where}{key}.")
        else:
            yield f"{where}{key}", value

"""Keys of a configuration with dots: as one level, and as overrides name them."""

from collections.abc import Iterator, Mapping
from typing import Any


def dotted(config: Mapping[str, Any], where: str = "") -> Iterator[tuple[str, Any]]:
    """Each value with its key, as `optimizer.lr`; a list is a value."""
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from dotted(value, f"{where}{key}.")
        else:
            yield f"{where}{key}", value


def key_in(override: str) -> str:
    """The key of an override as typed, without what says that it is added or deleted.

    >>> key_in("++optimizer.lr=0.1")
    'optimizer.lr'
    """
    return override.lstrip("+~").partition("=")[0]

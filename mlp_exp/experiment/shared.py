"""What several runs of one process have in common."""

from collections.abc import Callable
from typing import Any, TypeVar
from weakref import WeakValueDictionary

T = TypeVar("T")


class Shared:
    """Things that are made once and used by all runs that ask for the same.

    Keys say all that a thing depends on, as texts of the configuration.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[str, ...], Any] = {}
        self._tables: WeakValueDictionary[tuple[str, ...], Any] = WeakValueDictionary()

    def keep(self, key: tuple[str, ...], make: Callable[[], T]) -> T:
        """The thing of this key, kept to the end of the sweep."""
        if key not in self._kept:
            self._kept[key] = make()
        found: T = self._kept[key]
        return found

    def table(self, key: tuple[str, ...], make: Callable[[], T]) -> T:
        """The thing of this key, which lives as long as a run uses it."""
        found: T | None = self._tables.get(key)
        if found is None:
            found = self._tables[key] = make()
        return found

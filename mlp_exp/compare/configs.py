"""Configurations side by side: what all runs have in common, and what each has for itself."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def divide(configs: Sequence[Mapping[str, Any]]) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Values as texts by dotted keys: those that all configurations share, and the others of each."""
    flat = [dict(_flatten(config)) for config in configs]
    first = flat[0]
    shared = {key: value for key, value in first.items() if all(other.get(key) == value for other in flat)}
    return shared, [{key: value for key, value in one.items() if key not in shared} for one in flat]


def _flatten(node: Mapping[str, Any], where: str = "") -> Iterator[tuple[str, str]]:
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{where}{key}.")
        else:
            yield f"{where}{key}", _text(value)


def _text(value: Any) -> str:
    """As it is typed on the command line."""
    if isinstance(value, bool) or value is None:
        return "null" if value is None else str(value).lower()
    return f"[{','.join(_text(item) for item in value)}]" if isinstance(value, list) else str(value)

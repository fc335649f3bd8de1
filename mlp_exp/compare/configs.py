"""Configurations side by side: what all runs have in common, and what each has for itself."""

from collections.abc import Mapping, Sequence


def divide(configs: Sequence[Mapping[str, str]]) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Values by dotted keys: those that all configurations share, and the others of each."""
    first = configs[0]
    shared = {key: value for key, value in first.items() if all(other.get(key) == value for other in configs)}
    return shared, [{key: value for key, value in one.items() if key not in shared} for one in configs]

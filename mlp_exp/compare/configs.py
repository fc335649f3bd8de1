"""Configurations side by side: what is common to all runs, and what differs."""

from collections.abc import Mapping, Sequence


def split_common(configs: Sequence[Mapping[str, str]]) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Values by dotted keys: those common to all configurations, and the remaining ones of each."""
    first = configs[0]
    shared = {key: value for key, value in first.items() if all(other.get(key) == value for other in configs)}
    return shared, [{key: value for key, value in one.items() if key not in shared} for one in configs]

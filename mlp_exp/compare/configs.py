"""Configurations side by side: what all runs have in common, and what each has for itself."""

from collections.abc import Mapping, Sequence
from typing import Any

from mlp_exp.sweep.leaderboard import flatten


def divide(configs: Sequence[Mapping[str, Any]]) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Values as texts by dotted keys: those that all configurations share, and the others of each."""
    flat = [flatten(config) for config in configs]
    first = flat[0]
    shared = {key: value for key, value in first.items() if all(other.get(key) == value for other in flat)}
    return shared, [{key: value for key, value in one.items() if key not in shared} for one in flat]

"""The files from which the data of a run is read, as its configuration names them."""

from collections.abc import Mapping
from typing import Any

KEYS = {"data": ("path",), "split": ("train", "val", "test")}
"""In the groups, whatever their `_target_`; a value that is no text, as `split.train=0.7`, names none."""


def named_files(config: Mapping[str, Any]) -> list[str]:
    """Files and folders that a resolved configuration names.

    named_files({"data": {"path": ["a.csv", "b.csv"]}, "split": {"train": 0.7}})  # ["a.csv", "b.csv"]
    """
    values = [config.get(group, {}).get(key) for group, keys in KEYS.items() for key in keys]
    each = [one for value in values for one in (value if isinstance(value, list) else [value])]
    return [one for one in each if isinstance(one, str)]


def placed(group: str, node: dict[str, Any], places: Mapping[str, str]) -> dict[str, Any]:
    """The node of a group, with files named by where they are; without a place a name stays."""
    keys = [key for key in KEYS.get(group, ()) if key in node] if places else []
    return node | {key: _placed(node[key], places) for key in keys}


def _placed(value: Any, places: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_placed(each, places) for each in value]
    return places.get(value, value) if isinstance(value, str) else value

"""Values by task: `optimizer.lr: {classes: 0.02, values: 0.1}` is 0.02 for classes and 0.1 for a regression."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

CLASSES, VALUES = "classes", "values"
APART = ("data", "split", "tracker", "trainer.plots", "_target_")
"""Groups and keys that have one value: they are used before the task is known, or say which class is built."""


def is_by_task(value: Any) -> bool:
    """Whether it is a mapping with exactly the keys `classes` and `values`."""
    return isinstance(value, Mapping) and value.keys() == {CLASSES, VALUES}


def for_task(config: Mapping[str, Any], has_classes: bool) -> dict[str, Any]:
    """A configuration, or a group's node, with the value of this task in place of each pair of values.

    >>> for_task({"optimizer": {"lr": {"classes": 0.02, "values": 0.1}}}, has_classes=True)
    {'optimizer': {'lr': 0.02}}
    """
    chosen = CLASSES if has_classes else VALUES

    def taken(value: Any, where: str, depth: int) -> Any:
        if not isinstance(value, Mapping) or _is_apart(where):
            return value
        if depth > 1 and is_by_task(value):  # a group, or a callback among others, may have any name
            return value[chosen]
        return {key: taken(each, f"{where}.{key}".lstrip("."), depth + 1) for key, each in value.items()}

    found: dict[str, Any] = taken(config, "", 0)
    return found


def keys_by_task(config: Mapping[str, Any], where: str = "", depth: int = 0) -> Iterator[str]:
    """The keys, as `optimizer.lr`, that have a pair of values."""
    for key, value in config.items():
        place = f"{where}.{key}".lstrip(".")
        if not isinstance(value, Mapping) or _is_apart(place):
            continue
        if depth > 0 and is_by_task(value):
            yield place
        else:
            yield from keys_by_task(value, place, depth + 1)


def named_by_task(line: str, keys: list[str], has_classes: bool) -> str:
    """A mistake in the configuration of one task, `key: …`, with the place of the value: `optimizer.lr.values: …`."""
    place = line.partition(":")[0]
    key = next((key for key in keys if f"{place}.".startswith(f"{key}.")), None)
    return re.sub(rf"{re.escape(key)}\b", f"{key}.{CLASSES if has_classes else VALUES}", line) if key else line


def _is_apart(place: str) -> bool:
    return place in APART or place.endswith("._target_")

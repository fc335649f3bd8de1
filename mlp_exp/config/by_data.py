"""Values that depend on the data: `optimizer.lr: {classes: 0.02, values: 0.1}` is 0.02 for classes and 0.1 for a
regression, `model.hidden_sizes: {small: [96, 96], large: [128, 128, 128]}` depends on the number of rows.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, NamedTuple

PAIRS = (("classes", "values"), ("small", "large"))
WORDS = frozenset(word for pair in PAIRS for word in pair)
SMALL = 5000
"""Data of fewer rows is small: docs/explanation/table_preset.md."""
APART = ("data", "split", "tracker", "plots", "trainer.plots", "_target_")
"""Groups and keys that have one value: they are used before the data is known, or say which class is built."""


class Facts(NamedTuple):
    """What values may depend on: a word of each of `PAIRS`."""

    task: str
    size: str

    @classmethod
    def of(cls, task: str, rows: int) -> "Facts":
        """Of data for a task, as `Dataset.task` names it, with so many rows.

        >>> Facts.of("regression", 500)
        Facts(task='values', size='small')
        """
        return cls("values" if task == "regression" else "classes", "small" if rows < SMALL else "large")


ALL_FACTS = [Facts(*words) for words in product(*PAIRS)]


def is_by_data(value: Any) -> bool:
    """Whether it is a mapping with exactly the two words of a pair."""
    return isinstance(value, Mapping) and any(value.keys() == set(pair) for pair in PAIRS)


def taken(value: Any, facts: Facts) -> Any:
    """The value for these facts; a pair may have pairs in it."""
    while is_by_data(value):
        value = next(value[word] for word in facts if word in value)
    return value


def for_data(config: Mapping[str, Any], facts: Facts) -> dict[str, Any]:
    """A configuration, or a group's node, with the value for these facts in place of each pair of values.

    >>> for_data({"optimizer": {"lr": {"classes": 0.02, "values": 0.1}}}, Facts("classes", "small"))
    {'optimizer': {'lr': 0.02}}
    """

    def chosen(value: Any, where: str, depth: int) -> Any:
        if not isinstance(value, Mapping) or _is_apart(where):
            return value
        if depth > 1 and is_by_data(value):  # a group, or a callback among others, may have any name
            return taken(value, facts)
        return {key: chosen(each, f"{where}.{key}".lstrip("."), depth + 1) for key, each in value.items()}

    found: dict[str, Any] = chosen(config, "", 0)
    return found


def keys_by_data(config: Mapping[str, Any], where: str = "", depth: int = 0) -> Iterator[str]:
    """The keys, as `optimizer.lr`, that have a pair of values."""
    for key, value in config.items():
        place = f"{where}.{key}".lstrip(".")
        if not isinstance(value, Mapping) or _is_apart(place):
            continue
        if depth > 0 and is_by_data(value):
            yield place
        else:
            yield from keys_by_data(value, place, depth + 1)


def named_by_data(line: str, config: Mapping[str, Any], keys: list[str], facts: Facts) -> str:
    """A mistake in the configuration for some facts, `key: …`, with the place of its value, `optimizer.lr.values: …`.

    Args:
        line: about a configuration that `for_data` gave.
        keys: of `config` that have a pair of values.
    """
    place = line.partition(":")[0]
    key = next((key for key in keys if f"{place}.".startswith(f"{key}.")), None)
    if key is None:
        return line
    value: Any = config
    for part in key.split("."):
        value = value[part]
    full = key
    while is_by_data(value):
        word = next(word for word in facts if word in value)
        full, value = f"{full}.{word}", value[word]
    return re.sub(rf"{re.escape(key)}\b", full, line)


def _is_apart(place: str) -> bool:
    return place in APART or place.endswith("._target_")

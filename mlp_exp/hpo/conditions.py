"""Keys that a configuration has only where others have some values: `optimizer.momentum` with `optimizer=sgd`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from mlp_exp.config.targets import did_you_mean
from mlp_exp.hpo.dimensions import Value, same, value_of, written

CONDITIONS = "hydra.sweeper.conditions"
Conditions = Mapping[str, Mapping[str, tuple[Value, ...]]]
"""For a key the values that each of the keys it depends on may have."""


def is_met(needs: Mapping[str, Sequence[Value]], params: Mapping[str, Value]) -> bool:
    """Whether all of the keys have one of their values; a key that is not there has none."""
    return all(key in params and any(same(params[key], one) for one in values) for key, values in needs.items())


def read_conditions(
    said: Mapping[str, Any], keys: Iterable[str], choices: Mapping[str, Sequence[Value]]
) -> tuple[dict[str, dict[str, tuple[Value, ...]]], list[str]]:
    """Conditions as given, and what is wrong with them, a line each; those with a mistake are left out.

    Args:
        keys: that a configuration of the search sets.
        choices: the values that a condition may name, by key.
    """
    known = set(keys)
    conditions: dict[str, dict[str, tuple[Value, ...]]] = {}
    problems: list[str] = []
    for key, needs in _flat(said):
        where = f"{CONDITIONS}: {key}"
        if key not in known:
            problems.append(f"{where}: this key is not searched.{did_you_mean(key, known, 'Searched')}")
        elif not isinstance(needs, Mapping) or not needs:
            problems.append(f"{where}: expected keys with values, as {{optimizer: sgd}}, got {written(needs)}")
        else:
            read = {
                name: tuple(map(value_of, each if isinstance(each, list) else [each])) for name, each in needs.items()
            }
            found = [line for name, values in read.items() for line in _unknown(name, values, key, choices)]
            problems += [f"{where}: {line}" for line in found]
            if not found:
                conditions[key] = read
    if circle := _circle(conditions):
        problems.append(f"{CONDITIONS}: {circle[0]}: depends on itself: {' → '.join(circle)}")
        conditions = {}
    return conditions, problems


def _flat(said: Mapping[str, Any], where: str = "") -> Iterator[tuple[str, Any]]:
    """Each condition with its key, also where dots on the command line have made levels of it."""
    for key, value in said.items():
        if isinstance(value, Mapping) and value and all(isinstance(each, Mapping) for each in value.values()):
            yield from _flat(value, f"{where}{key}.")
        else:
            yield f"{where}{key}", value


def _unknown(name: str, values: Sequence[Value], key: str, choices: Mapping[str, Sequence[Value]]) -> Iterator[str]:
    if name not in choices:
        hint = did_you_mean(name, set(choices) - {key}, "Those are")
        yield f"'{name}' is no key with choices in this search, and has no fixed value.{hint}"
        return
    for value in values:
        if not any(same(value, one) for one in choices[name]):
            hint = did_you_mean(_text(value), map(_text, choices[name]), "Choices")
            yield f"'{name}' is never {_text(value)} in this search.{hint}"


def _text(value: Value) -> str:
    return value if isinstance(value, str) else written(value)


def _circle(conditions: Conditions) -> list[str]:
    """Keys of which each depends on the next, the first again at the end; empty if there are none."""

    def follow(path: list[str]) -> list[str]:
        for name in conditions.get(path[-1], ()):
            if name in path:
                return [*path[path.index(name) :], name]
            if found := follow([*path, name]):
                return found
        return []

    return next((found for key in conditions if (found := follow([key]))), [])


def settle(
    conditions: Conditions, choices: Mapping[str, Sequence[Value]], fixed: Mapping[str, Value]
) -> tuple[dict[str, dict[str, tuple[Value, ...]]], list[str]]:
    """Conditions without what fixed values decide, and the keys whose conditions are never met.

    Args:
        choices: of the keys that are searched among some.
        fixed: values of those that are not searched.
    """
    undecided: dict[str, dict[str, tuple[Value, ...]]] = {}
    never: list[str] = []
    for key in in_order(list(conditions), conditions):
        left: dict[str, tuple[Value, ...]] = {}
        for name, values in conditions[key].items():
            if name in fixed and any(same(fixed[name], one) for one in values):
                continue
            left[name] = tuple(one for one in values if any(same(one, each) for each in choices.get(name, ())))
        if any(not values or name in never for name, values in left.items()):
            never.append(key)
        undecided[key] = left
    return {key: needs for key, needs in undecided.items() if needs and key not in never}, never


def in_order(keys: Sequence[str], conditions: Conditions) -> list[str]:
    """The keys, each after those that it depends on, otherwise in their order."""
    placed: list[str] = []
    left = list(keys)
    while left:
        ready = next(key for key in left if not any(name in left for name in conditions.get(key, ())))
        placed.append(ready)
        left.remove(ready)
    return placed

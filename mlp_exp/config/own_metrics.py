"""Metrics of one's own, as nodes of `metrics.extra`: what is wrong with them, before anything is trained."""

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

from mlp_exp.config.targets import did_you_mean, locate, parameters_of

FOR_NAMES = ("_target_", "name", "larger_is_better")
"""Keys of a node that are not passed to its function."""
PROBABILITIES = ("probabilities", "y_prob", "y_proba", "y_score")
"""Names of a second parameter that gets probabilities."""
WEIGHTS = ("sample_weight", "weights")
"""Names of a parameter that gets the weights of the rows."""
BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
EXAMPLE = "{_target_: my_package.profit, larger_is_better: true}"


def metric_name(node: Mapping[str, Any]) -> str:
    """The name that is given, else that of the function."""
    return str(node.get("name") or str(node.get("_target_", "")).rpartition(".")[2])


def pair_of(function: Callable[..., Any]) -> list[str]:
    """The names of the two parameters that get what is true and what was predicted; fewer if it takes fewer."""
    return [name for name, parameter in parameters_of(function).items() if parameter.kind in BY_POSITION][:2]


def own_metric_problems(extra: Any) -> list[str]:
    """A line for each mistake in the nodes of `metrics.extra`, whose functions are imported."""
    problems: list[str] = []
    names: set[str] = set()
    for place, item in enumerate(extra if isinstance(extra, list) else []):
        if not isinstance(item, Mapping):
            continue
        where = f"metrics.extra.{place}"
        name = metric_name(item)
        if name in names:
            problems.append(f"{where}: there are two metrics named '{name}'; give one another name, as name: my_{name}")
        names.add(name)
        problems += _settings(item, name, where) or _signature(item, where)
    return problems


def _settings(node: Mapping[str, Any], name: str, where: str) -> list[str]:
    problems = []
    if not isinstance(node.get("_target_"), str):
        problems.append(f"{where}._target_: expected the import path of a function, as in {EXAMPLE}")
    if not isinstance(node.get("larger_is_better"), bool):
        problems.append(f"{where}.larger_is_better: expected true or false, as in {EXAMPLE}")
    if "name" in node and not re.fullmatch(r"[A-Za-z]\w*", name):
        problems.append(f"{where}.name: expected letters, digits and _, got {node['name']!r}")
    return problems


def _signature(node: Mapping[str, Any], where: str) -> list[str]:
    """What does not fit `function(target, prediction, *, sample_weight, …)`."""
    path = node["_target_"]
    try:
        function = locate(path)
    except ValueError as error:
        return [f"{where}._target_: {error}"]
    parameters = parameters_of(function)
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters.values()):
        return []
    pair = pair_of(function)
    name = path.rpartition(".")[2]
    if len(pair) < 2:
        return [f"{where}._target_: expected a function of (target, prediction), got {name}({', '.join(pair)})"]
    taken = {
        key for key, parameter in parameters.items() if key not in pair and parameter.kind is not parameter.VAR_KEYWORD
    }
    anything = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    given = [key for key in node if key not in FOR_NAMES]
    problems = [
        f"{where}.{key}: {name} takes no '{key}'.{did_you_mean(key, taken)}"
        for key in given
        if key not in taken and not anything
    ]
    for key in taken.difference(given, WEIGHTS):
        if parameters[key].default is inspect.Parameter.empty:
            problems.append(f"{where}.{key}: {name} needs '{key}'. Add it to the node")
    return sorted(problems)

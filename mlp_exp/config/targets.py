"""What a `_target_` takes, read from its signature before anything is built."""

import difflib
import functools
import inspect
import pkgutil
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from mlp_exp.config.components import is_component
from mlp_exp.config.schema import APPLIED, GROUPS, SUPPLIED
from mlp_exp.config.signatures import Parameters, read_parameters

POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)

NAMED = frozenset({"numbers"})
"""Supplied arguments that a target gets only where its signature names them: it may hand `**kwargs` on to others."""


def locate(path: str) -> Callable[..., Any]:
    """The class or function at an import path; ValueError, with the reason, if nothing that can be called is there."""
    try:
        found = pkgutil.resolve_name(path)
    except AttributeError as error:
        near = difflib.get_close_matches(str(error.name), dir(error.obj), n=1)
        hint = f". Did you mean '{near[0]}'?" if near else ""
        raise ValueError(f"cannot import '{path}': {error}{hint}") from error
    except ModuleNotFoundError as error:
        package = path.partition(".")[0]
        where = (
            f". Go to the folder that holds {package}, or name it: PYTHONPATH=FOLDER" if error.name == package else ""
        )
        raise ValueError(f"cannot import '{path}': {error}{where}") from error
    except Exception as error:  # an import runs the user's code, which may raise anything
        raise ValueError(f"cannot import '{path}': {type(error).__name__}: {error}") from error
    if not callable(found):
        raise ValueError(f"'{path}' is a {type(found).__name__}; expected a class or a function")
    return found  # type: ignore[no-any-return]


@functools.cache
def parameters_of(target: Callable[..., Any]) -> Parameters:
    if getattr(getattr(target, "__init__", None), "__module__", "") == "torch.nn.modules.module":
        return {}  # a network without a constructor has that of nn.Module, which accepts anything and then refuses it
    try:
        return inspect.signature(target).parameters
    except ValueError:  # some built-in callables have no signature
        return {"kwargs": inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD)}


def takes(target: Callable[..., Any], name: str) -> bool:
    """Whether `target` can be called with the keyword argument `name`."""
    return _takes(parameters_of(target), name)


def _takes(parameters: Parameters, name: str) -> bool:
    if name in parameters and parameters[name].kind in BY_NAME:
        return True
    return any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def row_parameters(target: Callable[..., Any], keys: Collection[str]) -> tuple[str, ...]:
    """Of a function that is itself a loss the names of its prediction and its target; empty for all others.

    Its first two parameters have no default and are neither among the `keys` of its node nor supplied. A class, or a
    function that makes a loss, has no two such parameters.
    """
    if isinstance(target, type):
        return ()
    first = [each for each in parameters_of(target).values() if each.kind in POSITIONAL][:2]
    settled = {*keys, *SUPPLIED["loss"]}
    names = tuple(each.name for each in first if each.default is each.empty and each.name not in settled)
    return names if len(names) == 2 else ()


def supplied_arguments(group: str, target: Callable[..., Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the framework's own arguments for `group` that `target` takes; not all as `**kwargs`."""
    named = parameters_of(target)
    return {
        name: value
        for name, value in values.items()
        if name in SUPPLIED.get(group, ()) and (name in named if name in NAMED else takes(target, name))
    }


def left_over(group: str, target: Callable[..., Any], keys: Iterable[str]) -> list[str]:
    """Keys of the group's option, as `model/mlp.yaml`, that another `_target_` does not take: they are left out."""
    return _left_over(group, parameters_of(target), keys)


def _left_over(group: str, parameters: Parameters, keys: Iterable[str]) -> list[str]:
    known = GROUPS[group].model_fields if group in GROUPS else {}
    applied = APPLIED.get(group, frozenset())
    return [key for key in keys if key in known and key not in applied and not _takes(parameters, key)]


def signature_problems(group: str, path: str, keys: Collection[str], asked: Collection[str], where: str) -> list[str]:
    """One line for each key that the `_target_` at `path` does not take, and each required one that is missing.

    `keys` are those of the node at `where`, as `model` or `init.weight`, without Hydra's own. Those of the schema of
    `group` may be left over, but not those that the user `asked` for by an override.
    """
    supplied = SUPPLIED.get(where, frozenset())
    try:
        known = read_parameters(path)
        parameters = parameters_of(locate(path)) if known is None else known
        if where == "loss" and not is_component(path):
            supplied = supplied.union(row_parameters(locate(path), keys))
    except ValueError as error:
        return [f"{where}._target_: {error}"]
    name = path.rpartition(".")[2]
    applied = APPLIED.get(where, frozenset())
    spare = set(_left_over(group, parameters, keys)) - set(asked)
    problems = []
    for key in keys:
        if key not in spare | applied and not _takes(parameters, key):
            names = applied | {p for p in parameters if p not in supplied and p not in ("args", "kwargs", "self")}
            problems.append(f"{where}.{key}: {name} takes no '{key}'.{did_you_mean(key, names)}")
    for parameter in parameters.values():
        needed = parameter.default is parameter.empty and parameter.kind in BY_NAME
        key = parameter.name
        if needed and key not in keys and key not in supplied:
            problems.append(f"{where}.{key}: {name} needs '{key}'. Add it: +{where}.{key}=…")
    return problems


def did_you_mean(word: str, known: Iterable[str], title: str = "Known") -> str:
    """` Did you mean 'x'?` with the nearest known word; else the list of them."""
    known = sorted(known)
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.65)
    return f" Did you mean '{near[0]}'?" if near else f" {title}: {', '.join(known) or 'none'}."

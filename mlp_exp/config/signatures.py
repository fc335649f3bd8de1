"""What a class or function takes, read from its source: to say what is wrong with a key, nobody waits for torch.

Only what reads plainly is read: functions, classes with a constructor of their own or of a base in the same file, and
dataclasses.
"""

import ast
import functools
import inspect
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mlp_exp.config.components import COMPONENTS, PUBLIC

Parameters = Mapping[str, inspect.Parameter]
KNOWN = ("mlp_exp", "torch")
"""Packages whose sources are read."""
MOST_IMPORTS = 4
"""That are followed from a package to where a name is defined."""


@functools.cache
def read_parameters(path: str) -> Parameters | None:
    """The parameters of the class or function at an import path, without `self`; None where they cannot be read."""
    module, _, name = path.rpartition(".")
    if module == PUBLIC and name in COMPONENTS:
        module = COMPONENTS[name]
    for _ in range(MOST_IMPORTS):
        tree = _tree(module)
        if tree is None:
            return None
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
                return _parameters(node, tree)
        source = _imported_from(tree, name)
        if source is None:
            return None
        module, name = source
    return None


@functools.cache
def _tree(module: str) -> ast.Module | None:
    package, _, rest = module.partition(".")
    spec = find_spec(package) if package in KNOWN else None
    if spec is None or not spec.submodule_search_locations:
        return None
    place = Path(next(iter(spec.submodule_search_locations)), *rest.split("."))
    for file in (place.with_suffix(".py"), place / "__init__.py"):
        if file.is_file():
            return ast.parse(file.read_text(encoding="utf-8"))
    return None


def _imported_from(tree: ast.Module, name: str) -> tuple[str, str] | None:
    """From which module, and by which name there, a module imports a name."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                if name == (alias.asname or alias.name):
                    return node.module, alias.name
    return None


def _parameters(node: ast.FunctionDef | ast.ClassDef, tree: ast.Module) -> Parameters | None:
    if isinstance(node, ast.FunctionDef):
        return _of_arguments(node.args) if not node.decorator_list else None
    for each in node.body:
        if isinstance(each, ast.FunctionDef) and each.name == "__init__":
            found = dict(_of_arguments(each.args))
            found.pop("self", None)
            return found
    if any(ast.unparse(each).startswith("dataclass") for each in node.decorator_list):
        fields = [each for each in node.body if isinstance(each, ast.AnnAssign)]
        return {name: _parameter(name, each.value is not None) for each in fields if (name := ast.unparse(each.target))}
    if not node.bases:
        return {}
    bases = [each for each in tree.body if isinstance(each, ast.ClassDef) and ast.unparse(node.bases[0]) == each.name]
    return _parameters(bases[0], tree) if bases else None


def _of_arguments(arguments: ast.arguments) -> Parameters:
    positional = [*arguments.posonlyargs, *arguments.args]
    first_default = len(positional) - len(arguments.defaults)
    found = [_parameter(each.arg, place >= first_default) for place, each in enumerate(positional)]
    found += [
        _parameter(each.arg, default is not None, inspect.Parameter.KEYWORD_ONLY)
        for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    ]
    if arguments.vararg:
        found.append(_parameter(arguments.vararg.arg, False, inspect.Parameter.VAR_POSITIONAL))
    if arguments.kwarg:
        found.append(_parameter(arguments.kwarg.arg, False, inspect.Parameter.VAR_KEYWORD))
    return {parameter.name: parameter for parameter in found}


def _parameter(name: str, optional: bool, kind: Any = inspect.Parameter.POSITIONAL_OR_KEYWORD) -> inspect.Parameter:
    return inspect.Parameter(name, kind, default=... if optional else inspect.Parameter.empty)

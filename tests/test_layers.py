"""The package is built in rooms, and imports go strictly down; what else holds for all of its code."""

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

import mlp_exp

PACKAGE = Path(mlp_exp.__file__).resolve().parent
FILES = sorted([*PACKAGE.rglob("*.py"), *(PACKAGE.parent / "hydra_plugins").glob("*.py")])
ROOMS = [
    ("mlp_exp.starter",),
    ("hydra_plugins",),
    ("mlp_exp.estimators",),
    ("mlp_exp.api",),
    ("mlp_exp.__main__", "mlp_exp.run", "mlp_exp.predict", "mlp_exp.report", "mlp_exp.export"),
    ("mlp_exp.cli",),
    ("mlp_exp.hpo",),
    ("mlp_exp.multirun",),
    ("mlp_exp.multirun.executors",),
    ("mlp_exp.inference.export",),
    ("mlp_exp.inference",),
    ("mlp_exp.compare",),
    ("mlp_exp.experiment",),
    ("mlp_exp.trackers",),
    ("mlp_exp.leaderboard",),
    ("mlp_exp.training",),
    ("mlp_exp.engine",),
    ("mlp_exp.tasks",),
    ("mlp_exp.display",),
    ("mlp_exp.storage",),
    ("mlp_exp.model",),
    ("mlp_exp.data",),
    ("mlp_exp.components",),
    ("mlp_exp.config",),
    ("mlp_exp.processes",),
    ("mlp_exp.errors", "mlp_exp.signals", "mlp_exp.regularly", "mlp_exp._version"),
]
"""From the top; each imports rows below its own alone. Those of one row know nothing of each other."""
RANKS = {room: rank for rank, row in enumerate(reversed(ROOMS)) for room in row}
LONGEST_FILE, LONGEST_FUNCTION = 300, 60


def _name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_name(path): path for path in FILES}
FACE = "mlp_exp"
"""The package itself, which imports what it shows when it is asked for: what is taken from it is above all rooms."""


@cache
def _trees() -> dict[str, ast.Module]:
    return {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}


def _imports(nodes: Iterable[ast.AST]) -> set[str]:
    """The full names that these nodes import: modules, what is taken from them, and modules named in a text."""
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {f"{FACE}.*" if alias.name == FACE else alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the room"
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            names |= {str(word.value) for word in node.args if isinstance(word, ast.Constant)}
    return names


def _room(name: str) -> str | None:
    """The innermost room that a module or a name in it is of."""
    parts = name.split(".")
    outer = (".".join(parts[:end]) for end in range(len(parts), 0, -1))
    return next((room for room in outer if room in RANKS), None)


def _modules_of(names: set[str]) -> set[str]:
    """The modules of this package among imported names; its face, if anything is taken from that."""
    shown = {name for name in names - MODULES.keys() if name.rpartition(".")[0] == FACE}
    return {name for name in names if name in MODULES and name != FACE} | ({FACE} if shown else set())


def _upward(own: str, names: set[str]) -> list[str]:
    """The modules among these that a room must not import."""
    others = {name: _room(name) for name in names}
    ranks = {name: len(ROOMS) if room is None else RANKS[room] for name, room in others.items()}
    return sorted(name for name, room in others.items() if room != own and ranks[name] >= RANKS[own])


@cache
def _imports_of_modules() -> dict[str, set[str]]:
    """What each module imports of this package, anywhere in it, also for types alone."""
    return {name: _modules_of(_imports(ast.walk(tree))) - {name} for name, tree in _trees().items()}


def test_every_module_lies_in_a_room() -> None:
    assert len(MODULES) >= 100
    assert [name for name in MODULES if name != FACE and _room(name) is None] == []
    assert {_room(name) for name in MODULES if name != FACE} == set(RANKS)


def test_imports_go_down() -> None:
    imports = _imports_of_modules()
    upward = {name: _upward(str(_room(name)), imports[name]) for name in set(MODULES) - {FACE}}
    assert {name: found for name, found in upward.items() if found} == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from mlp_exp import load", ["mlp_exp"]),
        ("from mlp_exp import __version__ as version", ["mlp_exp"]),
        ("import mlp_exp\nmlp_exp.load", ["mlp_exp"]),
        ("from mlp_exp import cli", ["mlp_exp.cli"]),
        ("import mlp_exp.cli.options", ["mlp_exp.cli.options"]),
        ("import importlib\nimportlib.import_module('mlp_exp.cli.options')", ["mlp_exp.cli.options"]),
        ("from importlib import import_module\nimport_module('mlp_exp.cli.options')", ["mlp_exp.cli.options"]),
        ("from mlp_exp import errors\nfrom mlp_exp._version import __version__", []),
    ],
)
def test_imports_that_go_up_are_found(text: str, found: list[str]) -> None:
    assert _upward("mlp_exp.tasks", _modules_of(_imports(ast.walk(ast.parse(text))))) == found


def test_no_modules_import_each_other() -> None:
    """Whichever has no imports that are left is taken away, until none is left, or those of a circle."""
    left = {name: set(imported) for name, imported in _imports_of_modules().items()}
    while free := [name for name, imported in left.items() if not imported & left.keys()]:
        for name in free:
            del left[name]
    assert sorted(left) == []


def test_circles_are_found() -> None:
    for name in ("mlp_exp.experiment.driver", "mlp_exp.multirun.sweep", "mlp_exp.cli.jobs"):
        assert len(_imports_of_modules()[name]) > 5


def _defined(tree: ast.AST) -> set[str]:
    """The private names that a file makes: functions, classes, variables and attributes."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            names.add(node.id if isinstance(node, ast.Name) else node.attr)
    return {name for name in names if name.startswith("_") and not name.endswith("__")}


@cache
def _all_private() -> set[str]:
    return {name for tree in _trees().values() for name in _defined(tree)}


def _private_of_others(tree: ast.AST) -> set[str]:
    """The private names of this package's other files that a file imports, or reaches as attributes of anything."""
    ours = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and str(n.module).startswith(FACE)]
    imported = {alias.name for node in ours for alias in node.names}
    imported = {name for name in imported if name.startswith("_") and not name.endswith(("__", "_version"))}
    reached = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return imported | (reached & _all_private() - _defined(tree))


def test_private_names_stay_in_their_file() -> None:
    """None is imported from another file, nor reached through a module, an object or a base class."""
    others = {name: _private_of_others(tree) for name, tree in _trees().items()}
    assert {name: found for name, found in others.items() if found} == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from mlp_exp.training.loop import _Loop", {"_Loop"}),
        ("import mlp_exp.training.loop\nmlp_exp.training.loop._Loop", {"_Loop"}),
        ("from mlp_exp.training import loop as low\nlow._Loop()", {"_Loop"}),
        ("from mlp_exp.training.early_stopping import EarlyStopping\nEarlyStopping()._min_delta", {"_min_delta"}),
        ("class Own(EarlyStopping):\n    def f(self):\n        return self._min_delta", {"_min_delta"}),
        ("class A:\n    _min_delta = 1\n    def f(self):\n        return self._min_delta", set()),
        ("import os\nos._exit(1)", set()),
    ],
)
def test_private_names_of_others_are_found(text: str, found: set[str]) -> None:
    assert _private_of_others(ast.parse(text)) == found


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_files_and_functions_are_short() -> None:
    lines = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in MODULES.items()}
    assert {name: count for name, count in lines.items() if count > LONGEST_FILE} == {}
    long = {
        f"{name}.{function.name}": length
        for name, tree in _trees().items()
        for function in _functions(tree)
        if (length := int(function.end_lineno or 0) - function.lineno + 1) > LONGEST_FUNCTION
    }
    assert long == {}


def test_nothing_imports_the_doors() -> None:
    doors = {"mlp_exp.run", "mlp_exp.predict", "mlp_exp.report", "mlp_exp.export"}
    assert {name for name, imported in _imports_of_modules().items() if imported & doors} == set()


# ---- what is imported when


def _at_import(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes that run when the module is imported: not the insides of functions, nor what is for types alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield node
            yield from _at_import(node)


def _loaded(name: str) -> set[str]:
    """Every module that importing `name` loads, the package's own followed to their ends."""
    seen: set[str] = set()
    todo = [name]
    while todo:
        module = todo.pop()
        if module in seen:
            continue
        seen.add(module)
        todo += [".".join(module.split(".")[:-1])] if module.startswith("mlp_exp.") else []
        if module in MODULES:
            todo += _imports(_at_import(_trees()[module]))
    return seen


BEFORE_TORCH = [
    name
    for name in sorted(MODULES)
    if _room(name) in ("mlp_exp.config", "mlp_exp.components", "mlp_exp.storage", "mlp_exp.run")
] + [
    "mlp_exp.cli.actions",
    "mlp_exp.cli.application",
    "mlp_exp.cli.composing",
    "mlp_exp.cli.diagnosis",
    "mlp_exp.cli.options",
    "mlp_exp.cli.specs",
    "mlp_exp.cli.used_folder",
    "mlp_exp.experiment.job_context",
    "mlp_exp.experiment.spec",
]
"""What comes before the training of a run, or of a sweep."""


@pytest.mark.parametrize("name", BEFORE_TORCH)
def test_nothing_before_the_training_imports_torch(name: str) -> None:
    assert sorted(loaded for loaded in _loaded(name) if loaded.partition(".")[0] == "torch") == []


def test_the_walk_follows_imports() -> None:
    loaded = _loaded("mlp_exp.experiment.components")
    assert {"torch.nn", "mlp_exp.errors"} <= loaded


@pytest.mark.parametrize(
    ("pattern", "rooms"),
    [
        (r"\binstantiate\b", {"mlp_exp.experiment.building"}),
        (r"hydra\._internal", {"mlp_exp.cli", "hydra_plugins"}),
        (r"hydra\.core", {"mlp_exp.cli", "hydra_plugins", "mlp_exp.hpo", "mlp_exp.experiment.job_context"}),
    ],
)
def test_named_in_these_places_only(pattern: str, rooms: set[str]) -> None:
    naming = [name for name, path in MODULES.items() if re.search(pattern, path.read_text(encoding="utf-8"))]
    assert naming
    assert [name for name in naming if not any(name == room or name.startswith(f"{room}.") for room in rooms)] == []

"""The package is built in rooms, and imports go strictly down; what else holds for all of its code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import mlp_exp

PACKAGE = Path(mlp_exp.__file__).resolve().parent
FILES = sorted([*PACKAGE.rglob("*.py"), *(PACKAGE.parent / "hydra_plugins").glob("*.py")])
ROOMS = [
    ("hydra_plugins",),
    ("mlp_exp.run", "mlp_exp.predict", "mlp_exp.report", "mlp_exp.export"),
    ("mlp_exp.cli",),
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
    ("mlp_exp.errors", "mlp_exp.signals", "mlp_exp._version"),
]
"""From the top; each imports rows below its own alone. Those of one row know nothing of each other."""
RANKS = {room: rank for rank, row in enumerate(reversed(ROOMS)) for room in row}
LONGEST_FILE, LONGEST_FUNCTION = 300, 60


def _name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_name(path): path for path in FILES}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}
FACE = "mlp_exp"
"""The package itself, which imports what it shows when it is asked for."""


def _imports(nodes: Iterator[ast.AST]) -> set[str]:
    """The full names that these statements import: modules, and what is taken from them."""
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the room"
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return names


def _room(name: str) -> str | None:
    """The innermost room that a module or a name in it is of."""
    parts = name.split(".")
    outer = (".".join(parts[:end]) for end in range(len(parts), 0, -1))
    return next((room for room in outer if room in RANKS), None)


def _modules_of(names: set[str]) -> set[str]:
    """The modules of this package among imported names."""
    return {name for name in names if name in MODULES and name != FACE}


IMPORTS = {name: _modules_of(_imports(ast.walk(tree))) - {name} for name, tree in TREES.items()}
"""What each module imports of this package, anywhere in it, also for types alone."""


def test_every_module_lies_in_a_room() -> None:
    assert len(MODULES) >= 100
    assert [name for name in MODULES if name != FACE and _room(name) is None] == []
    assert {_room(name) for name in MODULES if name != FACE} == set(RANKS)


@pytest.mark.parametrize("name", sorted(set(MODULES) - {FACE}))
def test_imports_go_down(name: str) -> None:
    own = str(_room(name))
    others = {imported: str(_room(imported)) for imported in IMPORTS[name]}
    assert [imported for imported, room in others.items() if room != own and RANKS[room] >= RANKS[own]] == []


def test_no_modules_import_each_other() -> None:
    """Whichever has no imports that are left is taken away, until none is left, or those of a circle."""
    left = {name: set(imported) for name, imported in IMPORTS.items()}
    while free := [name for name, imported in left.items() if not imported & left.keys()]:
        for name in free:
            del left[name]
    assert sorted(left) == []


def test_circles_are_found() -> None:
    for name in ("mlp_exp.experiment.driver", "mlp_exp.multirun.sweep", "mlp_exp.cli.jobs"):
        assert len(IMPORTS[name]) > 5


@pytest.mark.parametrize("name", sorted(MODULES))
def test_private_names_stay_in_their_file(name: str) -> None:
    """None is imported from another file, nor reached through a module."""
    tree = TREES[name]
    ours = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and str(n.module).startswith("mlp_exp")]
    imported = [alias for node in ours for alias in node.names]
    modules = {alias.asname or alias.name for alias in imported}
    reached = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") in modules
    }
    names = {alias.name for alias in imported} | reached
    assert {name for name in names if name.startswith("_") and not name.endswith(("__", "_version"))} == set()


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_files_and_functions_are_short() -> None:
    lines = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in MODULES.items()}
    assert {name: count for name, count in lines.items() if count > LONGEST_FILE} == {}
    long = {
        f"{name}.{function.name}": length
        for name, tree in TREES.items()
        for function in _functions(tree)
        if (length := int(function.end_lineno or 0) - function.lineno + 1) > LONGEST_FUNCTION
    }
    assert long == {}


def test_nothing_imports_the_doors() -> None:
    doors = set(ROOMS[1])
    assert {name for name, imported in IMPORTS.items() if imported & doors} == set()


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
            todo += _imports(_at_import(TREES[module]))
    return seen


BEFORE_TORCH = [
    name
    for name in sorted(MODULES)
    if _room(name) in ("mlp_exp.config", "mlp_exp.components", "mlp_exp.storage", "mlp_exp.run")
] + [
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
        (r"\binstantiate\b", {"mlp_exp.experiment.components"}),
        (r"hydra\._internal", {"mlp_exp.cli", "hydra_plugins"}),
        (r"hydra\.core", {"mlp_exp.cli", "hydra_plugins", "mlp_exp.experiment.job_context"}),
    ],
)
def test_named_in_these_places_only(pattern: str, rooms: set[str]) -> None:
    naming = [name for name, path in MODULES.items() if re.search(pattern, path.read_text(encoding="utf-8"))]
    assert naming
    assert [name for name in naming if not any(name == room or name.startswith(f"{room}.") for room in rooms)] == []

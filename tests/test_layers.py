"""The package is built in layers, and imports go down only."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import mlp_exp

PACKAGE = Path(mlp_exp.__file__).resolve().parent
FILES = sorted(PACKAGE.rglob("*.py"))
RANKS = {
    "errors": -1,
    "signals": -1,
    "_version": -1,
    "config": 0,
    "cli": 1,
    "components": 1,
    "data": 1,
    "model": 2,
    "storage": 3,
    "display": 4,
    "tasks": 5,
    "engine": 6,
    "training": 7,
    "leaderboard": 8,
    "trackers": 8,
    "experiment": 9,
    "inference": 10,
    "compare": 10,
    "multirun": 10,
    "run": 12,
    "report": 12,
    "predict": 12,
    "export": 12,
}
"""From the bottom; `model` and `data` lie side by side, so do `inference` and `sweep`, and the commands.

The package itself, with the version, lies under all.
"""

BEFORE_TORCH = [
    path.relative_to(PACKAGE).as_posix()
    for path in FILES
    if path.parent.name in ("config", "cli")
    or path.relative_to(PACKAGE).as_posix() in ("run.py", "storage/run_folder.py")
]


def _name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_name(path): path for path in FILES}


def _imports(nodes: Iterator[ast.AST]) -> set[str]:
    """The full names that these statements import: modules, and what is taken from them."""
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the layer"
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return names


def _at_import(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes that run when the module is imported: not the insides of functions, nor what is for types alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield node
            yield from _at_import(node)


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _layer(name: str) -> str | None:
    parts = name.split(".")
    return parts[1] if parts[0] == "mlp_exp" and len(parts) > 1 and parts[1] in RANKS else None


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
            todo += _imports(_at_import(_tree(MODULES[module])))
    return seen


def test_every_module_lies_in_a_layer() -> None:
    assert len(MODULES) >= 30
    assert [name for name in MODULES if name != "mlp_exp" and _layer(name) is None] == []
    assert {_layer(name) for name in MODULES if name != "mlp_exp"} == set(RANKS)


@pytest.mark.parametrize("name", [name for name in MODULES if name != "mlp_exp"])
def test_imports_go_down(name: str) -> None:
    own = str(_layer(name))
    wrong = []
    for imported in sorted(_imports(ast.walk(_tree(MODULES[name])))):
        other = _layer(imported)
        if other and other != own and RANKS[other] >= RANKS[own] and own != "cli":
            wrong.append(imported)
    assert wrong == []


def test_only_the_command_line_knows_run() -> None:
    users = {name for name, path in MODULES.items() if "mlp_exp.run" in _imports(ast.walk(_tree(path)))}
    assert users == set()


@pytest.mark.parametrize("file", BEFORE_TORCH)
def test_nothing_before_the_training_imports_torch(file: str) -> None:
    loaded = _loaded(_name(PACKAGE / file))
    assert sorted(name for name in loaded if name.partition(".")[0] == "torch") == []


def test_the_files_before_torch_are_there() -> None:
    assert {"run.py", "storage/run_folder.py", "cli/application.py", "config/schema.py"} <= set(BEFORE_TORCH)
    loaded = _loaded("mlp_exp.experiment.components")
    assert "torch.nn" in loaded  # so the walk follows imports at all
    assert "mlp_exp.errors" in loaded


@pytest.mark.parametrize(
    ("pattern", "files"),
    [
        (r"\binstantiate\b", ["experiment/components.py"]),
        (r"hydra\._internal|hydra\.core", ["cli/application.py", "cli/jobs.py"]),
    ],
)
def test_named_in_these_files_only(pattern: str, files: list[str]) -> None:
    naming = [path for path in FILES if re.search(pattern, path.read_text(encoding="utf-8"))]
    assert [path.relative_to(PACKAGE).as_posix() for path in naming] == files

"""docs/how-to/python.md names all there is; the notebooks are true: their code is run, cell by cell."""

import ast
import contextlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import mlp_exp

pytestmark = pytest.mark.slow

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = (DOCS / "how-to" / "python.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.py"))


def shown(cells: Sequence[str], folder: Path) -> list[Any]:
    """Runs cells in one namespace; gives the values of those that end with an expression, which must be shown."""
    values = []
    names: dict[str, Any] = {"__name__": "__main__"}
    with contextlib.chdir(folder):
        for cell in cells:
            *before, last = ast.parse(cell).body
            if not isinstance(last, ast.Expr):
                before.append(last)
            exec(compile(ast.Module(before, []), "cell", "exec"), names)
            if isinstance(last, ast.Expr):
                value = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
                assert repr(value)
                html = getattr(value, "_repr_html_", None)
                assert html is None or html().startswith(("<div", "<table"))
                values.append(value)
    return values


def test_all_that_is_public_is_named() -> None:
    assert {name for name in mlp_exp.__all__ if name != "__version__"} <= {*re.findall(r"\w+", PAGE)}


def test_its_rivals_examples_are_longer() -> None:
    """Lines without blank ones: skorch's first example has 30, pytabkit's four."""
    lengths = [len([line for line in block.splitlines() if line.strip()]) for block in BLOCKS]
    for words, most in (("make_classification", 30), ("members=2", 4)):
        (length,) = [length for length, block in zip(lengths, BLOCKS, strict=True) if words in block]
        assert length < most


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebook(notebook: Path, tmp_path: Path) -> None:
    head, *cells = re.split(r"^# %%", notebook.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert "percent" in head
    code = [cell for cell in cells if not cell.startswith(" [markdown]")]
    assert len(cells) > len(code) > 5
    assert len(shown(code, tmp_path)) >= len(code) - 4
    assert PAGE.count(f"notebooks/{notebook.name}") == 1

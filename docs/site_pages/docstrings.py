"""Docstrings as Sphinx wants them: code that is indented is a block of code, and public names are linked."""

import importlib
import re
from functools import cache
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

import mlp_exp
from mlp_exp.config.components import BASES, PUBLIC

_CODE = re.compile(r"(class|def|from|import|@)\b")


def mark_code(_app: Sphinx, _what: str, _name: str, _object: Any, _options: Any, lines: list[str]) -> None:
    """Code of a docstring begins after a line that ends with a colon and a blank one, or is all of an `Example:`."""
    marked: list[str] = []
    for number, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        before, blank = lines[number - 2 : number] if number > 1 else ("", "-")
        deeper = indent > len(before) - len(before.lstrip())
        if before.endswith(":") and not blank and deeper and line and not line.lstrip().startswith(">>>"):
            marked[-2] += ":"
        elif lines[number - 1].strip() == "Example:" and _CODE.match(line.strip()):
            rest = next((n for n in range(number, len(lines)) if lines[n] and not lines[n].startswith(" ")), len(lines))
            marked += [" " * indent + "::", "", *(f"    {code}" for code in lines[number:rest])]
            marked += ["", *lines[rest:]]
            break
        marked.append(line)
    lines[:] = marked


def hide_constructor(_app: Sphinx, _what: str, name: str, *_: Any) -> tuple[str, str] | None:
    """That of a class which only `load` makes."""
    return ("", "") if name == "mlp_exp.TrainedRun" else None


@cache
def _public() -> dict[str, str]:
    """The name to which each public object is documented, by the name under which it is defined."""
    objects = {f"mlp_exp.{name}": getattr(mlp_exp, name) for name in mlp_exp.__all__ if name != "__version__"}
    objects |= {f"{PUBLIC}.{name}": getattr(importlib.import_module(PUBLIC), name) for name in BASES}
    return {f"{found.__module__}.{found.__qualname__}": name for name, found in objects.items()}


def link_public(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, shown: nodes.TextElement
) -> nodes.reference | None:
    """A type of a signature, which is written as it is defined, leads to the public name."""
    name = _public().get(node.get("reftarget", ""))
    if not name:
        return None
    domain = env.domains.python_domain
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", name, node, shown)

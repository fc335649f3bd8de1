"""What pages have from the code itself: a line `% made: WHAT WORDS` stands for it."""

import os
import re
import subprocess
import sys
from collections.abc import Callable

from mlp_exp import errors
from mlp_exp.errors import MlpExpError
from site_pages.configuration import keys_of_hydra, keys_of_run, presets

_LINE = re.compile(r"^% made: (\w+) ?(.*)$", re.MULTILINE)
_WIDTH = "80"
"""Of a terminal, in characters."""


def help_of(module: str, *words: str) -> str:
    """What `python -m MODULE WORDS` prints."""
    environment = {**os.environ, "COLUMNS": _WIDTH}
    command = [sys.executable, "-m", module, *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return f"```text\n{done.stdout.rstrip()}\n```"


def errors_by_kind(base: type[MlpExpError] = MlpExpError, depth: int = 0) -> str:
    """The errors as a list, each below what it is a kind of, with its first line."""
    line = (base.__doc__ or "").partition("\n")[0]
    own = [kind for kind in base.__subclasses__() if kind.__module__ == errors.__name__ and kind.__mro__[1] is base]
    lines = [f"{'  ' * depth}- `{base.__name__}`: {line}", *(errors_by_kind(kind, depth + 1) for kind in own)]
    return "\n".join(lines)


MAKERS: dict[str, Callable[..., str]] = {
    "help": help_of,
    "errors": errors_by_kind,
    "keys_of_run": keys_of_run,
    "keys_of_hydra": keys_of_hydra,
    "presets": presets,
}


def with_made(text: str) -> str:
    """A page's Markdown with what its lines stand for."""
    return _LINE.sub(lambda line: MAKERS[line[1]](*line[2].split()), text)

"""Overrides that Hydra cannot read as they are typed, mostly since a name has signs that it takes apart."""

import shlex
from collections.abc import Sequence

from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from mlp_exp.cli.layers import parse
from mlp_exp.config.dotted import key_in
from mlp_exp.config.words import as_texts


def unread_problems(overrides: Sequence[str], *, are_one: bool, sweeps: bool) -> dict[str, str]:
    """What is wrong, by override, with a key or a value that cannot be read.

    Args:
        are_one: whether several values of an override are a mistake, too, as they are without a sweep.
        sweeps: whether the command is a sweep, in which commas separate values.
    """
    problems = {}
    for word in overrides:
        override = _parsed(word)
        if override is None:
            problems[word] = _unreadable(word, sweeps)
        elif are_one and override.is_choice_sweep():
            problems[word] = _several(word)
    return problems


def _parsed(word: str) -> Override | None:
    try:
        return parse(word)
    except (HydraException, ValueError, RecursionError):
        return None


def _unreadable(word: str, sweeps: bool) -> str:
    key, sign, value = word.partition("=")
    if not sign:
        return f"{word}: expected key=value, as seed=1"
    if _parsed(f"{key}=x") is None:
        return f"{word}: expected the name of a key before the =, as in optimizer.lr=0.01"
    return f"{key_in(word)}: {value} cannot be read; as text: {as_texts(key, value, sweeps=sweeps)}"


def _several(word: str) -> str:
    key, _, value = word.partition("=")
    said = f"{key_in(word)}: {value} are several values: for a sweep, add -m"
    if "." not in key:  # a group or the seed, which take neither
        return said
    return f"{said}; for a list: {shlex.quote(f'{key}=[{value}]')}; for one text: {as_texts(key, value)}"

"""Overrides given from Python, as arguments of the command line: a dict of values, or texts as they are typed there."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlp_exp.config.words import quoted, typed_key, typed_text
from mlp_exp.display.commands import ALLOW
from mlp_exp.errors import ConfigError

Overrides = Mapping[str, Any] | Sequence[str]

_FLAGS = ("--config-dir", "-cd", "--config-name", "-cn", ALLOW)
"""What may be given beside overrides; the others of the command line print something, or say what is trained."""


@dataclass(frozen=True)
class Interval:
    """A range of numbers that a search looks in; made by `interval`."""

    low: float
    high: float
    log: bool

    @property
    def text(self) -> str:
        """As it is typed on the command line."""
        span = f"interval({self.low!r},{self.high!r})"
        return f"tag(log,{span})" if self.log else span


def interval(low: float, high: float, *, log: bool = False) -> Interval:
    """All numbers from `low` up to, not including, `high`, for a search; whole ones for a key that takes no others.

    Args:
        log: whether they are tried evenly by their logarithm, which needs a `low` above 0.

    Raises:
        ConfigError: these are not two finite numbers, the lower first.

    Example:
        >>> interval(1e-4, 1e-1, log=True).text
        'tag(log,interval(0.0001,0.1))'
    """
    ends = [each.item() if isinstance(each, np.generic) else each for each in (low, high)]
    numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in ends)
    if not (numbers and all(map(math.isfinite, ends)) and ends[0] < ends[1] and (ends[0] > 0 or not log)):
        wanted = "two finite numbers above 0" if log else "two finite numbers"
        raise ConfigError([f"interval: expected {wanted}, the lower one first, got {low!r} and {high!r}"])
    return Interval(ends[0], ends[1], log)


def arguments_of(overrides: Overrides, *, sweeps: bool) -> list[str]:
    """The arguments of the command line that overrides stand for.

    Args:
        overrides: a dict of values by key, in which a text is a value, whatever it has in it; or texts as typed.
        sweeps: whether a list, tuple, range or array of a dict means each of its values, and a range of a search is
            allowed.

    Raises:
        ConfigError: with a line for each value that is none.

    >>> arguments_of({"optimizer": "sgd", "data.target": "a, b", "seed": range(3)}, sweeps=True)
    ['optimizer=sgd', "data.target='a, b'", 'seed=0,1,2']
    """
    if isinstance(overrides, Mapping):
        arguments, problems = [], []
        for key, value in overrides.items():
            try:
                arguments.append(argument(key, value, sweeps=sweeps))
            except ValueError as error:
                problems.append(f"{key}: {error}")
        if problems:
            raise ConfigError(problems)
        return arguments
    wanted = "expected a dict of values by key, or a list of texts such as ['seed=1']"
    is_data = hasattr(overrides, "columns") or isinstance(overrides, np.ndarray | os.PathLike)
    if is_data or (isinstance(overrides, str) and "=" not in overrides):
        found = repr(overrides) if isinstance(overrides, str) else _kind(overrides)
        raise ConfigError([f"overrides: {wanted}, got {found}; data is given by name: data=…"])
    if isinstance(overrides, str):
        raise ConfigError([f"overrides: {wanted}, got one text; put it into a list: [{overrides!r}]"])
    if not isinstance(overrides, Sequence):
        raise ConfigError([f"overrides: {wanted}, got {_kind(overrides)}; make it a list"])
    odd = next((each for each in overrides if not isinstance(each, str)), None)
    if odd is not None:
        raise ConfigError([f"overrides: {wanted}, got {_kind(odd)} in it: {odd!r}"])
    refused = [each for each in overrides if each.startswith("-") and each.partition("=")[0] not in _FLAGS]
    if refused:
        raise ConfigError([f"{each}: is for the command line alone; leave it out" for each in refused])
    return list(overrides)


def argument(key: str, value: Any, *, sweeps: bool) -> str:
    """One override as it is typed; raises ValueError if Hydra has no words for it."""
    if not isinstance(key, str) or not key or "=" in key or key.startswith("-"):
        raise ValueError("expected the name of a key, such as 'optimizer.lr'")
    if sweeps and isinstance(value, Interval):
        return f"{key}={value.text}"
    if isinstance(value, Interval):
        raise ValueError("an interval is for search(); expected one value")
    if sweeps and isinstance(value, list | tuple | range | np.ndarray):
        if not len(value):
            raise ValueError("expected one value or more, got none")
        return f"{key}={','.join(_typed(each) for each in value)}"
    return f"{key}={_typed(value)}"


def _typed(value: Any) -> str:
    """A value in the words of the command line."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str | os.PathLike):
        return typed_text(os.fspath(value))
    if isinstance(value, list | tuple | range):
        return f"[{','.join(map(_typed, value))}]"
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{_typed_key(key)}:{_typed(each)}' for key, each in value.items())}}}"
    if isinstance(value, Interval):  # in hydra.sweeper.params
        return quoted(value.text)
    raise ValueError(f"expected a number, text, list or dict, got {_kind(value)}")


def _typed_key(key: Any) -> str:
    """A key within a dict; a whole number stays one."""
    return typed_key(key if isinstance(key, str) else _typed(key))


def _kind(value: Any) -> str:
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"

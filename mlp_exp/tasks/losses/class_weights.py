"""Weights of classes by their names, as a configuration gives them."""

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from mlp_exp.config.words import typed_key
from mlp_exp.errors import ConfigError

ClassWeight = str | Mapping[Any, float] | None
"""`balanced`, weights by class name, or None. YAML reads names such as 1, yes or true as numbers and booleans."""
BOOLEANS = {True: ("true", "yes", "on"), False: ("false", "no", "off")}
"""Words that YAML reads as booleans."""
PLAIN = re.compile(r"[A-Za-z0-9_.-]+")
"""Names that are typed as they stand."""
MOST_NAMES = 20
"""That a message lists."""


def weights_by_class(given: Mapping[Any, float], names: Sequence[str]) -> list[float]:
    """The weight of each class, in the order of `names`; 1 for those that are not given.

    >>> weights_by_class({True: 5}, ["no", "yes"])
    [1.0, 5.0]

    Raises:
        ConfigError: a weight is not above 0, or of no class.
    """
    found = {key: _class_named(key, names) for key in given}
    wrong = [f"{key}: {weight}" for key, weight in given.items() if found[key] is None or not weight > 0]
    if wrong:
        known = ", ".join(names[:MOST_NAMES]) + (", …" if len(names) > MOST_NAMES else "")
        said = f"{', '.join(wrong)}{_as_typed(names)}"
        raise ConfigError([f"loss.class_weight: expected weights above 0 for classes among {known}; got {said}"])
    weights = {found[key]: float(weight) for key, weight in given.items()}
    return [weights.get(name, 1.0) for name in names]


def _as_typed(names: Sequence[str]) -> str:
    """How the first class is typed whose name a shell or Hydra would take apart."""
    odd = next((name for name in names if not PLAIN.fullmatch(name)), None)
    if odd is None:
        return ""
    try:
        return f"; as typed: {shlex.quote(f'loss.class_weight={{{typed_key(odd)}: 2}}')}"
    except ValueError as error:
        return f"; {error}"


def _class_named(key: str | float, names: Sequence[str]) -> str | None:
    """The class that a key of YAML stands for; None if there is none, or more than one."""
    if str(key) in names:
        return str(key)
    if isinstance(key, bool):
        same = [name for name in names if name.casefold() in BOOLEANS[key]]
    else:
        same = [name for name in names if not isinstance(key, str) and _number(name) == key]
    return same[0] if len(same) == 1 else None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None

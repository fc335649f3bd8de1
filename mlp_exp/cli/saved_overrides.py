"""Which overrides of a saved sweep are used: its folder may come from a stranger.

They are texts, which Hydra reads, and with them files, before there is a configuration that could be checked. So they
may set keys of a run's configuration and choose its options by name; of Hydra's own settings, those of a search and
of a launcher that are known to do no more.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import (
    ChoiceSweep,
    Glob,
    IntervalSweep,
    Override,
    OverrideType,
    QuotedString,
    RangeSweep,
)

from mlp_exp.cli.hydra_words import BY_THOUSAND, SUBDIR
from mlp_exp.cli.layers import parse_if_readable
from mlp_exp.config.conf_folder import CONF
from mlp_exp.config.trust import REFERENCE
from mlp_exp.config.words import override
from mlp_exp.display.commands import RESUME
from mlp_exp.errors import UntrustedError
from mlp_exp.storage.sweep_folder import MULTIRUN

KEY = re.compile(r"(?!hydra\b)[A-Za-z_][\w-]*([./][\w-]+)*", re.ASCII)
OPTION = re.compile(r"[\w-]+([./][\w-]+)*")
"""The name of an option, in a group or a folder of it: it cannot lead out of the folders of configurations."""
OF_HYDRA = {"hydra/launcher": ("basic", "stacked"), "hydra/sweeper": ("basic",)}
"""Options beside those of the project's own folder `conf/`."""
CHOSEN = ("hydra/launcher", "hydra/sweeper", "hydra/sweeper/sampler", "hydra/sweeper/pruner")
LAUNCHER = re.compile(r"hydra\.launcher\.([a-z][a-z_]*)", re.ASCII)
"""Its settings that are numbers, true or false: a text may name a machine, or a command."""
NAME = re.compile(r"[A-Za-z0-9_][\w-]*", re.ASCII)
TEXTS = {
    "address": re.compile("auto"),
    "executor": re.compile("slurm|local|debug"),
    **dict.fromkeys(("partition", "account", "qos", "constraint"), NAME),
}
"""Those texts of a launcher's that name the cluster here, or something in it."""
SWEEPER = re.compile(r"hydra\.sweeper(\.[A-Za-z][\w-]*)+", re.ASCII)
SWEPT = ("params", "repeat")
"""Settings of a sweeper that hold overrides."""
GO_ON = "If you know the sweep and trust it"


def require_overrides(folder: Path, overrides: Sequence[str]) -> None:
    """Raises UntrustedError if an override does more than to set a run's configuration."""
    for word in overrides:
        reason = refusal(word)
        if reason:
            raise UntrustedError(
                f"{folder / MULTIRUN}: {shown(word)} {reason}, and a saved sweep may not. {own_command(folder)}"
            )


def own_command(folder: Path) -> str:
    """What to do instead, in words."""
    return f"{GO_ON}, type its own command, with {override('hydra.sweep.dir', str(folder))} {RESUME}=true"


def shown(word: str) -> str:
    """An override in a message, where no stranger's text may be long or move the cursor."""
    text = word if word.isprintable() else repr(word)
    return text if len(text) <= 200 else f"{text[:200]}…"


def refusal(word: str) -> str | None:
    """Why an override of a run's configuration is not used; None if it may be."""
    override = parse_if_readable(word)
    if override is None:
        return "is no override"
    if not word.isprintable():  # messages name it
        return "has characters that cannot be printed"
    if override.package is not None or not KEY.fullmatch(override.key_or_group):
        return "sets more than a key of a run's configuration"
    values = _values(override)
    texts = [text for value in values for text in (*_keys(value), *(text for _, text in _leaves(value)))]
    if not all("${" not in text or REFERENCE.fullmatch(text) for text in texts):
        return "refers to more than a single key of the configuration, as ${trainer.epochs}"
    options = [text for value in values if not isinstance(value, Mapping) for _, text in _leaves(value)]
    if "." not in override.key_or_group and not all(map(OPTION.fullmatch, options)):
        return "chooses an option by more than its name"
    return None


def is_harmless(word: str) -> bool:
    """Whether a setting of Hydra's own may be taken from a saved sweep."""
    override = parse_if_readable(word)
    values = _values(override) if override else []
    if override is None or override.package is not None or len(values) != 1:  # Hydra sweeps none of its settings
        return False
    key, [value], changes = override.key_or_group, values, override.type == OverrideType.CHANGE
    if key in CHOSEN:
        own = [path.stem for path in (CONF / key).glob("*.yaml")]
        return changes and value in (*own, *OF_HYDRA.get(key, ()))
    if key == SUBDIR:
        return changes and str(value) == BY_THOUSAND
    setting = LAUNCHER.fullmatch(key)
    if setting:
        return changes and _is_of_launcher(setting[1], value)
    return SWEEPER.fullmatch(key) is not None and _is_of_sweeper(key.split(".")[2:], value)


def _is_of_launcher(name: str, value: Any) -> bool:
    if isinstance(value, str):
        return name in TEXTS and TEXTS[name].fullmatch(value) is not None
    return value is None or isinstance(value, int | float)


def _is_of_sweeper(path: Sequence[str], value: Any) -> bool:
    """Whether a value at this place of the sweeper's settings is one of plain values, and of harmless overrides."""
    if any(key.startswith("_") or "hydra" in key for key in _keys(value)):  # Hydra calls what a `_target_` names
        return False
    leaves = list(_leaves(value, ".".join(path)))
    if path[0] in SWEPT:
        return all(refusal(f"{place.partition('.')[2]}={text}") is None for place, text in leaves)
    return not any("${" in text or ".." in text for _, text in leaves)


def _values(override: Override) -> list[Any]:
    """The values that it stands for as plain ones; none for numbers of a range, and for patterns of options."""
    value = override._value
    if isinstance(value, RangeSweep | IntervalSweep | Glob):
        return []
    return [_plain(each) for each in (value.list if isinstance(value, ChoiceSweep) else [value])]


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(_plain(key)): _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, QuotedString):
        return value.text
    return value if isinstance(value, str | int | float | None) else str(value)


def _leaves(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """The texts in a value, with their keys; all those of a list have its key. A value of nothing has none."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _leaves(each, f"{place}.{key}".lstrip("."))
    elif isinstance(value, list):
        for each in value:
            yield from _leaves(each, place)
    elif value is not None:
        yield place, str(value)


def _keys(value: Any) -> Iterator[str]:
    """Of all mappings in a value."""
    if isinstance(value, Mapping):
        yield from value
    if isinstance(value, Mapping | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _keys(each)

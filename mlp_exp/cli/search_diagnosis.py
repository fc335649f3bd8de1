"""What is wrong with a command line that speaks of a search, where Hydra cannot go on."""

import re
import shlex
from collections.abc import Sequence

from hydra.core.override_parser.types import Override

from mlp_exp.cli.layers import BY_KEY
from mlp_exp.config.search_settings import NODE, SearchSettings
from mlp_exp.config.targets import did_you_mean
from mlp_exp.config.words import override as typed
from mlp_exp.display.commands import program
from mlp_exp.errors import ConfigError
from mlp_exp.hpo.reading import calls_a_function, parse_text

SETTINGS = ("n_trials", "batch", "timeout", "repeat", "objectives", "enqueue", "warm_start", "conditions")
"""Of a search, which may be typed without what they begin with."""
SEARCH = "hydra/sweeper=optuna"
PLUGINS = {
    f"hydra/{name}": f"{name.partition('=')[2]} is of the package {package}, which is not installed: {instead}"
    for name, package, instead in (
        ("launcher=joblib", "hydra-joblib-launcher", "pip install hydra-joblib-launcher; stacked is quicker"),
        ("launcher=submitit_local", "hydra-submitit-launcher", "pip install hydra-submitit-launcher; or take slurm"),
        ("launcher=submitit_slurm", "hydra-submitit-launcher", "pip install hydra-submitit-launcher; or take slurm"),
        ("launcher=rq", "hydra-rq-launcher", "it breaks this version of Hydra; take ray or slurm"),
        ("sweeper=ax", "hydra-ax-sweeper", "it breaks this version of Hydra; take optuna"),
        ("sweeper=nevergrad", "hydra-nevergrad-sweeper", "pip install hydra-nevergrad-sweeper; or take optuna"),
    )
}
"""Options of Hydra's own plugins, and what to do where they are not there."""
LISTS = ("objectives", "enqueue", "warm_start")
"""Settings of a search that take several values."""
_NOT_SWEPT = "Sweeping over Hydra's configuration"
"""What Hydra says of several values of its own settings."""
_NO_SWEEP = ("does not support sweep type", "requires --multirun")
"""What Hydra says of a range of real numbers without a search."""


def search_problems(overrides: Sequence[str], error: Exception, line: Sequence[str]) -> list[str]:
    """A line for each range that cannot be read or has no search, and for an option that does not exist.

    Args:
        line: all arguments of the command as typed, flags too.
    """
    rest = [word for word in line if word not in ("-m", "--multirun") and not word.startswith("hydra/sweeper=")]
    has_space = any(word.startswith("search=") for word in rest)
    search = shlex.join(["-m", *([] if has_space else [SEARCH]), *rest])
    unsearched = any(text in str(error) for text in _NO_SWEEP)
    problems = []
    for each in overrides:
        try:
            override = parse_text(each)
        except ConfigError as unread:
            problems += unread.problems if calls_a_function(each) or _is_by_key(each) else []
            continue
        if unsearched and override.is_interval_sweep():
            key, text = override.key_or_group, override.get_value_string()
            problems.append(
                f"{key}: {text} is for a search: {program()} {search}; a sweep takes single values, as {key}=A,B"
            )
        if _NOT_SWEPT in str(error) and override.is_sweep_override() and override.is_hydra_override():
            problems.append(_one_value(override))
        if override.key_or_group in SETTINGS:
            key = override.key_or_group
            problems.append(f"{key}: is a setting of a search: hydra.sweeper.{key}={override.get_value_string()}")
    return problems + _of_hydra(f"{error}\n{error.__cause__}")


def _is_by_key(word: str) -> bool:
    """Whether it gives a mapping of a search as one, which no text can be."""
    key, _, value = word.lstrip("+").partition("=")
    return key in BY_KEY and value.lstrip().startswith("{")


def _one_value(override: Override) -> str:
    """What is wrong with several values of a setting of Hydra's, and what to type instead."""
    key, text = override.key_or_group, override.get_value_string()
    if key.startswith(tuple(f"{place}." for place in BY_KEY)):
        return f"{key}: expected {text} in quotes of its own: {typed(key, text)}"
    as_list = f"; for a list: {shlex.quote(f'{key}=[{text}]')}" if key.removeprefix(f"{NODE}.") in LISTS else ""
    return f"{key}: takes one value, got {text}{as_list}"


def _of_hydra(error: str) -> list[str]:
    """What is wrong with an option of Hydra's groups, or a setting of its sweeper."""
    option = re.search(r"Could not find '(hydra/\w[\w/]*)/([\w-]+)'", error)
    if option:
        known = re.findall(r"^\t([\w-]+)$", error, re.MULTILINE)
        said = PLUGINS.get(f"{option[1]}={option[2]}") or f"there is no option '{option[2]}'"
        return [f"{option[1]}: {said}.{did_you_mean(option[2], known, 'Options')}"]
    inside = re.search(r"Error merging override (hydra\.sweeper\.\w+)=", error)
    if inside and re.search(r"object_type=(Range|Interval|Choice)Sweep", error):
        quoted = '{seed: "range(3)"}'
        return [f"{inside[1]}: a range inside of braces is a text, in quotes of its own: '{inside[1]}={quoted}'"]
    kind = re.search(r"Error merging override \+*hydra\.sweeper\.(\w+)=(.*)\nCannot merge", error)
    if kind and kind[1] in SearchSettings.model_fields:
        return [f"{NODE}.{kind[1]}: expected {SearchSettings.model_fields[kind[1]].description}, got {kind[2]}"]
    return []

"""What is wrong with a command line that speaks of a search, where Hydra cannot go on."""

import re
from collections.abc import Sequence

import yaml

from mlp_exp.config.conf_folder import CONF
from mlp_exp.config.targets import did_you_mean
from mlp_exp.errors import ConfigError
from mlp_exp.hpo.reading import calls_a_function, parse_text

OPTUNA = "optuna"
SETTINGS = ("n_trials", "batch", "timeout", "repeat", "objectives", "enqueue", "warm_start", "conditions")
"""Of a search, which may be typed without what they begin with."""
_NO_SWEEP = ("does not support sweep type", "requires --multirun")
"""What Hydra says of a range of real numbers without a search."""


def search_problems(overrides: Sequence[str], error: Exception) -> list[str]:
    """A line for each range that cannot be read or has no search, and for a setting that the sweeper does not have."""
    unsearched = any(text in str(error) for text in _NO_SWEEP)
    problems = []
    for each in overrides:
        try:
            override = parse_text(each)
        except ConfigError as unread:
            problems += unread.problems if calls_a_function(each) else []
            continue
        if unsearched and override.is_interval_sweep():
            key, text = override.key_or_group, override.get_value_string()
            problems.append(
                f"{key}: {text} is for a search: -m hydra/sweeper=optuna hydra.sweeper.n_trials=64 …; a sweep takes "
                f"single values, as {key}=A,B"
            )
        if override.key_or_group in SETTINGS:
            key = override.key_or_group
            problems.append(f"{key}: is a setting of a search: hydra.sweeper.{key}={override.get_value_string()}")
    return problems + _of_sweeper(overrides, f"{error}\n{error.__cause__}")


def _of_sweeper(overrides: Sequence[str], error: str) -> list[str]:
    """What is wrong with the options and settings of Hydra's sweeper."""
    option = re.search(r"Could not find '(hydra/\w[\w/]*)/([\w-]+)'", error)
    if option:
        known = re.findall(r"^\t([\w-]+)$", error, re.MULTILINE)
        return [f"{option[1]}: there is no option '{option[2]}'.{did_you_mean(option[2], known, 'Options')}"]
    inside = re.search(r"Error merging override (hydra\.sweeper\.\w+)=", error)
    if inside and re.search(r"object_type=(Range|Interval|Choice)Sweep", error):
        quoted = '{seed: "range(3)"}'
        return [f"{inside[1]}: a range inside of braces is a text, in quotes of its own: '{inside[1]}={quoted}'"]
    unknown = re.match(r"Could not override 'hydra\.sweeper\.(\w+)'", error)
    chosen = [each.partition("=")[2] for each in overrides if each.startswith("hydra/sweeper=")]
    return [_unknown_setting(unknown[1], chosen[-1] if chosen else None)] if unknown else []


def _settings_of(option: str) -> set[str]:
    """Those of an option of hydra/sweeper; of the search for one that is not ours."""
    files = (CONF / "hydra" / "sweeper" / f"{name}.yaml" for name in (option, OPTUNA))
    file = next(file for file in files if file.is_file())
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    groups = {name for each in content.get("defaults", []) if isinstance(each, dict) for name in each}
    return {key for key in content if key not in ("defaults", "_target_", "_recursive_")} | groups


def _unknown_setting(name: str, option: str | None) -> str:
    known = _settings_of(option or OPTUNA)
    if option is None and name in known:
        return f"hydra.sweeper.{name}: is a setting of a search, which hydra/sweeper=optuna or search=small chooses"
    return f"hydra.sweeper.{name}: there is no such setting.{did_you_mean(name, known)}"

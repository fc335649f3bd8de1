"""What is wrong with a command line that speaks of a search, where Hydra cannot go on."""

import re
from collections.abc import Sequence

import yaml

from mlp_exp.config.conf_folder import CONF
from mlp_exp.config.targets import did_you_mean
from mlp_exp.errors import ConfigError
from mlp_exp.hpo.reading import calls_a_function, parse_text

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
    unknown = re.match(r"Could not override 'hydra\.sweeper\.(\w+)'", str(error))
    return problems + ([_unknown_setting(unknown[1])] if unknown else [])


def _unknown_setting(name: str) -> str:
    file = CONF / "hydra" / "sweeper" / "optuna.yaml"
    known = yaml.safe_load(file.read_text(encoding="utf-8")).keys() - {"_target_", "defaults"}
    if name in known:
        return f"hydra.sweeper.{name}: is a setting of a search, which hydra/sweeper=optuna or search=small chooses"
    return f"hydra.sweeper.{name}: there is no such setting.{did_you_mean(name, known)}"

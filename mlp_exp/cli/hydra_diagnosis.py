"""What is wrong with the settings of Hydra's launcher and sweeper on a command line."""

import re
from collections.abc import Sequence

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from mlp_exp.config.conf_folder import CONF

CHOOSE = ("hydra/launcher", "hydra/sweeper", "search")
"""Groups that decide which settings there are."""


def choices(overrides: Sequence[Override]) -> list[str]:
    """The overrides that choose a launcher or a sweeper."""
    chosen = [each for each in overrides if each.key_or_group in CHOOSE and not each.is_sweep_override()]
    return [each.input_line or "" for each in chosen]


def unknown_setting(override: Override, node: DictConfig) -> str | None:
    """What is wrong with an override of a setting that the chosen launcher or sweeper does not have.

    Args:
        node: Hydra's, with the choices of the command line.

    Returns:
        None if it is there, or if the override is of something else.
    """
    found = re.match(r"hydra\.(launcher|sweeper)\.(\w+)", override.key_or_group)
    if not found or override.is_add() or found[2] in node[found[1]]:
        return None
    from mlp_exp.config.targets import did_you_mean

    group, name = f"hydra/{found[1]}", found[2]
    option = node.runtime.choices[group]
    known = [str(key) for key in node[found[1]] if not str(key).startswith("_")]
    advice = did_you_mean(name, known, f"Settings of {group}={option}")
    others = [file.stem for file in sorted((CONF / group).glob("*.yaml")) if name in OmegaConf.load(file)]
    what = f"is a setting of {group}={others[0]}" if others else "there is no such setting"
    return f"{found[0]}: {what}.{advice}"

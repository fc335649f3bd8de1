"""What is wrong with the settings of Hydra's launcher and sweeper on a command line."""

import shlex
from collections.abc import Sequence
from importlib.util import find_spec

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from mlp_exp.cli.layers import BY_KEY
from mlp_exp.config.conf_folder import CONF

CHOOSE = ("hydra/launcher", "hydra/sweeper", "hydra/sweeper/sampler", "hydra/sweeper/pruner", "search")
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
    key = override.key_or_group
    if not key.startswith(("hydra.launcher.", "hydra.sweeper.")) or override.is_add():
        return None
    place, name = _first_unknown(key, node)
    group = place.replace(".", "/")
    option = node.runtime.choices.get(group)
    if name is None or option is None:
        return None
    chosen = OmegaConf.select(node, place.partition(".")[2])
    if name in _more_options(chosen):
        return f"{key}: is not in the configuration yet. Add it with {shlex.quote(f'+{override.input_line}')}"
    from mlp_exp.config.targets import did_you_mean

    known = [str(each) for each in chosen if not str(each).startswith("_")]
    advice = did_you_mean(name, known, f"Settings of {group}={option}")
    others = [file.stem for file in sorted((CONF / group).glob("*.yaml")) if name in OmegaConf.load(file)]
    what = f"is a setting of {group}={others[0]}" if others else "there is no such setting"
    return f"{place}.{name}: {what}.{advice}"


def _first_unknown(key: str, node: DictConfig) -> tuple[str, str | None]:
    """The place down to which there is what a key names, and the first name that is not there; None if all are, or are
    free.
    """
    place, at = "hydra", node
    for name in key.split(".")[1:]:
        if not isinstance(at, DictConfig) or place in BY_KEY:
            break
        if name not in at:
            return place, name
        place, at = f"{place}.{name}", at[name]
    return place, None


def _more_options(chosen: DictConfig) -> list[str]:
    """Options of the sampler that is chosen, which its file need not have."""
    target = chosen.get("_target_")
    if not str(target).startswith("optuna.") or find_spec("optuna") is None:
        return []
    from mlp_exp.hpo.sampling import SAMPLERS, settable

    return settable(target) if target in SAMPLERS else []

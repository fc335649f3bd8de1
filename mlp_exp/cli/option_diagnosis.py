"""What is wrong with the choice of an option, or with a key that the chosen one does not have."""

import glob
import re
import shlex

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from mlp_exp.cli.unread import is_table
from mlp_exp.config.conf_folder import CONF
from mlp_exp.config.words import override as typed

_TAKES_NO = re.compile(r"(\w+)\.(\w+): \w+ takes no '\2'\.(?= Known: )")


def is_of_table(group: str, option: str) -> bool:
    """Whether a table's file was chosen in the place of an option."""
    return group == "data" and is_table(option)


def no_option(group: str, option: str, hint: str, *, has_own: bool) -> str:
    """Says that a group has no such option, and what to do.

    Args:
        hint: other options.
        has_own: whether options of the user's own are known.
    """
    said = f"{group}: there is no option '{option}'."
    if is_of_table(group, option):
        return f"{said} For a table: data=table {typed('data.path', option)}"
    files = glob.glob(f"*/{glob.escape(f'{group}/{option}')}.yaml")
    if not files or has_own:
        return f"{said}{hint}"
    return f"{said} It is in {files[0]}: add --config-dir {shlex.quote(files[0].partition('/')[0])}"


def of_another_option(line: str) -> str:
    """A mistake, with the options of the group that have the key, if a key is unknown to the one that is chosen."""
    found = _TAKES_NO.match(line)
    if not found:
        return line
    files = sorted((CONF / found[1]).glob("*.yaml"))
    having = [f"{found[1]}={file.stem}" for file in files if found[2] in [*OmegaConf.load(file)]]
    return f"{found[0]} Add {' or '.join(having)}, which takes it" if having else line


def unknown_key(override: Override, config: DictConfig) -> str | None:
    """How an override sets a key that the configuration lacks, and that what it is for takes; None for all others.

    Args:
        config: with the options that are chosen, and no key set.
    """
    key = override.key_or_group
    if override.is_add() or override.is_delete() or "." not in key or key.startswith("hydra."):
        return None
    place, _, name = key.rpartition(".")
    node = OmegaConf.select(config, place)
    if node is not None and (not isinstance(node, DictConfig) or name in [*node]):
        return None
    plus = shlex.quote(f"+{override.input_line}")
    return f"{key}: is not in the configuration yet. Add it with {plus}, or as a line of the YAML of your option"

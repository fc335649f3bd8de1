"""Completion of the command line in a shell: groups, options, keys, their words, flags and files."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from mlp_exp.cli.flags import FLAGS, HELP, WITH_VALUE, separated
from mlp_exp.cli.help_text import LISTS
from mlp_exp.cli.new import NEW
from mlp_exp.config.conf_folder import CONF, CONFIG_NAME
from mlp_exp.config.described import Key, choices, groups, option
from mlp_exp.config.schema import Experiment

PATHS = re.compile(r"the (path|folder) of")
"""In what a key takes."""
PLAIN = re.compile(r"[\w.+-]+")
"""Values that a shell leaves as they are."""
FOLDERS = ("hydra.run.dir", "hydra.sweep.dir")


def completions(line: str) -> list[str]:
    """What may stand in place of the last word of a line.

    Args:
        line: as typed so far, with the program's name.

    >>> completions("mlp-exp model.act")
    ['model.activation=']
    """
    *typed, word = [*line.split()[1:], *[""] * line.endswith(" ")] or [""]
    if word.startswith("-"):
        return sorted(name for flag in FLAGS for name in flag.names if name.startswith(word))
    if typed and (typed[-1] in WITH_VALUE or typed[0] == NEW):
        return []  # the shell then offers files
    words, named = separated(typed)
    folders = [*(folder for folder in named if folder.is_dir()), CONF]
    sign = word[: len(word) - len(word.lstrip("+~"))]
    if {*typed} & {*HELP}:
        asked = {found.rstrip("=") for found in _found(word, words, folders)}
        return sorted(asked | {each for each in LISTS if each.startswith(word)})
    return sorted(f"{sign}{found}" for found in _found(word.removeprefix(sign), words, folders))


def _found(word: str, typed: Sequence[str], folders: Sequence[Path]) -> set[str]:
    known = groups(folders)
    name, equals, value = word.partition("=")
    if equals:
        before = value[: value.rfind(",") + 1]  # of a sweep
        values = known.get(name) or _values(name, value, typed, folders)
        return {f"{name}={before}{each}" for each in values if each.startswith(value.removeprefix(before))}
    top = {f"{key.name}=" for key in option("", CONFIG_NAME).keys if "/" not in key.name and key.name not in known}
    found = {f"{group}=" for group in known} | top | ({NEW} if not typed else set())
    if "." not in word:
        found |= {f"{group}." for group in known if group in Experiment.model_fields}
    else:
        found |= {f"{key.name}=" for key in _keys(word, typed, known, folders)}
    return {each for each in found if each.startswith(word)}


def _keys(word: str, typed: Sequence[str], known: dict[str, tuple[str, ...]], folders: Sequence[Path]) -> Iterable[Key]:
    """Those of the groups that a key may be of: of the options that are typed, else of all."""
    chosen = dict(each.split("=", 1) for each in typed if "=" in each)
    for group, options in known.items():
        start = f"{group.replace('/', '.')}."
        if word.startswith(start) or start.startswith(word):
            names = [name for name in options if name == chosen.get(group)] or options
            yield from (
                key for name in names for key in option(group, name, folders).keys if key.name.startswith(start)
            )


def _values(name: str, value: str, typed: Sequence[str], folders: Sequence[Path]) -> Iterable[str]:
    """Words that a key takes, and its defaults; files for one that names a path."""
    keys = (*option("", CONFIG_NAME).keys, *_keys(name, typed, groups(folders), folders))
    found = [key for key in keys if key.name == name]
    if name in FOLDERS or value.startswith((".", "/")) or any(PATHS.match(key.takes) for key in found):
        folder = value[: value.rfind("/") + 1]
        paths = [path for path in Path(folder or ".").glob("*") if value or not path.name.startswith(".")]
        return [f"{folder}{path.name}{'/' * path.is_dir()}" for path in paths]
    return {*choices(name), *(key.default for key in found if PLAIN.fullmatch(key.default))}

"""Overrides that Hydra cannot read as they are typed, mostly since a name has signs that it takes apart."""

import difflib
import shlex
from collections.abc import Sequence

from mlp_exp.cli.flags import FLAGS
from mlp_exp.cli.layers import parse_if_readable
from mlp_exp.cli.new import NEW
from mlp_exp.config.conf_folder import CONF
from mlp_exp.config.dotted import key_in
from mlp_exp.config.words import IN_PYTHON, as_texts, override
from mlp_exp.display.commands import RERUN, RESUME, program

COMMANDS = {
    NEW: f"{NEW} PATH",
    **{key: f"{key}=FOLDER" for key in (RESUME, RERUN)},
    **{name.lstrip("-"): name for flag in FLAGS for name in flag.names if name.startswith("--")},
}
"""Words that say what is to be done, as they may be typed, and as they are."""
TABLES = (".csv", ".tsv", ".txt", ".csv.gz", ".parquet")


def unread_problems(overrides: Sequence[str], *, are_one: bool, sweeps: bool) -> dict[str, str]:
    """What is wrong, by override, with a key or a value that cannot be read.

    Args:
        are_one: whether several values of an override are a mistake, too, as they are without a sweep.
        sweeps: whether the command is a sweep, in which commas separate values.
    """
    problems: dict[str, str] = {}
    for place, word in enumerate(overrides):
        torn = _torn(overrides[place : place + 3])
        parsed = parse_if_readable(word)
        if word in problems:
            continue
        if torn:
            line = f"{key_in(torn[0])}: expected no blanks around the =: {shlex.quote(''.join(torn))}"
            problems |= dict.fromkeys(torn, line)
        elif parsed is None:
            problems[word] = _unreadable(word, overrides[place - 1] if place else "", sweeps)
        elif are_one and parsed.is_discrete_sweep():
            problems[word] = _several(word, is_list=parsed.is_choice_sweep())
    return problems


def _torn(words: Sequence[str]) -> Sequence[str]:
    """The first words, if they are one override with blanks around its =."""
    first, *rest = words
    if rest and "=" not in first and rest[0].startswith("="):
        return words[: 3 if rest[0] == "=" else 2]
    if rest and first.endswith("=") and "=" not in rest[0]:
        return words[:2]
    return []


def _unreadable(word: str, before: str, sweeps: bool) -> str:
    key, sign, value = word.partition("=")
    if not sign:
        return f"{word}: expected key=value, {_instead(word, before)}"
    if parse_if_readable(f"{key}=x") is None:
        return f"{word}: expected the name of a key before the =, as in optimizer.lr=0.01"
    return f"{key_in(word)}: {value} cannot be read; as text: {as_texts(key, value, sweeps=sweeps)}"


def _instead(word: str, before: str) -> str:
    """What may have been meant by a word without =, and the one before it."""
    key, _, value = before.partition("=")
    if value and "." in key:
        return f"as seed=1; if it belongs to the word before it: {as_texts(key, f'{value} {word}')}"
    if is_table(word):
        return f"as {with_table(word)}"
    near = difflib.get_close_matches(word, COMMANDS, n=1, cutoff=0.65)
    return f"as seed=1{f'. Did you mean {COMMANDS[near[0]]}?' if near else ''}"


def is_table(word: str) -> bool:
    return word.lower().endswith(TABLES)


def with_table(path: str) -> str:
    """What is typed to train on a table."""
    return f"data=table {override('data.path', path)} data.target=COLUMN"


def unknown_flag(flag: str, following: str) -> str:
    """What is wrong with a word that begins as a flag does and is none.

    Args:
        following: the next word of the command line.
    """
    name, _, value = flag.lstrip("-").partition("=")
    near = difflib.get_close_matches(name, [word for word in COMMANDS if COMMANDS[word].startswith("--")], n=1)
    group = name.partition(".")[0]
    if near:
        hint = f". Did you mean {COMMANDS[near[0]]}?"
    elif (CONF / group).is_dir() or (name in COMMANDS and name != NEW):
        value = value or following
        typed = with_table(value) if name == "data" and is_table(value) else f"{name}={value or '…'}"
        hint = f"; a key has no dashes: {typed}"
    else:
        hint = f"; {program()} --help lists all"
    return f"{flag.partition('=')[0]}: there is no such option{hint}"


def _several(word: str, *, is_list: bool) -> str:
    key, _, value = word.partition("=")
    said = f"{key_in(word)}: {value} are several values: for a sweep, {'call sweep()' if IN_PYTHON.get() else 'add -m'}"
    if not is_list or "." not in key:  # a group or the seed, which take neither
        return said
    return f"{said}; for a list: {shlex.quote(f'{key}=[{value}]')}; for one text: {as_texts(key, value)}"

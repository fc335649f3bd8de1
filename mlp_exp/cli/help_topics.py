"""Help on words of the command line: groups, options and keys, from the schema and the YAML files."""

import difflib
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from mlp_exp.config.conf_folder import CONFIG_NAME
from mlp_exp.config.described import LAUNCHER, SWEEPER, Key, Option, groups, option
from mlp_exp.config.dotted import key_in
from mlp_exp.config.targets import did_you_mean
from mlp_exp.errors import ArgumentError

WIDEST_LEFT = 36
"""Of the first of two columns, in characters."""
Found = Mapping[str, Sequence[tuple[Option, Key]]]
"""Keys by name, each with the options that have it."""


def about(word: str, folders: Sequence[Path], width: int) -> str:
    """What there is to say of a group, an option, a key, or all keys that begin alike.

    Args:
        word: as on the command line: `optimizer`, `data=table`, `optimizer.lr`, also with a value, `data.cat`.
        folders: of YAML groups.
        width: characters of a line.

    Raises:
        ArgumentError: there is nothing of this name.
    """
    name, value = key_in(word), word.partition("=")[2]
    known = groups(folders)
    group = name if name in known else name.replace(".", "/")
    if group in known and value:
        chosen = [each.strip() for each in value.strip("[]").split(",")]
        return "\n\n".join(_option(word, group, each, folders, width) for each in chosen)
    found = every_key(folders)
    if group in known:
        return _group(group, known[group], found, folders, width)
    alike = [key for key in found if key.startswith(f"{name}." if name in found else name)]
    alike = alike or [key for key in found if key.endswith(f".{name}") and name not in found]
    rows = two_columns([key_row(default_of(key, found)) for key in alike], width)
    if name in found:
        return "\n".join([_key(name, found, width), *[rows] * bool(rows)])
    if rows:
        return rows
    options = {option: f"{place}={option}" for place in reversed(known) for option in known[place]}
    near = difflib.get_close_matches(name, [*found, *known, *options], n=1, cutoff=0.65)
    hint = f" Did you mean '{options.get(near[0], near[0])}'?" if near else ""
    if not near:  # there are hundreds of keys
        hint = did_you_mean(name, known, "Groups")
    raise ArgumentError(f"--help {word}: there is no such group or key.{hint}")


def every_key(folders: Sequence[Path]) -> Found:
    """All keys of all options, those of the top level first."""
    found: dict[str, list[tuple[Option, Key]]] = {}
    names = [(group, name) for group, options in groups(folders).items() for name in options]
    for group, name in [("", CONFIG_NAME), *names]:
        of = option(group, name, folders)
        for key in of.keys:
            found.setdefault(key.name, []).append((of, key))
    return found


def key_row(key: Key, having: str = "") -> tuple[str, str]:
    """A key with its default, and what it is and takes; `having` are the options that have it, if not all do."""
    text = "; ".join(filter(None, (key.comment, key.takes and f"takes {key.takes}")))
    return f"{key.name}={key.default}" if key.default else key.name, ": ".join(filter(None, (having, text)))


def two_columns(rows: Sequence[tuple[str, str]], width: int) -> str:
    """Rows of a word and what it means."""
    place = 4 + min(max((len(left) for left, _ in rows), default=0), WIDEST_LEFT, width // 2)
    return "\n".join(line for left, right in rows for line in _wrapped(left, right, place, width))


def _wrapped(left: str, right: str, place: int, width: int) -> Iterator[str]:
    if len(left) + 4 > place:
        yield from textwrap.wrap(left, width, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)
        left = ""
    for line in textwrap.wrap(right, max(width - place, 20)) or [""] * bool(left):
        yield f"{f'  {left}':{place}}{line}".rstrip()
        left = ""


def _default_option(group: str, found: Found) -> str:
    """The option that a group has where none is chosen, "" for none; Hydra's sweeper is its basic one."""
    own = [key.default for of, key in found.get(group, ()) if of.group in ("", group.rpartition("/")[0])]
    return own[0] if own else "basic" * (group == SWEEPER)


def default_of(name: str, found: Found) -> Key:
    """A key as it is where no option is chosen, else as the first option of its group has it."""
    own = [(of, key) for of, key in found[name] if f"{name}.".startswith(f"{of.group.replace('/', '.')}.".lstrip("."))]
    chosen = [key for of, key in own if of.group and of.name == _default_option(of.group, found)]
    return [*chosen, *(key for _, key in own), found[name][0][1]][0]


def _group(group: str, names: Sequence[str], found: Found, folders: Sequence[Path], width: int) -> str:
    default = _default_option(group, found)
    what = [key.comment for of, key in found.get(group, ()) if not of.group]
    options = {name: option(group, name, folders) for name in names}
    first = {name: each.comment.partition("\n")[0] for name, each in options.items()}
    rows = [(f"{name} (default)" if name == default else name, first[name]) for name in names]
    parts = [textwrap.fill(f"{group}: {what[0]}" if what else group, width), two_columns(rows, width)]
    keys: dict[str, tuple[Key, list[str]]] = {}
    for name in sorted(names, key=lambda name: name != default):
        for key in options[name].keys:
            if key.name.startswith((f"{group.replace('/', '.')}.", f"{group}/")) and not is_hydras(key):
                keys.setdefault(key.name, (key, []))[1].append(name)
    if keys:
        rows = [key_row(key, "" if having[0] == default else ", ".join(having)) for key, having in keys.values()]
        values = f", with the values of {group}={default} where it has them" if default else ""
        parts.append(f"Keys{values}:\n{two_columns(rows, width)}")
    example = next((name for name in names if name != default), default)
    return "\n\n".join([*parts, f"One of them: --help {group}={example}"])


def is_hydras(key: Key) -> bool:
    """Whether it is one that nobody types, and that Hydra needs."""
    return key.name.endswith(("._partial_", "._recursive_")) or (key.name.endswith("._target_") and not key.takes)


def _option(word: str, group: str, name: str, folders: Sequence[Path], width: int) -> str:
    names = groups(folders)[group]
    if name not in names:
        others = f" Of a plugin of others: --cfg hydra {group}={name}" if group in (LAUNCHER, SWEEPER) else ""
        hint = did_you_mean(name, names, "Options")
        raise ArgumentError(f"--help {word}: mlp_exp has no option '{name}'.{hint}{others}")
    found = option(group, name, folders)
    lines = [line for text in found.comment.splitlines() for line in textwrap.wrap(text, width)]
    parts = ["\n".join([f"{group}={name}", *lines])]
    if found.keys:
        parts.append(two_columns([key_row(key) for key in found.keys if not is_hydras(key)], width))
    return "\n\n".join(parts)


def _key(name: str, found: Found, width: int) -> str:
    """A key, with the values that options give it; those that agree in one row."""
    first = default_of(name, found)
    by_value: dict[tuple[str, str], dict[str, list[str]]] = {(first.default, first.comment): {}}
    for of, key in found[name]:
        by_value.setdefault((key.default, key.comment), {}).setdefault(of.group, []).append(of.name)
    rows = []
    for (value, comment), having in by_value.items():
        where = [f"{group}={', '.join(names)}" for group, names in having.items() if group]
        texts = (comment, f"({'; '.join(where)})" if where else "")
        if value or comment:
            rows.append((f"{name}={value}" if value else name, " ".join(filter(None, texts))))
    takes = textwrap.wrap(f"{name} takes {first.takes}", width) if first.takes else []
    return "\n".join([*takes, *[""] * bool(takes), *[two_columns(rows, width)] * bool(rows)])

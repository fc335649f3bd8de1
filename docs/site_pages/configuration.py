"""The configuration as Markdown: groups, options and keys, from the schema and the YAML files."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence

from mlp_exp.config.described import Key, Option, groups, option

PRESETS = ("experiment", "search")
"""Groups whose options set keys of other groups."""
FIRST = ("seed", "resume", "rerun")
"""Keys outside of groups that people type most."""
GROUPS = groups()
TARGET = "an import path, such as package.Class", "what is built, or called: a class or function, also one of your own"
OF_HYDRA = {"_target_": TARGET, "_recursive_": ("true or false", "")}
"""Type and comment of keys that mean the same everywhere, where nothing else is said."""


def text(words: str) -> str:
    r"""Plain words as Markdown.

    >>> text("a_b: [1] of *args")
    'a\\_b: \\[1\\] of \\*args'
    """
    plain = re.sub(r"([\\*_\[\]<>|#`])", r"\\\1", " ".join(words.split()))
    return re.sub(r"docs/([\w/\\-]+\.md)", lambda page: f"[{page[0]}](../{page[1].replace(chr(92), '')})", plain)


def code(words: str) -> str:
    return f"`{words}`" if words else ""


def options_of(group: str) -> list[Option]:
    return [option(group, name) for name in GROUPS[group]]


def by_option(values: Mapping[str, str]) -> str:
    """What holds for which options, shortly: what all have in common stands alone.

    >>> by_option({"adam": "`1e-3`", "sgd": "`1e-2`", "nadam": "`1e-3`"})
    '`1e-3` (adam, nadam), `1e-2` (sgd)'
    """
    names: dict[str, list[str]] = {}
    for name, value in values.items():
        if value:
            names.setdefault(value, []).append(name)
    if len(names) == 1:
        return next(iter(names))
    return ", ".join(f"{value} ({', '.join(map(text, having))})" for value, having in names.items())


def is_node(key: Key, keys: Iterable[Key]) -> bool:
    """Whether there is nothing to say of a key but what is said of those inside it."""
    return not (key.default or key.comment) and any(other.name.startswith(f"{key.name}.") for other in keys)


def key_entry(name: str, found: Mapping[str, Key], group: str = "", options: Sequence[str] = ()) -> str:
    """The entry of a key, by the options of its group that have it; `options` are all of them."""
    usual_type, usual_comment = OF_HYDRA.get(name.rpartition(".")[2], ("", ""))
    takes = by_option({of: text(key.takes or usual_type) for of, key in found.items()})
    default = by_option({of: code(key.default) for of, key in found.items()})
    comment = by_option({of: text(key.comment or usual_comment) for of, key in found.items()})
    only = "" if len(found) >= len(options) else f"*With {', '.join(code(f'{group}={of}') for of in found)}.*"
    fields = [f":{field}: {json.dumps(said)}" for field, said in (("type", takes), ("default", default)) if said]
    return "\n".join([f"````{{confval}} {name}", ":no-contents-entry:", *fields, "", comment, "", only, "````", ""])


def group_section(group: str, about: str = "", chosen: str = "") -> str:
    """A heading, a table of the options, and all of their keys."""
    options = options_of(group)
    rows = [f"| `{each.name}` | {text(each.comment)} |" for each in options]
    keys: dict[str, dict[str, Key]] = {}
    for each in options:
        for key in each.keys:
            if key.name.replace(".", "/") not in GROUPS and not is_node(key, each.keys):
                keys.setdefault(key.name, {})[each.name] = key
    names = [each.name for each in options]
    entries = [key_entry(name, found, group, names) for name, found in keys.items()]
    intro = f"{text(about[:1].upper() + about[1:])}. By default `{group}={chosen}`." if about else ""
    table = [f"| `{group}=` | |", "|---|---|", *rows, ""]
    return "\n".join([f"({group.replace('/', '-')})=", f"## {group}", "", intro, "", *table, *entries])


def sections(names: Iterable[str]) -> str:
    """Of some groups."""
    top = {key.name: key for key in option("", "run").keys}
    none = Key("", "", "", "")
    return "\n".join(group_section(name, top.get(name, none).comment, top.get(name, none).default) for name in names)


def keys_of_run() -> str:
    """The seed and what continues a run, the keys of each group that is built for a run, and the other keys."""
    keys = option("", "run").keys
    top = [key for key in keys if key.name not in GROUPS and key.name.partition(".")[0] != "data"]
    top = [key for key in top if not is_node(key, keys)]
    first = [key_entry(key.name, {"run": key}) for key in top if key.name in FIRST]
    others = [key_entry(key.name, {"run": key}) for key in top if key.name not in FIRST]
    of_groups = sections(name for name in GROUPS if name not in PRESETS and "/" not in name)
    return "\n".join([*first, of_groups, "## Outside of groups\n", *others])


def keys_of_hydra() -> str:
    """The groups that say where and how the runs of a sweep are trained and chosen."""
    return sections(name for name in GROUPS if "/" in name)


def presets(group: str) -> str:
    """Each option of `experiment` or `search` with what it sets, and why."""
    lines = []
    for each in options_of(group):
        rows = [f"| `{key.name}` | {code(key.default)} | {text(key.comment)} |" for key in each.keys if key.default]
        table = ["| key | value | why |", "|---|---|---|", *rows] if rows else ["It sets nothing."]
        target = f"{group}-{each.name}".replace("_", "-")
        lines += [f"({target})=", f"### {group}={each.name}", "", text(each.comment), "", *table, ""]
    return "\n".join(lines)

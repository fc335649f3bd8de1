"""Every group, option and key of the configuration in words, from the schema and the YAML files.

Help, completion and the reference are made from it; it needs neither torch nor Hydra.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from mlp_exp.config.commented_yaml import read_commented
from mlp_exp.config.conf_folder import CONF, CONFIG_NAME
from mlp_exp.config.hydra_keys import TAKES
from mlp_exp.config.hydra_settings import HydraSettings, LocalSettings
from mlp_exp.config.key_types import field_of, model_in, words_of
from mlp_exp.config.ray_settings import RaySettings
from mlp_exp.config.schema import GROUPS
from mlp_exp.config.search_settings import LrRangeSettings, SearchSettings
from mlp_exp.config.slurm_settings import SlurmSettings
from mlp_exp.config.targets import did_you_mean
from mlp_exp.errors import ConfigError

INTERNAL = ("hydra/callbacks", "hydra/hydra_logging", "hydra/job_logging")
"""Groups in which nobody chooses."""
LAUNCHER, SWEEPER = "hydra/launcher", "hydra/sweeper"
SETTINGS: dict[tuple[str, str], type[HydraSettings]] = {
    (LAUNCHER, "stacked"): LocalSettings,
    (LAUNCHER, "ray"): RaySettings,
    (LAUNCHER, "slurm"): SlurmSettings,
    (SWEEPER, "optuna"): SearchSettings,
    (SWEEPER, "lr_range"): LrRangeSettings,
}
"""The schemas of options of Hydra's own groups."""


@dataclass(frozen=True)
class Key:
    """A key of the configuration.

    Attributes:
        name: the whole key as typed: `optimizer.lr`; of a group that is chosen, `optimizer` or `hydra/launcher`.
        takes: type and range in words; "" for a key that no schema knows.
        default: as YAML; "???" for one that has to be given, "" where the option sets none, or keys inside it.
        comment: of its line in the YAML; "" where there is none.
    """

    name: str
    takes: str
    default: str
    comment: str


@dataclass(frozen=True)
class Option:
    """An option of a group, as `optimizer=adam`.

    Attributes:
        group: "" for the top level.
        comment: the first lines of its file.
        keys: also those that it inherits by `defaults`; those of the schema that no option sets come last.
    """

    group: str
    name: str
    comment: str
    keys: tuple[Key, ...]


OF_COMMAND = (
    Key("resume", "the folder of a run, a sweep or a search; true with -m hydra.sweep.dir=DIR", "", "continues it"),
    Key("rerun", "the folder of a run", "", "trains it again with its own configuration, and compares the two"),
)
"""Words of the command line that are no part of a configuration."""
OF_HYDRA = (
    Key(
        "hydra.job.chdir", "true or false", "false", "whether a run works in its own folder: paths are seen from there"
    ),
    Key("hydra.job.env_set", "texts by name, such as {OMP_NUM_THREADS: 1}", "{}", "environment variables of a run"),
    Key("hydra.job.env_copy", "a list of names", "[]", "environment variables that a run gets as they are here"),
    Key("hydra.verbose", "true, false, or a list of loggers", "false", "whether the log has the lines for debugging"),
    Key("hydra.output_subdir", "a name, or null", ".hydra", "where a run's folder has its configuration"),
    Key("hydra.searchpath", "a list, such as [file:///home/me/conf]", "[]", "more folders of options and presets"),
    Key("hydra.mode", "RUN or MULTIRUN", "", "MULTIRUN is the same as -m"),
)
"""Hydra's own settings, which no file sets."""

_STACKS = "runs that train as one stack at most; null to find it from cache and memory"
_WITHOUT_FILE = [
    Option(LAUNCHER, "basic", "The runs of a sweep one after another, in the command's process. Hydra's own.", ()),
    Option(
        LAUNCHER,
        "stacked",
        "The runs of a sweep together in stacks, on the cores or GPUs of this machine.",
        (Key("hydra.launcher.max_stack", str(LocalSettings.model_fields["max_stack"].description), "null", _STACKS),),
    ),
    Option(
        SWEEPER,
        "basic",
        "All combinations of the values on the command line. Hydra's own.",
        (
            Key(
                "hydra.sweeper.max_batch_size", "a whole number, 1 or more, or null", "null", "runs of a batch at most"
            ),
            Key("hydra.sweeper.params", "values by key, such as {seed: 'range(8)'}, or null", "null", "what is swept"),
        ),
    ),
]
WITHOUT_FILE = {(option.group, option.name): option for option in _WITHOUT_FILE}
"""Options that Hydra and its plugins hold."""


def groups(folders: Sequence[Path] = (CONF,)) -> dict[str, tuple[str, ...]]:
    """Every group with its options, in the order of their names: data first, then the groups in the order of run.yaml.

    Args:
        folders: of YAML groups; with `--config-dir DIR` that first.

    >>> groups()["tracker"]
    ('mlflow', 'none', 'tensorboard', 'wandb')
    """
    found: dict[str, set[str]] = {}
    for group, name in WITHOUT_FILE:
        found.setdefault(group, set()).add(name)
    for folder in folders:
        for file in folder.glob("**/*.yaml"):
            place = file.relative_to(folder)
            group = place.parent.as_posix()
            if group not in (".", *INTERNAL) and not any(part.startswith(".") for part in place.parts):
                found.setdefault(group, set()).add(file.stem)
    defaults = read_commented(CONF / f"{CONFIG_NAME}.yaml").defaults
    order = ["data", *(_place("", default.key) for default in defaults)]
    ranks = {group: order.index(group) if group in order else len(order) for group in found}
    return {group: tuple(sorted(found[group])) for group in sorted(found, key=lambda group: (ranks[group], group))}


def option(group: str, name: str, folders: Sequence[Path] = (CONF,)) -> Option:
    """An option with all of its keys; `option("", "run")` is the top level.

    Raises:
        ConfigError: there is none of this name.

    >>> option("optimizer", "sgd").keys[1]
    Key(name='optimizer.lr', takes='a number above 0', default='1e-2', comment='learning rate')
    """
    if (group, name) in WITHOUT_FILE:
        return WITHOUT_FILE[group, name]
    file = _file(group, name, folders)
    if file is None:
        known = _options(group, folders)
        raise ConfigError([f"{group}: there is no option '{name}'.{did_you_mean(name, known, 'Options')}"])
    read = read_commented(file)
    keys = {key.name: key for key in _keys_of(group, name, folders)}
    if not group:
        keys |= {key.name: key for key in (*OF_HYDRA, *OF_COMMAND)}
    elif read.package is None:
        for key in _general_keys(group, name, folders):
            keys.setdefault(key.name, key)
    return Option(group, name, read.comment, tuple(keys.values()))


def _options(group: str, folders: Sequence[Path]) -> list[str]:
    files = {file.stem for folder in folders for file in (folder / group).glob("*.yaml")}
    return sorted({name for place, name in WITHOUT_FILE if place == group} | files)


def _file(group: str, name: str, folders: Sequence[Path]) -> Path | None:
    files = (folder / group / f"{name}.yaml" for folder in folders)
    return next((file for file in files if file.is_file()), None)


def _keys_of(group: str, name: str, folders: Sequence[Path], seen: frozenset[Path] = frozenset()) -> Iterator[Key]:
    """Those that a file sets, in order, what it inherits first; a name may come twice, the last one counts."""
    file = _file(group, name, folders)
    if file is None or file in seen:
        return
    read = read_commented(file)
    inherited: dict[str, Key] = {}
    for default in read.defaults:
        chosen = _place(group, default.key)
        place, _, base = chosen.rpartition("/")
        if default.value:
            if chosen not in INTERNAL:
                yield _choice(chosen, default.value, default.comment, folders)
        elif place == group:
            inherited |= {key.name: key for key in _keys_of(place, base, folders, seen | {file})}
        elif base != "_self_":
            yield _choice(place, base, default.comment, folders)
    yield from inherited.values()
    prefix = {"_global_": "", None: f"{group.replace('/', '.')}."}.get(read.package, f"{read.package}.")
    for line in read.lines:
        name = f"{prefix if group else ''}{line.key}"
        takes = _takes(name, group, file.stem)
        if takes or not line.inner:
            before = inherited.get(name)
            comment = line.comment or (before.comment if before else "")
            yield Key(name, takes, "" if line.inner else line.value, comment)


def _place(group: str, default: str) -> str:
    """Of an entry of a defaults list, as `override /optimizer`, `adam` or `sampler`, its place below the folders."""
    path = default.rsplit(maxsplit=1)[-1].partition("@")[0] if default.strip() else ""
    return path[1:] if path.startswith("/") else f"{group}/{path}".lstrip("/")


def _choice(group: str, chosen: str, comment: str, folders: Sequence[Path]) -> Key:
    options = _options(group, folders)
    return Key(group, f"one of {', '.join(options)}" if options else "an option of your own", chosen, comment)


def _general_keys(group: str, name: str, folders: Sequence[Path]) -> Iterator[Key]:
    """Keys of a group, whichever option is chosen: those that `run.yaml` sets, and that only the schema knows."""
    start = f"{group.replace('/', '.')}."
    yield from (key for key in _keys_of("", CONFIG_NAME, folders) if key.name.startswith(start))
    options = [each.stem for each in (CONF / group).glob("*.yaml")]
    known = {key.name for each in options for key in _keys_of(group, each, (CONF,))}
    model = SETTINGS.get((group, name)) or GROUPS.get(group)
    for key in _schema_keys(model, start) if model else ():
        if key.name not in known and key.name.replace(".", "/") not in known:
            yield key


def _schema_keys(model: type[BaseModel], start: str) -> Iterator[Key]:
    for name, field in model.model_fields.items():
        key = f"{start}{field.alias or name}"
        if field.description:
            yield Key(key, field.description, "", "")
        inner = model_in(field)
        if inner:
            yield from _schema_keys(inner, f"{key}.")


def choices(name: str) -> tuple[str, ...]:
    """The words that a key takes, where these are all or some of its values.

    >>> choices("model.norm")
    ('batch', 'layer', 'null')
    """
    field = _field(name, SETTINGS.values())
    return words_of(field) if field else ()


def _takes(name: str, group: str, chosen: str) -> str:
    """What a key takes, by the schema of the run, or of this or any other option of Hydra's groups."""
    own = SETTINGS.get((group, chosen))
    field = _field(name, [own] if own else SETTINGS.values())
    return (field.description if field else None) or TAKES.get(name, "")


def _field(name: str, settings: Iterable[type[HydraSettings]]) -> FieldInfo | None:
    node, _, key = name.rpartition(".")
    fields = [field_of(name), *(model.model_fields.get(key) for model in settings if model.node == node)]
    return next((field for field in fields if field), None)

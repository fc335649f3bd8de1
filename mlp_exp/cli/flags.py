"""The flags of the command line that trains: Hydra's own, and those of this project."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mlp_exp.display.commands import ALLOW, DRY_RUN


class Flag(NamedTuple):
    """A flag of the command line.

    Attributes:
        value: what follows it, "" for nothing.
    """

    names: tuple[str, ...]
    value: str
    text: str


HELP = ("--help", "-h")
VERSION = ("--version", "-V")
CONFIG_DIR = ("--config-dir", "-cd")
COMPLETION = ("--shell-completion", "-sc")
FLAGS = [
    Flag(HELP, "[WORD …]", "help on groups, options and keys"),
    Flag(VERSION, "", "versions, also of torch, Hydra and Python"),
    Flag(("--multirun", "-m"), "", "a sweep: key=a,b,c or key=range(8); or a search"),
    Flag((DRY_RUN,), "", "jobs, stacks, memory and time of a sweep; trains nothing"),
    Flag((ALLOW,), "PACKAGE", "resume and rerun: lets the run use a package of your own"),
    Flag(CONFIG_DIR, "DIR", "your own options and presets: DIR/model/deep.yaml is model=deep"),
    Flag(("--config-name", "-cn"), "NAME", "with --config-dir RUN/.hydra: config, the configuration of a saved run"),
    Flag(("--config-path", "-cp"), "DIR", "a folder in place of all options of mlp_exp"),
    Flag(("--cfg", "-c"), "job", "shows the configuration and trains nothing; hydra or all: also Hydra's"),
    Flag(("--resolve",), "", "with --cfg: shows what references stand for"),
    Flag(("--package", "-p"), "KEY", "with --cfg: shows that part alone"),
    Flag(("--info", "-i"), "[WHAT]", "where the configuration is from: defaults, searchpath, plugins …"),
    Flag(
        COMPLETION, "install=bash", 'completion of groups, options, keys and values: eval "$(mlp-exp -sc install=bash)"'
    ),
    Flag(("--hydra-help",), "", "Hydra's own help"),
]
WITH_VALUE = {name for flag in FLAGS if flag.value and not flag.value.startswith("[") for name in flag.names}


def separated(arguments: Sequence[str]) -> tuple[list[str], list[Path]]:
    """The words among the arguments, without flags and what belongs to these, and the folders that they name.

    >>> separated(["optimizer=mine", "--config-dir", "my_conf", "-m"])
    (['optimizer=mine'], [PosixPath('my_conf')])
    """
    words: list[str] = []
    folders: list[Path] = []
    rest = iter(arguments)
    for argument in rest:
        flag, equals, value = argument.partition("=")
        if not flag.startswith("-"):
            words.append(argument)
        elif flag in WITH_VALUE:
            value = value if equals else next(rest, "")
            folders += [Path(value)] if flag in CONFIG_DIR else []
    return words, folders

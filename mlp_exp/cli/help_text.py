"""The first screen of help, and the lists that it points to."""

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from mlp_exp.cli.flags import FLAGS
from mlp_exp.cli.help_topics import about, default_of, every_key, key_row, two_columns
from mlp_exp.cli.new import NEW
from mlp_exp.config.described import groups
from mlp_exp.config.dotted import key_in
from mlp_exp.display.commands import program

KEYS = [
    "seed=1",
    "data.n_samples=500",
    "data.max_rows=200",
    "split.train=0.7",
    "model.hidden_sizes=[128,64]",
    "model.dropout=0.2",
    "model.activation=gelu",
    "model.norm=batch",
    "optimizer.lr=3e-3",
    "optimizer.weight_decay=1e-4",
    "early_stopping.patience=20",
    "trainer.epochs=200",
    "trainer.batch_size=64",
    "trainer.device=cpu",
    "trainer.threads=2",
    "trainer.plots=never",
    "hydra.run.dir=outputs/first",
    "hydra.sweep.dir=outputs/sweep",
    "hydra.launcher.max_stack=16",
    "hydra.sweeper.n_trials=64",
]
"""The keys that people type most, each with an example."""


def help_on(words: Sequence[str], folders: Sequence[Path], width: int) -> str:
    """Help on each of some words, or the first screen; ArgumentError for a word that means nothing."""
    texts = [LISTS[word](folders, width) if word in LISTS else about(word, folders, width) for word in words]
    return "\n\n".join(texts) or "\n".join(_narrow(_screen(folders, width), width))


def _narrow(text: str, width: int) -> Iterator[str]:
    """Its lines, those wrapped that are wider than a narrow terminal."""
    for line in text.split("\n"):
        yield from textwrap.wrap(line, width, subsequent_indent="    ", break_on_hyphens=False) or [""]


def _screen(folders: Sequence[Path], width: int) -> str:
    names = textwrap.fill(" ".join(groups(folders)), width, initial_indent="  ", subsequent_indent="  ")
    return f"""Trains multilayer perceptrons: one run, a sweep or a search.
Usage: {program()} [WORD …]

  data=table data.path=FILE.csv data.target=COLUMN   one run on your table
  optimizer=sgd optimizer.lr=0.1   one run of a toy problem, with other settings
  -m optimizer.lr=0.1,0.01 seed=range(8)   a sweep: its 16 runs train together
  -m search=small           a search: its trials train together, the worst leave
  resume=FOLDER             continues a run, a sweep or a search
  rerun=RUN                 trains a run again, and compares the two
  new PATH                  a folder for a network, a loss and data of your own
mlp-predict, mlp-report and mlp-export use what was trained; each has --help.

Groups (GROUP=OPTION chooses):
{names}

  --help optimizer          a group: its options and keys
  --help data=table         an option: its keys with default, meaning and type
  --help optimizer.lr       a key; --help data.cat: all keys that begin so
  --help keys               the keys that people type most, with examples
  --help flags              --cfg job, --dry-run, --config-dir, completion …"""


def _keys(folders: Sequence[Path], width: int) -> str:
    found = every_key(folders)
    return two_columns([(word, key_row(default_of(key_in(word), found))[1]) for word in KEYS], width)


def _flags(folders: Sequence[Path], width: int) -> str:
    return two_columns([(f"{', '.join(flag.names)} {flag.value}".rstrip(), flag.text) for flag in FLAGS], width)


def _new(folders: Sequence[Path], width: int) -> str:
    text = (
        f"{program()} {NEW} PATH makes a folder for experiments of your own: a package with a network, a loss and "
        "data, options and a preset that name them in conf/, and a README with commands."
    )
    return textwrap.fill(text, width)


LISTS = {"keys": _keys, "flags": _flags, NEW: _new}
"""Words of help that are no group and no key."""

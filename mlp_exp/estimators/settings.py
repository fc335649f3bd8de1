"""The settings of an estimator, as arguments of the command line."""

import numbers
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from mlp_exp.api.overrides import arguments_of
from mlp_exp.cli.layers import parse
from mlp_exp.errors import ConfigError, InputError

SEEDS = 2**31 - 1
KEYS = {
    "hidden_sizes": "model.hidden_sizes",
    "dropout": "model.dropout",
    "lr": "optimizer.lr",
    "weight_decay": "optimizer.weight_decay",
    "epochs": "trainer.epochs",
    "batch_size": "trainer.batch_size",
    "loss": "loss",
    "device": "trainer.device",
}
"""Settings of an estimator, and the keys of the configuration that they set."""
FIXED = ("data=table", "split=column", "baselines=none", "trainer.plots=never", "trainer.checkpoint_every=1e9")
FEWEST_IN_FOLD = 2
"""Rows for each network of an ensemble; of fewer rows all networks train with all."""


def arguments_of_members(members: int, rows: int, *, divides: bool) -> list[str]:
    """Arguments for so many networks; where there are rows enough, each holds out a part of them.

    Raises InputError unless they are a whole number.
    """
    if not isinstance(members, numbers.Integral) or members < 1:
        raise InputError(f"members: expected a whole number from 1 on, got {members!r}")
    if members == 1:
        return []
    divides = divides and rows >= FEWEST_IN_FOLD * members
    return ["experiment=table_best", f"ensemble.members={members}", *([] if divides else ["ensemble=seeds"])]


def arguments_of_settings(estimator: Any) -> list[str]:
    """Arguments for the settings that are given; raises ConfigError for overrides that are none, or of several runs."""
    settings = {key: getattr(estimator, name) for name, key in KEYS.items()}
    given = {key: value for key, value in settings.items() if value is not None}
    overrides = arguments_of(estimator.overrides, sweeps=False)
    several = [word for word in overrides if not word.startswith("-") and parse(word).is_sweep_override()]
    if several:
        raise ConfigError([f"{word}: expected one value, for one model; sweep() takes several" for word in several])
    return [*arguments_of(given, sweeps=False), *overrides]


def fraction(val: float) -> float:
    """`val` itself; raises InputError unless it is a fraction of the rows."""
    if not isinstance(val, numbers.Real) or not 0 <= val < 1:
        raise InputError(f"val: expected a fraction of the rows, 0 or more and below 1, got {val!r}")
    return val


def seed_of(random_state: int | np.random.RandomState | None) -> int:
    """A whole number itself; else the next one of a generator, for None of NumPy's global one."""
    if isinstance(random_state, numbers.Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(SEEDS))

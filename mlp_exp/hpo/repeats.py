"""The runs that together are one trial: `hydra.sweeper.repeat`."""

from itertools import product
from typing import Any

from mlp_exp.config.dotted import dotted
from mlp_exp.errors import ConfigError
from mlp_exp.hpo.dimensions import written
from mlp_exp.hpo.reading import parse, read_dimension
from mlp_exp.hpo.space import plain

REPEAT = "hydra.sweeper.repeat"


def repeats(repeat: Any) -> list[list[str]]:
    """The overrides of each of a trial's runs: all combinations of the values of all keys.

    Args:
        repeat: for each key a list of values, or a text as on the command line.

    Raises:
        ConfigError: a key has no list of values.

    >>> repeats({"seed": "range(2)"})
    [['seed=0'], ['seed=1']]
    """
    given = plain(repeat)
    if not isinstance(given, dict):
        raise ConfigError([f"{REPEAT}: expected keys with values, as {{seed: [0,1,2]}}, got {written(given)}"])
    problems: list[str] = []
    each_key: list[list[str]] = []
    for key, value in dotted(given):
        try:
            each_key.append(_overrides(key, value))
        except ConfigError as error:
            problems += [f"{REPEAT}: {line}" for line in error.problems]
    if problems:
        raise ConfigError(problems)
    return [list(run) for run in product(*each_key)]


def _overrides(key: str, value: Any) -> list[str]:
    expected = f"{key}: expected several values, as [0,1,2] or 'range(3)', got {written(value)}"
    if isinstance(value, list) and len(value) == 1:
        return [f"{key}={written(value[0])}"]
    override = parse(key, value)
    if not override.is_sweep_override():
        raise ConfigError([expected])
    dimension = read_dimension(override)
    values = dimension.values()
    if values is None:
        raise ConfigError([expected])
    return [dimension.override(each) for each in values]

"""The configurations that a search tries first."""

from collections.abc import Mapping, Sequence
from typing import Any

from mlp_exp.config.targets import did_you_mean
from mlp_exp.errors import ConfigError
from mlp_exp.hpo.dimensions import Params
from mlp_exp.hpo.space import Space

WHERE = "hydra.sweeper.enqueue"


def enqueued(given: Sequence[Mapping[str, Any]], space: Space, defaults: Params) -> list[Params]:
    """The params of these configurations, each once; an empty one is that of the defaults.

    Raises:
        ConfigError: a key is not searched, or a value is not in its range.
    """
    searched = {each.key: each for each in space.dimensions}
    found: list[Params] = []
    problems: list[str] = []
    for each in given:
        params: Params = {}
        for key, value in each.items():
            dimension = searched.get(key)
            known = dimension.find(value) if dimension else None
            if dimension is None:
                problems.append(f"{WHERE}: {key} is not searched.{did_you_mean(key, searched, 'Searched')}")
            elif known is None:
                problems.append(f"{WHERE}: {key}: expected a value of {dimension.text}, got {value}")
            else:
                params[key] = known
        problems += [
            f"{WHERE}: {key} is searched only with other values of {', '.join(space.conditions[key])}"
            for key in params
            if not space.is_active(key, params)
        ]
        params = params or dict(defaults)
        if params and params not in found:
            found.append(params)
    if problems:
        raise ConfigError(problems)
    return found

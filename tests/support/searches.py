"""Studies of searches in which nothing is trained: a trial's value is a function of its parameters."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from mlp_exp.hpo.dimensions import Params
from mlp_exp.hpo.space import Space


@dataclass
class SomeDimension:
    key: str
    of: BaseDistribution

    def distribution(self) -> BaseDistribution:
        return self.of


@dataclass
class SomeSpace:
    """What a study uses of a space; `conditions` as there."""

    dimensions: list[SomeDimension]
    conditions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def suggest(self, trial: optuna.Trial) -> Params:
        params: Params = {}
        for each in self.dimensions:
            if all(params.get(key) == value for key, value in self.conditions.get(each.key, {}).items()):
                params[each.key] = trial._suggest(each.key, each.of)
        return params

    def contains(self, params: Mapping[str, Any]) -> bool:
        return all(
            any(each.key == key and each.of._contains(each.of.to_internal_repr(value)) for each in self.dimensions)
            for key, value in params.items()
        )

    def finite(self) -> dict[str, list[Any]]:
        return {
            each.key: list(each.of.choices)
            if isinstance(each.of, CategoricalDistribution)
            else list(range(each.of.low, each.of.high + 1))
            for each in self.dimensions
            if isinstance(each.of, CategoricalDistribution | IntDistribution)
        }


def space_of(conditions: Mapping[str, Mapping[str, Any]] | None = None, **dimensions: BaseDistribution) -> Space:
    made = [SomeDimension(key, of) for key, of in dimensions.items()]
    return cast(Space, SomeSpace(made, conditions or {}))


RATE = FloatDistribution(1e-4, 1.0, log=True)
WIDTH = IntDistribution(1, 64)
SHAPE = CategoricalDistribution(("round", "square"))
SPACE = space_of({"width": {"shape": "square"}}, rate=RATE, decay=FloatDistribution(0, 1), shape=SHAPE, width=WIDTH)

"""What a search may choose: keys with choices or ranges, on the command line or in `hydra.sweeper`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf

from mlp_exp.config.dotted import dotted, key_in
from mlp_exp.errors import ConfigError
from mlp_exp.hpo.conditions import Conditions, in_order, is_met, read_conditions, settle
from mlp_exp.hpo.dimensions import Dimension, Params, Value, value_of
from mlp_exp.hpo.reading import key_of, parse, read_dimension

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override
    from optuna import Trial

_LARGEST_GRID = 100_000
_PRESETS = "search"


@dataclass(frozen=True)
class Space:
    """The configurations that a search chooses from.

    Attributes:
        dimensions: each after those that it depends on.
        fixed: overrides without a range, as typed; Hydra's own settings are not among them.
        conditions: the keys that a configuration has only where others have some values, each with these.
        problems: mistakes in what was read, a line each; `require_valid` raises them together with all others.
    """

    dimensions: tuple[Dimension, ...]
    fixed: tuple[str, ...] = ()
    conditions: Conditions = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @classmethod
    def read(
        cls,
        overrides: "Sequence[Override]",
        params: Mapping[str, Any] | None = None,
        conditions: Mapping[str, Any] | None = None,
        loader: Any = None,
    ) -> "Space":
        """The space of a command.

        Args:
            overrides: as Hydra has parsed them; each replaces the same key of `params`.
            params: `hydra.sweeper.params`: ranges as on the command line, or lists of choices; null takes a key out.
            conditions: `hydra.sweeper.conditions`: for a key the values that others must have, one or a list.
            loader: Hydra's, for glob() in `params`.
        """
        problems: list[str] = []
        given = dict(dotted(plain(params)))
        offered = _parsed(given, loader, problems)
        typed = {key_of(override): override for override in overrides}
        every = {**offered, **typed}
        dimensions, fixed = _divide(every, problems)
        keys = [key for key, override in every.items() if not override.is_hydra_override()]
        values = {key: value_of(override.value()) for key, override in fixed.items() if not override.is_delete()}
        choices = {key: each.choices for key, each in dimensions.items() if each.choices}
        left_out = {key for key, value in given.items() if value is None} - typed.keys()
        asked = {key: needs for key, needs in plain(conditions).items() if key not in left_out}
        nameable = _nameable(offered, choices, values)
        read, mistakes = read_conditions(asked, keys, nameable)
        settled, never = settle(read, choices, values)
        idle = [f"{key}: its condition is never met, so that it is never used" for key in never if key in typed]
        kept = in_order([key for key in dimensions if key not in never], settled)
        return cls(
            tuple(dimensions[key] for key in kept),
            tuple(str(override.input_line) for override in fixed.values()),
            settled,
            (*problems, *mistakes, *idle),
        )

    def is_active(self, key: str, params: Mapping[str, Value]) -> bool:
        """Whether a configuration with these params has the key."""
        return is_met(self.conditions.get(key, {}), params)

    def suggest(self, trial: "Trial") -> Params:
        """The params of a new trial, which the study's sampler chooses."""
        params: Params = {}
        for dimension in self.dimensions:
            if self.is_active(dimension.key, params):
                params[dimension.key] = dimension.suggest(trial)
        return params

    def overrides(self, params: Mapping[str, Value]) -> list[str]:
        """A trial's configuration: what is fixed, then each of the params."""
        fixed = [text for text in self.fixed if self.is_active(key_in(text), params)]
        return fixed + [each.override(params[each.key]) for each in self.dimensions if each.key in params]

    def of_values(self, values: Mapping[str, Any], choices: Mapping[str, Any]) -> Params:
        """The params of a configuration, as far as they lie in this space.

        Args:
            values: the configuration, nested or with dotted keys, without values by data.
            choices: the option of each group, Hydra's `runtime.choices`.
        """
        params: Params = {}
        for dimension in self.dimensions:
            key = dimension.key
            try:
                found = dimension.find(choices[key] if key in choices else _value_at(values, key))
            except KeyError:
                continue
            if found is not None and self.is_active(key, params):
                params[key] = found
        return params

    def contains(self, params: Mapping[str, Value]) -> bool:
        """Whether each of the params is one of this space; some may be missing."""
        known = {each.key: each for each in self.dimensions}
        return all(
            key in known and known[key].find(value) is not None and self.is_active(key, params)
            for key, value in params.items()
        )

    def finite(self) -> dict[str, list[Value]]:
        """All values of each key, for a grid.

        Raises:
            ConfigError: a key has a range without steps, or there are too many combinations.
        """
        values = {each.key: each.values() for each in self.dimensions}
        endless = [
            f"{each.key}: a grid needs choices or steps, as range(0,0.5,0.1), got {each.text}"
            for each in self.dimensions
            if values[each.key] is None
        ]
        if endless:
            raise ConfigError(endless)
        grid = {key: each for key, each in values.items() if each is not None}
        count = prod(map(len, grid.values()))
        if count > _LARGEST_GRID:
            most = f"{_LARGEST_GRID:,}"
            raise ConfigError([f"hydra/sweeper/sampler: expected a grid of {most} combinations at most, got {count:,}"])
        return grid

    def to_plain(self) -> dict[str, Any]:
        """What `study.yaml` keeps, with ranges as typed."""
        return {
            "space": {each.key: each.text for each in self.dimensions},
            "fixed": list(self.fixed),
            "conditions": {
                key: {name: list(values) for name, values in needs.items()} for key, needs in self.conditions.items()
            },
        }


def plain(node: Any) -> Any:
    """A node of a configuration as plain values; nothing is an empty mapping."""
    return OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else ({} if node is None else node)


def _parsed(given: Mapping[str, Any], loader: Any, problems: list[str]) -> "dict[str, Override]":
    """The settings of `hydra.sweeper.params`; those that cannot be read are left out, and said in `problems`."""
    parsed = {}
    for key, value in given.items():
        try:
            if value is not None:
                override = parse(key, value, loader)
                parsed[key_of(override)] = override
        except ConfigError as error:
            problems += error.problems
    return parsed


def _divide(
    overrides: "Mapping[str, Override]", problems: list[str]
) -> "tuple[dict[str, Dimension], dict[str, Override]]":
    """What is searched, and what is not; mistakes are added to `problems`."""
    dimensions: dict[str, Dimension] = {}
    fixed: dict[str, Override] = {}
    for key, override in overrides.items():
        is_hydra = override.is_hydra_override()
        if override.is_sweep_override():
            try:
                if is_hydra or key == _PRESETS:
                    raise ConfigError(
                        [f"{key}: cannot be searched; expected one value, got {override.get_value_string()}"]
                    )
                dimensions[key] = read_dimension(override)
            except ConfigError as error:
                problems += error.problems
        elif not is_hydra:
            fixed[key] = override
    return dimensions, fixed


def _nameable(
    offered: "Mapping[str, Override]", choices: Mapping[str, Sequence[Value]], values: Mapping[str, Value]
) -> dict[str, list[Value]]:
    """The values that conditions may name: also those of `params` in whose place others are typed."""
    named = {key: list(each) for key, each in choices.items()}
    for key, value in values.items():
        named[key] = [value]
    before, _ = _divide(offered, [])
    for key, dimension in before.items():
        if key in named:
            named[key] += dimension.choices
    return named


def _value_at(values: Any, key: str) -> Any:
    """The value of a dotted key; KeyError where there is none."""
    if key in values:
        return values[key]
    first, _, rest = key.partition(".")
    inner = values[first]
    if not rest or not isinstance(inner, Mapping):
        raise KeyError(key)
    return _value_at(inner, rest)

"""Mistakes in the space of a search, all in one message before anything trains."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hydra.errors import HydraException, MissingConfigException
from omegaconf.errors import OmegaConfBaseException

from mlp_exp.config.dotted import key_in
from mlp_exp.config.targets import did_you_mean
from mlp_exp.config.validation import require_valid as require_valid_values
from mlp_exp.errors import ConfigError
from mlp_exp.experiment.spec import RunSpec
from mlp_exp.hpo.dimensions import Params, Value, same
from mlp_exp.hpo.repeats import REPEAT, repeats
from mlp_exp.hpo.space import Space

Compose = Callable[[Sequence[str]], RunSpec]
NOTHING = (
    "nothing to search: no key has choices or a range. Give some, as 'optimizer.lr=tag(log,interval(1e-4,1e-1))' or "
    "optimizer=adam,sgd, or choose a preset, as search=small"
)


def require_valid(space: Space, compose: Compose, repeat: Any = None) -> None:
    """Raises ConfigError, with a line per mistake in the keys, choices and ranges of a search.

    It composes configurations that together have both ends of each range, each choice, and each value of `repeat`.

    Args:
        compose: the run with these overrides; it may raise Hydra's errors.
        repeat: `hydra.sweeper.repeat`.
    """
    problems = list(space.problems)
    runs: list[list[str]] = [[]]
    try:
        runs = repeats(repeat)
    except ConfigError as error:
        problems += error.problems
    searched = {each.key for each in space.dimensions}
    repeated = dict.fromkeys(key_in(text) for run in runs for text in run)
    problems += [
        f"{REPEAT}: {key}: is searched, too; expected it in one of the two" for key in repeated if key in searched
    ]
    if not searched and not problems:
        problems.append(NOTHING)
    problems += _Trials(space, compose).problems(_covering(runs))
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))


def _covering(runs: Sequence[list[str]]) -> list[list[str]]:
    """Of a trial's runs so many that each override occurs."""
    seen: set[str] = set()
    kept = []
    for run in runs:
        if not seen.issuperset(run):
            kept.append(run)
            seen.update(run)
    return kept or [[]]


class _Trials:
    """The configurations that are tried, and what is wrong with them."""

    def __init__(self, space: Space, compose: Compose) -> None:
        self._space = space
        self._compose = compose
        self._values = {each.key: each.outermost() for each in space.dimensions}
        self._left = {key: list(values) for key, values in self._values.items()}
        self._groups: set[str] = set()

    def problems(self, runs: Sequence[Sequence[str]]) -> list[str]:
        """A line each.

        Args:
            runs: of a trial, of which each configuration tries another one.
        """
        fixed = self._space.overrides({})
        try:
            self._groups = set(self._compose(fixed).job.get("hydra.runtime.choices") or ())
        except (HydraException, OmegaConfBaseException, ConfigError) as error:
            return _lines(error)
        found: list[str] = []
        count = 0
        while (params := self._next()) is not None or count < len(runs):
            found += self._problems_of(params or self._filled({}), runs[count % len(runs)])
            count += 1
        return found

    def _next(self) -> Params | None:
        """Params with values that are still to be tried; None when all have been."""
        while wanted := max(self._left, key=lambda key: len(self._left[key]), default=None):
            if not self._left[wanted]:
                return None
            params = self._filled(self._leading_to(wanted))
            if wanted in params:
                return params
            self._left[wanted].clear()  # no configuration has this key
        return None

    def _leading_to(self, key: str) -> Params:
        """The next value of a key, with those that its conditions need."""
        params: Params = {key: self._left[key][0]}
        todo = [key]
        while todo:
            for name, values in self._space.conditions.get(todo.pop(), {}).items():
                if name not in params:
                    params[name] = next((each for each in self._left[name] if _is_among(each, values)), values[0])
                    todo.append(name)
        return params

    def _filled(self, some: Mapping[str, Value]) -> Params:
        """With a value for all other keys, one that is still to be tried if there is any."""
        params: Params = {}
        for key, values in self._values.items():
            if values and self._space.is_active(key, params):
                left = self._left[key]
                params[key] = some[key] if key in some else (left or values)[0]
                left[:] = [each for each in left if not same(each, params[key])]
        return params

    def _problems_of(self, params: Params, run: Sequence[str]) -> list[str]:
        overrides = [*self._space.overrides(params), *run]
        try:
            require_valid_values(self._compose(overrides).values, overrides)
        except ConfigError as error:
            return [self._explained(line, params) for line in error.problems]
        except MissingConfigException as error:
            return self._without_option(error, params, run)
        except (HydraException, OmegaConfBaseException) as error:
            return self._problems_when_forced(overrides, params) or _lines(error)
        return []

    def _problems_when_forced(self, overrides: Sequence[str], params: Params) -> list[str]:
        """Those of a configuration in which each key may be added: what is wrong with its name is then said."""
        is_choice = [key_in(text) in self._groups for text in overrides]
        forced = [
            text if choice or text.startswith("~") else f"++{text.lstrip('+')}"
            for text, choice in zip(overrides, is_choice, strict=True)
        ]
        try:
            require_valid_values(self._compose(forced).values, overrides)
        except ConfigError as error:
            return [self._explained(line, params) for line in error.problems]
        except (HydraException, OmegaConfBaseException) as error:
            return _lines(error)
        return []

    def _without_option(self, error: MissingConfigException, params: Params, run: Sequence[str]) -> list[str]:
        """Says which option does not exist, and tries the rest of this configuration without it."""
        group, _, option = str(error.missing_cfg_file).rpartition("/")
        chosen = str(params.get(group, ""))
        if option not in chosen.strip("[]").split(","):
            return _lines(error)
        hint = did_you_mean(option, error.options, "Options") if error.options else ""
        self._values[group] = [each for each in self._values[group] if each != chosen]
        self._left[group] = [each for each in self._left[group] if each != chosen]
        others = {key: value for key, value in params.items() if key != group}
        return [f"{group}: there is no option '{option}'.{hint}", *self._problems_of(self._filled(others), run)]

    def _explained(self, line: str, params: Params) -> str:
        """A mistake in a configuration with the range that led to it."""
        place = line.partition(":")[0]
        about = [each for each in self._space.dimensions if f"{place}.".startswith(f"{each.key}.")]
        if not about:
            return line
        dimension = max(about, key=lambda each: len(each.key))  # of a key in a group, not of the group
        group = dimension.key.partition(".")[0]
        if " takes no " in line and group in params and dimension.key != group:
            condition = f"hydra.sweeper.conditions={{{dimension.key}: {{{group}: OPTION}}}}"
            return f"{line} Search it only where it exists: '{condition}'"
        if dimension.choices or " got " not in line:
            return line
        if dimension.step is None:  # the end itself was typed, not the number below it
            line = line.replace(repr(dimension.high), repr(math.nextafter(dimension.high, math.inf)))
        return f"{line}, of {dimension.text}"


def _is_among(value: Value, values: Sequence[Value]) -> bool:
    return any(same(value, each) for each in values)


def _lines(error: Exception) -> list[str]:
    if isinstance(error, ConfigError):
        return error.problems
    if unknown := re.search(r"Could not override '([^']+)'", str(error)):
        return [f"{unknown[1]}: the configuration has no such key; +{unknown[1]}=… adds it"]
    return [" ".join(str(error).partition("\nConfig search path")[0].split())]

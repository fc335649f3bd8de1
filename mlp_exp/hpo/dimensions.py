"""One key of a search: the values that it may take, and how Hydra's command line writes them."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.types import Quote, QuotedString

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.distributions import BaseDistribution

Value = str | int | float | bool
"""Of a key in a trial, as Optuna and JSON store it; a list, a mapping, null or a text is what Hydra parses to it."""
Params = dict[str, Value]

_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_WORDS = ("true", "false", "null", "inf", "nan")
_MOST_LISTED = 100_000


def written(value: Any) -> str:
    """A value as the command line has it, so that Hydra parses it back to the same.

    >>> written([64, "relu", "a b", None])
    "[64,relu,'a b',null]"
    """
    if isinstance(value, QuotedString):
        value = value.text
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{','.join(map(written, value))}]"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_as_key(key)}:{written(each)}" for key, each in value.items()) + "}"
    text = str(value)
    if _BARE.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return QuotedString(text, Quote.single).with_quotes()


def _as_key(key: Any) -> str:
    """A key of a mapping, where Hydra knows no quotes."""
    return re.sub(r"([\\()\[\]{}:=, \t])", r"\\\1", key) if isinstance(key, str) else written(key)


def value_of(value: Any) -> Value:
    """A value of a configuration as one of a trial."""
    number = isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value))
    return value if number else written(value)


def same(one: Value, other: Value) -> bool:
    """Whether they are equal; true is not 1, and 1 is 1.0."""
    return isinstance(one, bool) == isinstance(other, bool) and one == other


@dataclass(frozen=True)
class Dimension:
    """A key with its choices, or with a range of numbers.

    Attributes:
        text: what stands after `key=`, as typed.
        choices: empty for a range.
        low: the lowest value.
        high: the highest value; of an interval, whose end is not part of it, the largest number below the end.
        step: between values; None for real numbers without steps.
        log: whether the logarithm is what is searched evenly.
        integer: whether values are whole numbers.
        prefix: `+` or `++` before a key that is to be added.
    """

    key: str
    text: str
    choices: tuple[Value, ...] = ()
    low: float = 0
    high: float = 0
    step: float | None = None
    log: bool = False
    integer: bool = False
    prefix: str = ""

    def distribution(self) -> "BaseDistribution":
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        if self.choices:
            return CategoricalDistribution(self.choices)
        if self.integer:
            return IntDistribution(int(self.low), int(self.high), log=self.log, step=int(self.step or 1))
        return FloatDistribution(float(self.low), float(self.high), log=self.log, step=self.step)

    def suggest(self, trial: "Trial") -> Value:
        """The trial's value, which the study's sampler chooses."""
        if self.choices:
            chosen = trial.suggest_categorical(self.key, self.choices)
            assert chosen is not None
            return chosen
        if self.integer:
            return trial.suggest_int(self.key, int(self.low), int(self.high), step=int(self.step or 1), log=self.log)
        real = trial.suggest_float(self.key, float(self.low), float(self.high), step=self.step, log=self.log)
        return self._on_step(real)

    def override(self, value: Value) -> str:
        """`key=value`, which Hydra parses to this value."""
        if self.choices:
            text = value if isinstance(value, str) else written(value)
        else:
            text = written(self._on_step(float(value)))
        return f"{self.prefix}{self.key}={text}"

    def find(self, value: Any) -> Value | None:
        """The value of this dimension that equals one of a configuration or a trial; None if there is none."""
        if self.choices:
            candidates = (value_of(value), value) if isinstance(value, str) else (value_of(value),)
            return next((one for one in self.choices if any(same(one, each) for each in candidates)), None)
        if isinstance(value, bool) or not isinstance(value, int | float) or not self.low <= value <= self.high:
            return None
        found = self._on_step(float(value))
        return found if math.isclose(found, value, rel_tol=1e-12, abs_tol=1e-300) else None

    def values(self) -> list[Value] | None:
        """All values in their order; None for real numbers without steps, and where they are too many to list."""
        if self.choices:
            return list(self.choices)
        if self.step is None:
            return None
        count = round((self.high - self.low) / self.step) + 1
        if count > _MOST_LISTED:
            return None
        return [self._on_step(self.low + index * self.step) for index in range(count)]

    def outermost(self) -> list[Value]:
        """All choices, or the ends of the range."""
        if self.choices:
            return list(self.choices)
        kind = int if self.integer else float
        return list(dict.fromkeys((kind(self.low), kind(self.high))))

    def _on_step(self, value: float) -> int | float:
        """The nearest value: 0.3, and not 3 times 0.1, which is a little more."""
        if self.step is None:
            return float(value)
        steps = round((value - self.low) / self.step)
        if self.integer:
            return int(self.low) + steps * int(self.step)
        return float(decimal(self.low) + steps * decimal(self.step))


def decimal(number: float) -> Decimal:
    """A number as it is typed: 0.1 is a tenth."""
    return Decimal(repr(number))

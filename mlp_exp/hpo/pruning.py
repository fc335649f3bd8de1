"""Which trials of a batch go on: decided at rungs, on the best values so far, never on timing.

Optuna's own pruners judge a trial against those that have come further, so that they would depend on timing, and prune
nothing while all trials of a batch are on their way.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from statistics import median
from typing import Any

from mlp_exp.config.hydra_keys import TAKES
from mlp_exp.config.targets import did_you_mean, locate, parameters_of
from mlp_exp.errors import ConfigError

WHERE = "hydra.sweeper.pruner"
NINTH = 1 / 9
"""Of all epochs: where the first rung is best. An earlier one takes luck for quality, a later one saves less."""


class Pruner(ABC):
    """Base of pruners. The trials of a batch are divided into brackets, and judged within their bracket.

    One's own says at which epochs trials are judged, and how many go on:

        class Thirds(Pruner):
            def rungs(self, epochs, bracket):
                return [epochs // 3]

            def going_on(self, scores, failed, earlier):
                return max(1, len(scores) // 3)
    """

    def bracket(self, place: int, count: int, epochs: int) -> int:
        """The bracket of the trial at a place, from 0, of a batch of `count`, which trains `epochs` at most."""
        return 0

    @abstractmethod
    def rungs(self, epochs: int, bracket: int) -> Sequence[int]:
        """The epochs after which a trial of this bracket is judged: ascending, each from 1 and below `epochs`."""

    @abstractmethod
    def going_on(self, scores: Sequence[float], failed: int, earlier: Sequence[float]) -> int:
        """How many trials go on at a rung.

        Args:
            scores: of those that have reached it, ascending; lower is better.
            failed: how many have failed or diverged since the rung before.
            earlier: scores of earlier batches at the same epoch.
        """


class NoPruner(Pruner):
    """All trials train to their ends."""

    def rungs(self, epochs: int, bracket: int) -> Sequence[int]:
        return []

    def going_on(self, scores: Sequence[float], failed: int, earlier: Sequence[float]) -> int:
        return len(scores)


class Halving(Pruner):
    """At each rung the best `1 / eta` of the trials go on, one at least (successive halving, Jamieson and Talwalkar,
    2016).

    Args:
        eta: 2 or more; also the ratio of a rung's epoch to that of the rung before.
        first: the first rung: a number of epochs, or below 1 a fraction of all of them.

    Example:
        Halving().rungs(100, bracket=0)  # [11, 33]

    Raises:
        ConfigError: a value is out of its range.
    """

    def __init__(self, eta: float = 3, first: float = NINTH) -> None:
        self._eta, self._first = eta, first
        require_numbers(eta=(eta, TAKES[f"{WHERE}.eta"], eta > 1), first=(first, *_is_first(first)))

    def rungs(self, epochs: int, bracket: int) -> Sequence[int]:
        return ascending(self._first, self._eta, epochs)[bracket:]

    def going_on(self, scores: Sequence[float], failed: int, earlier: Sequence[float]) -> int:
        return max(1, round((len(scores) + failed) / self._eta))


class Hyperband(Halving):
    """Several brackets of halving, each of which leaves out one more of the first rungs (Li et al., 2018).

    It serves spaces where the first epochs say little of the last. A batch's trials are divided so that each bracket
    trains about as many epochs.
    """

    def bracket(self, place: int, count: int, epochs: int) -> int:
        most = len(ascending(self._first, self._eta, epochs))
        shares = [self._eta ** (most - left_out) / (most - left_out + 1) for left_out in range(most + 1)]
        reached = (place + 0.5) / count * sum(shares)
        return next(bracket for bracket, end in enumerate(accumulate(shares)) if reached < end or bracket == most)


class Median(Pruner):
    """A trial goes on while it is no worse than the median at the rung, over its own and all earlier batches.

    After Google Vizier's median stopping rule (Golovin et al., 2017), on the best value so far.

    Args:
        first: the first rung, and the distance between rungs: epochs, or below 1 a fraction of all of them.
    """

    def __init__(self, first: float = NINTH) -> None:
        self._first = first
        require_numbers(first=(first, *_is_first(first)))

    def rungs(self, epochs: int, bracket: int) -> Sequence[int]:
        step = _in_epochs(self._first, epochs)
        return _from_one((step * (rung + 1) for rung in range(int(epochs / step) + 1)), epochs)

    def going_on(self, scores: Sequence[float], failed: int, earlier: Sequence[float]) -> int:
        middle = median([*scores, *earlier]) if scores else 0.0
        return sum(score <= middle for score in scores)


def ascending(first: float, ratio: float, epochs: int) -> list[int]:
    """Rungs from the first on, each `ratio` times the one before, below `epochs`."""
    found: list[float] = []
    rung = _in_epochs(first, epochs)
    while rung < epochs:
        found.append(rung)
        rung *= ratio
    return _from_one(found, epochs)


def _in_epochs(first: float, epochs: int) -> float:
    return first * epochs if first < 1 else first


def _from_one(rungs: Iterable[float], epochs: int) -> list[int]:
    whole = dict.fromkeys(max(1, round(rung)) for rung in rungs)
    return [rung for rung in whole if rung < epochs]


def _is_first(first: float) -> tuple[str, bool]:
    return TAKES[f"{WHERE}.first"], 0 < first < 1 or first >= 1


def require_numbers(**values: tuple[Any, str, bool]) -> None:
    """Raises ConfigError for the values of which the third says that they are not what the second expects."""
    problems = [
        f"{WHERE}.{key}: expected {expected}, got {value!r}"
        for key, (value, expected, holds) in values.items()
        if not holds
    ]
    if problems:
        raise ConfigError(problems)


def make_pruner(node: Mapping[str, Any]) -> Pruner:
    """The pruner of a configuration.

    Raises:
        ConfigError: it takes no such settings, or is none.
    """
    try:
        target = locate(str(node.get("_target_")))
    except ValueError as error:
        raise ConfigError([f"hydra.sweeper.pruner._target_: {error}"]) from error
    options = {key: value for key, value in node.items() if key != "_target_"}
    if not (isinstance(target, type) and issubclass(target, Pruner)):
        raise ConfigError([f"hydra.sweeper.pruner._target_: expected a class of pruners, got {node.get('_target_')}"])
    known = parameters_of(target)
    unknown = [key for key in options if key not in known]
    if unknown:
        raise ConfigError(
            [f"hydra.sweeper.pruner.{key}: there is no such key.{did_you_mean(key, known)}" for key in unknown]
        )
    wrong = {key: value for key, value in options.items() if not isinstance(value, int | float)}
    require_numbers(**{key: (value, "a number", False) for key, value in wrong.items()})
    return target(**options)

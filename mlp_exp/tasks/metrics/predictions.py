"""What was predicted for the rows of a part, beside what is true: what metrics are computed from.

Arrays may have leading dimensions: the members of a stack. A metric of one of K members has the same bits as of that
member alone. A bootstrap is another kind of leading dimension: the predictions are shared, and `resampled` gives each
resample weights of its own.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from mlp_exp.data.statistics import Floats

FEW_CLASSES = 16
"""Of up to so many, a product of matrices is the fastest way to count the rows of each class in many resamples."""


class Predictions:
    """What all predictions have: `target [..., n]`, `weights [..., n]` or None, and `predicted [..., n]`.

    Weights are 0 or more. They may lack the leading dimensions of the rest, and a row of weight 0 counts as absent.
    """

    if TYPE_CHECKING:

        @property
        def target(self) -> NDArray[Any]: ...
        @property
        def predicted(self) -> NDArray[Any]: ...
        @property
        def weights(self) -> Floats | None: ...

    OF_WEIGHTS: ClassVar[tuple[str, ...]] = ("weight", "n_present")
    """Cached properties that depend on weights."""
    _drawn: ClassVar[Any] = None

    def __post_init__(self) -> None:
        """Arrays in one layout: sums of others are rounded in another order."""
        for name, array in self._arrays():
            self.__dict__[name] = np.ascontiguousarray(array)

    def _arrays(self) -> Iterator[tuple[str, NDArray[Any]]]:
        values = ((field.name, getattr(self, field.name)) for field in fields(self))  # type: ignore[arg-type]
        return ((name, value) for name, value in values if isinstance(value, np.ndarray))

    @cached_property
    def _kept(self) -> dict[Any, Any]:
        return {}

    def of_rows(self, statistic: Callable[[Self], Any]) -> Any:
        """A statistic that does not depend on weights, computed once for all resamples of these rows."""
        if statistic not in self._kept:
            self._kept[statistic] = statistic(self)
        return self._kept[statistic]

    def total(self, values: NDArray[Any]) -> Any:
        """The weighted sum over rows `[...]` of values `[..., n]`."""
        if self.weights is None:
            return values.sum(axis=-1)
        if self.weights.ndim > values.ndim:
            return self.weights @ values
        return (values * self.weights).sum(axis=-1)

    def mean(self, values: NDArray[Any]) -> Any:
        """The weighted mean over rows `[...]` of values `[..., n]`."""
        return self.total(values) / self.weight

    @property
    def n_rows(self) -> int:
        return int(self.target.shape[-1])

    @cached_property
    def weight(self) -> Any:
        """The sum of the weights `[...]`; without weights the number of rows."""
        if self.weights is None:
            return float(self.n_rows)
        return self.weights.sum(axis=-1)

    @cached_property
    def n_present(self) -> Any:
        """The number of rows whose weight is not 0 `[...]`."""
        return self.n_rows if self.weights is None else (self.weights > 0).sum(axis=-1)

    def resampled(self, counts: NDArray[Any]) -> Self:
        """The same predictions with rows drawn anew: `counts [B, n]` says how often each is in each of B resamples."""
        kept = self._kept  # shared
        made = copy(self)
        state = made.__dict__
        for name in state.keys() & self.OF_WEIGHTS:
            del state[name]
        weights = np.float64(1) if self.weights is None else self.weights
        state |= {"weights": counts * weights, "_drawn": (self, counts), "_kept": kept}
        return made

    def at(self, index: Any) -> Self:
        """Those at an index of the first axis: of one member of a stack, or of some rows."""
        arrays = {name: array[index] for name, array in self._arrays() if array.ndim >= self.target.ndim}
        return replace(self, **arrays)  # type: ignore[type-var]

    def alone(self) -> Iterator[Self]:
        """Each without leading dimensions: the members one by one, or the resamples, with their rows repeated."""
        if self.target.ndim > 1:
            for member in range(len(self.target)):
                yield from self.at(member).alone()
        elif self._drawn:
            original, counts = self._drawn
            for count in counts:
                yield original.at(np.repeat(np.arange(len(count)), count))
        else:
            yield self

    def one_by_one(self, compute: Callable[[Self], float]) -> Any:
        """What `compute` gives for each without leading dimensions `[...]`."""
        shape = self._drawn[1].shape[:-1] if self._drawn else self.target.shape[:-1]
        return np.array([compute(each) for each in self.alone()], np.float64).reshape(shape)


def decide(probabilities: Floats, threshold: float = 0.5) -> NDArray[np.int64]:
    """Probabilities `[..., n, C]` as class codes `[..., n]`: the most probable; of two the second from the threshold.

    >>> decide(np.array([[0.7, 0.3]]), threshold=0.2)
    array([1])
    """
    if threshold != 0.5:
        return (probabilities[..., 1] >= threshold).astype(np.int64)
    codes: NDArray[np.int64] = probabilities.argmax(axis=-1)
    return codes


@dataclass(frozen=True, eq=False)
class ClassPredictions(Predictions):
    """Class codes `[..., n]` beside the probabilities `[..., n, C]` that were given.

    Rows of `given` add up to 1 but for rounding; those of `probabilities` are scaled to it. `threshold`, for two
    classes alone, is the probability from which on the second is predicted.
    """

    target: NDArray[np.int64]
    given: Floats
    weights: Floats | None = None
    threshold: float = 0.5

    OF_WEIGHTS = (*Predictions.OF_WEIGHTS, "counts")

    @classmethod
    def example(cls, n_classes: int) -> Self:
        """A few rows of every class."""
        target = np.arange(4 * n_classes) % n_classes
        return cls(target, np.random.default_rng(0).dirichlet(np.ones(n_classes), len(target)))

    @cached_property
    def probabilities(self) -> Floats:
        scaled: Floats = self.given / self.given.sum(axis=-1, keepdims=True)
        return scaled

    @property
    def n_classes(self) -> int:
        return int(self.given.shape[-1])

    @property
    def binary(self) -> bool:
        return self.n_classes == 2

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        """The class of each row `[..., n]` that is decided on."""
        return decide(self.probabilities, self.threshold)

    @cached_property
    def hit(self) -> NDArray[np.bool_]:
        """Whether the class of a row is the one that is predicted `[..., n]`."""
        return np.equal(self.predicted, self.target)

    @cached_property
    def of_true_class(self) -> Floats:
        """The probability of the true class of each row `[..., n]`."""
        found: Floats = np.take_along_axis(self.probabilities, self.target[..., None], axis=-1)[..., 0]
        return found

    @property
    def hits(self) -> Any:
        """Of each class, the weight of its rows that are predicted as such `[..., C]`."""
        return self.counts[0]

    @property
    def occur(self) -> Any:
        """Of each class, the weight of its rows `[..., C]`."""
        return self.counts[1]

    @property
    def guesses(self) -> Any:
        """Of each class, the weight of the rows that are predicted as such `[..., C]`."""
        return self.counts[2]

    @cached_property
    def counts(self) -> Any:
        """Hits, occurrences and guesses `[3, ..., C]`."""
        if self._drawn and self.n_classes <= FEW_CLASSES:
            return np.asarray(self.weights) @ self.of_rows(_class_columns)
        codes = self.of_rows(_class_codes)
        codes = codes[:, None] if self._drawn else codes
        weights = np.ones(1) if self.weights is None else self.weights
        shape = np.broadcast_shapes(codes.shape, weights.shape)
        groups, width = math.prod(shape[:-1]), self.n_classes + 1
        place = np.arange(groups).reshape((*shape[:-1], 1)) * width + codes
        sums = np.bincount(place.ravel(), np.broadcast_to(weights, shape).ravel(), groups * width)
        return np.ascontiguousarray(sums.reshape((*shape[:-1], width))[..., :-1])


def _class_codes(of: ClassPredictions) -> NDArray[np.int64]:
    """The class as which a row is a hit (C if it is none), occurs, and is guessed `[3, ..., n]`."""
    return np.stack([np.where(of.hit, of.target, of.n_classes), of.target, of.predicted])


def _class_columns(of: ClassPredictions) -> Floats:
    """Whether a row counts for a class `[3, n, C]`."""
    columns: Floats = (_class_codes(of)[..., None] == np.arange(of.n_classes)).astype(np.float64)
    return columns


@dataclass(frozen=True, eq=False)
class ValuePredictions(Predictions):
    """Predicted beside true values `[..., n]`, in the target's own unit."""

    target: Floats
    predicted: Floats
    weights: Floats | None = None

    @classmethod
    def example(cls) -> Self:
        """A few rows of values above 0."""
        return cls(np.arange(1.0, 9.0), np.arange(8.0, 0.0, -1.0))


def around_median(levels: Sequence[float]) -> tuple[int, int, float]:
    """The places of the levels around 0.5, and how far from the first to the second it is.

    Twice the nearest level where 0.5 is one, or where all are on one side of it.

    >>> around_median((0.25, 0.75))
    (0, 1, 0.5)
    """
    above = min(bisect_left(levels, 0.5), len(levels) - 1)
    below = above if levels[above] <= 0.5 else max(above - 1, 0)
    share = (0.5 - levels[below]) / (levels[above] - levels[below]) if above > below else 0.0
    return below, above, share


@dataclass(frozen=True, eq=False)
class QuantilePredictions(Predictions):
    """True values `[..., n]` beside predicted quantiles `[..., n, Q]` of ascending `levels` between 0 and 1."""

    target: Floats
    quantiles: Floats
    levels: tuple[float, ...]
    weights: Floats | None = None

    @classmethod
    def example(cls, levels: tuple[float, ...]) -> Self:
        """A few rows of values above 0."""
        return cls(np.arange(1.0, 9.0), np.arange(8.0, 0.0, -1.0)[:, None] + np.array(levels), levels)

    @cached_property
    def predicted(self) -> Floats:
        """The median `[..., n]`, as of `around_median`."""
        below, above, share = around_median(self.levels)
        low, high = self.quantiles[..., below], self.quantiles[..., above]
        return np.ascontiguousarray(low) if below == above else low + share * (high - low)


@dataclass(frozen=True, eq=False)
class DistributionPredictions(Predictions):
    """True values beside the mean (`predicted`) and standard deviation of a normal distribution, all `[..., n]`."""

    target: Floats
    predicted: Floats
    deviation: Floats
    weights: Floats | None = None

    @classmethod
    def example(cls) -> Self:
        """A few rows of values above 0."""
        return cls(np.arange(1.0, 9.0), np.arange(8.0, 0.0, -1.0), np.ones(8))

    @cached_property
    def z(self) -> Floats:
        """Errors in standard deviations `[..., n]`."""
        scaled: Floats = (self.target - self.predicted) / self.deviation
        return scaled

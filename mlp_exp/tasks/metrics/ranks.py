"""Metrics of how well a probability ranks the rows of a class before the others: by one sort, whatever the weights."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlp_exp.data.statistics import Floats
from mlp_exp.tasks.metrics.predictions import ClassPredictions


class _Ranking(NamedTuple):
    """Rows by falling score `[..., n]`.

    Attributes:
        order: their places.
        positive: whether each is of the class.
        start: for each the first row of equal score.
        end: for each the last row of equal score, plus 1.
        ties: whether any two scores are equal.
    """

    order: NDArray[np.intp]
    positive: NDArray[np.bool_]
    start: NDArray[np.intp]
    end: NDArray[np.intp]
    ties: bool


def _rank(of: ClassPredictions, code: int) -> _Ranking:
    score = -of.probabilities[..., code]
    if (
        of.binary
    ):  # the odds: probabilities near 1 are all 1 after rounding, and those of the other class tell them apart
        with np.errstate(divide="ignore"):
            score = np.log(of.probabilities[..., 1 - code]) - np.log(of.probabilities[..., code])
    order = np.argsort(score, axis=-1, kind="stable")
    score = np.take_along_axis(score, order, axis=-1)
    place = np.broadcast_to(np.arange(score.shape[-1]), score.shape)
    new = np.ones(score.shape, bool)
    new[..., 1:] = score[..., 1:] != score[..., :-1]
    start = np.maximum.accumulate(np.where(new, place, 0), axis=-1)
    last = np.roll(new, -1, axis=-1)  # the first row is new, so the last is the last of its score
    n = score.shape[-1]
    end = np.minimum.accumulate(np.where(last, place, n)[..., ::-1], axis=-1)[..., ::-1] + 1
    positive = np.take_along_axis(of.target == code, order, axis=-1)
    return _Ranking(order, positive, start, end, not new.all())


def _rankings(of: ClassPredictions) -> list[_Ranking]:
    """Of the second of two classes, else of each."""
    return [_rank(of, code) for code in ([1] if of.binary else range(of.n_classes))]


def _weights(of: ClassPredictions, ranking: _Ranking) -> Any:
    """The weights of the rows in their order `[..., n]`."""
    if of.weights is None:
        return np.float64(1)
    if ranking.order.ndim > 1:
        return np.take_along_axis(np.broadcast_to(of.weights, ranking.order.shape), ranking.order, axis=-1)
    return of.weights.take(ranking.order, axis=-1)


def _before(sums: Floats, place: NDArray[np.intp]) -> Floats:
    """Of cumulative sums `[..., n]`, those of all rows before a place `[..., n]`."""
    padded = np.concatenate([np.zeros_like(sums[..., :1]), sums], axis=-1)
    found: Floats = np.take_along_axis(padded, place, axis=-1) if place.ndim > 1 else padded.take(place, axis=-1)
    return found


def _area(positive: Floats, negative: Floats, ranking: _Ranking) -> Any:
    """How often a positive row has the larger score than a negative one, half for equal scores (Hanley & McNeil,
    1982). The arrays are overwritten: memory costs more than sums.
    """
    above = np.cumsum(negative, axis=-1, out=negative)
    pairs = positive.sum(axis=-1) * above[..., -1]
    if ranking.ties:
        above = (_before(above, ranking.start) + _before(above, ranking.end)) / 2
    positive *= above
    return 1 - positive.sum(axis=-1) / pairs


def _precision_by_recall(positive: Floats, whole: Floats, ranking: _Ranking) -> Any:
    """The mean over positive rows of the precision among the rows of at least their score."""
    hits, rows = positive.cumsum(axis=-1), np.cumsum(whole, axis=-1, out=whole)
    all_positive = hits[..., -1].copy()
    if ranking.ties:
        hits, rows = _before(hits, ranking.end), _before(rows, ranking.end)
    hits /= np.where(rows > 0, rows, 1.0)
    hits *= positive
    return hits.sum(axis=-1) / all_positive


def roc_auc(of: ClassPredictions) -> Any:
    """Of one class against the rest, the mean over classes; NaN where a class does not occur."""
    areas = []
    for ranking in of.of_rows(_rankings):
        weights = _weights(of, ranking)
        areas.append(_area(weights * ranking.positive, weights * ~ranking.positive, ranking))
    return sum(areas) / len(areas)


def average_precision(of: ClassPredictions) -> Any:
    """The area under precision by recall, as steps, the mean over classes; NaN where a class does not occur."""
    found = []
    for ranking in of.of_rows(_rankings):
        weights = _weights(of, ranking)
        whole = weights * np.ones(ranking.order.shape)
        found.append(_precision_by_recall(weights * ranking.positive, whole, ranking))
    return sum(found) / len(found)

"""Metrics of values, of which a single one is predicted for a row: the mean of a distribution, too, and the median."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mlp_exp.data.statistics import Floats
from mlp_exp.tasks.metrics.metric import Metric
from mlp_exp.tasks.metrics.predictions import Predictions

CONSTANT = 1e-24
"""A variance below this share of the mean square is a rounding error."""


def _error(of: Predictions) -> Floats:
    error: Floats = np.abs(of.target - of.predicted)
    return error


def _squared_error(of: Predictions) -> Floats:
    error: Floats = np.square(of.target - of.predicted)
    return error


def _relative_error(of: Predictions) -> Floats:
    known = of.target != 0
    return np.where(known, _error(of) / np.where(known, np.abs(of.target), 1.0), np.nan)


def _poisson(of: Predictions) -> Floats:
    """Twice the log of how much more probable the target is where it is predicted exactly `[..., n]`."""
    wrong = (of.predicted <= 0) | (of.target < 0)
    target, predicted = np.where(wrong, 1.0, of.target), np.where(wrong, 1.0, of.predicted)
    log = np.log(np.where(target == 0, 1.0, target) / predicted)
    return np.where(wrong, np.nan, 2 * (target * log - target + predicted))


def _gamma(of: Predictions) -> Floats:
    wrong = (of.predicted <= 0) | (of.target <= 0)
    ratio = np.where(wrong, 1.0, of.target / of.predicted)
    return np.where(wrong, np.nan, 2 * (ratio - 1 - np.log(ratio)))


def _spread(of: Predictions, values: Floats) -> Any:
    """The weighted sum of squares about the mean `[...]`; exactly 0 of equal values."""
    shifted = values - values[..., :1]
    left = of.total(np.square(shifted - np.asarray(of.mean(shifted))[..., None]))
    return np.where(left <= CONSTANT * of.total(np.square(shifted)), 0.0, left)


def _explained(of: Predictions, left: Any) -> Any:
    """1 - left / spread; of equal targets 1 where nothing is left, else 0; NaN of a single row."""
    spread = _spread(of, of.target)
    found = np.where(spread > 0, 1 - left / np.where(spread > 0, spread, 1.0), left == 0)
    return np.where(of.n_present < 2, np.nan, found)


def _sorted_errors(of: Predictions) -> tuple[Any, Floats]:
    """The order of the rows by their error, with these errors."""
    error = _error(of)
    order = np.argsort(error, axis=-1, kind="stable")
    return order, np.take_along_axis(error, order, axis=-1)


def _sorted_weights(of: Predictions, order: Any) -> Any:
    if of.weights is None:
        return np.ones(order.shape)
    if order.ndim > 1:
        return np.take_along_axis(np.broadcast_to(of.weights, order.shape), order, axis=-1)
    return of.weights.take(order, axis=-1)


def _median_absolute_error(of: Predictions) -> Any:
    """Half of the weight has a smaller error; the mean of two where it falls between them."""
    order, error = of.of_rows(_sorted_errors)
    below = _sorted_weights(of, order).cumsum(axis=-1)
    half = below[..., -1:] / 2
    rounding = 1e-12 * half
    places = (below < half - rounding).sum(axis=-1), (below <= half + rounding).sum(axis=-1)
    if error.ndim == 1:
        return (error[places[0]] + error[np.minimum(places[1], len(error) - 1)]) / 2
    pair = np.stack([places[0], np.minimum(places[1], error.shape[-1] - 1)], axis=-1)
    return np.take_along_axis(error, pair, axis=-1).sum(axis=-1) / 2


def _max_error(of: Predictions) -> Any:
    error = of.of_rows(_error)
    return error.max(axis=-1) if of.weights is None else np.where(of.weights > 0, error, 0.0).max(axis=-1)


def _single_row(of: Predictions) -> str | None:
    return "a single row" if of.n_present < 2 else None


def _zero_target(of: Predictions) -> str | None:
    return "a target is 0" if (of.target == 0).any() else None


def _not_positive(of: Predictions) -> str | None:
    return "a prediction is not above 0" if (of.predicted <= 0).any() else None


def _poisson_undefined(of: Predictions) -> str | None:
    return "a target is below 0" if (of.target < 0).any() else _not_positive(of)


def _gamma_undefined(of: Predictions) -> str | None:
    return "a target is not above 0" if (of.target <= 0).any() else _not_positive(of)


def mean_of(
    statistic: Callable[[Predictions], Floats],
    undefined: Callable[[Predictions], str | None] = lambda of: None,
) -> Metric[Predictions]:
    """The mean over rows of an error that does not depend on weights."""
    return Metric(False, lambda of: of.mean(of.of_rows(statistic)), undefined)


VALUE_METRICS: Mapping[str, Metric[Predictions]] = {
    "rmse": Metric(False, lambda of: np.sqrt(of.mean(of.of_rows(_squared_error)))),
    "mae": mean_of(_error),
    "r2": Metric(True, lambda of: _explained(of, of.total(of.of_rows(_squared_error))), _single_row),
    "mse": mean_of(_squared_error),
    "mape": mean_of(_relative_error, _zero_target),
    "median_absolute_error": Metric(False, _median_absolute_error),
    "max_error": Metric(False, _max_error),
    "explained_variance": Metric(True, lambda of: _explained(of, _spread(of, of.target - of.predicted)), _single_row),
    "poisson_deviance": mean_of(_poisson, _poisson_undefined),
    "gamma_deviance": mean_of(_gamma, _gamma_undefined),
}
VALUE_DEFAULTS = ("rmse", "mae", "r2")

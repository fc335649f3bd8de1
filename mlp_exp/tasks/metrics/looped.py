"""Metrics of code that is not ours: computed for one prediction after the other, and whatever it raises is a reason."""

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from mlp_exp.tasks.metrics.metric import Metric
from mlp_exp.tasks.metrics.predictions import Predictions

Score = Callable[[Predictions], Any]
"""Computes one number from predictions without leading dimensions, and may fail."""


def one_by_one(score: Score, larger_is_better: bool) -> Metric[Predictions]:
    """A metric that is not defined where `score` raises, or gives anything but one finite number."""

    def value(of: Predictions) -> float:
        return _attempt(score, of)[0]

    return Metric(larger_is_better, lambda of: of.one_by_one(value), lambda of: _attempt(score, of)[1], one_by_one=True)


def _attempt(score: Score, of: Predictions) -> tuple[float, str | None]:
    """The number, and why there is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as scikit-learn's of a class that is missing
            found = score(of)
    except Exception as error:  # the user's own code may raise anything
        text = str(error).strip().splitlines()
        return math.nan, f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
    if np.ndim(found) or not isinstance(found, int | float | np.number | np.ndarray):
        return math.nan, f"expected one number to be returned, got a {type(found).__name__}"
    return float(found), None

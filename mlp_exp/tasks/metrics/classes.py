"""Metrics of classes: of the most probable class, and of probabilities.

Their conventions are those of scikit-learn. `f1`, `precision`, `recall`, `roc_auc` and `average_precision` are those of
the second of two classes, and the mean over all classes of more.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlp_exp.data.statistics import Floats
from mlp_exp.tasks.metrics.metric import Metric
from mlp_exp.tasks.metrics.predictions import ClassPredictions
from mlp_exp.tasks.metrics.ranks import average_precision, roc_auc

EPS = float(np.finfo(np.float64).eps)


def _ratio(part: Any, whole: Any) -> Floats:
    """0 where the whole is 0."""
    found: Floats = np.divide(part, np.where(whole > 0, whole, 1.0))
    return found


def _of_second_or_mean(of: ClassPredictions, by_class: Floats) -> Any:
    return by_class[..., 1] if of.binary else by_class.mean(axis=-1)


def _balanced_accuracy(of: ClassPredictions) -> Any:
    """Mean recall of the classes that occur."""
    return _ratio(of.hits, of.occur).sum(axis=-1) / (of.occur > 0).sum(axis=-1)


def _f1(of: ClassPredictions) -> Floats:
    """Of each class `[..., C]`; 0 of one that neither occurs nor is predicted."""
    return _ratio(2 * of.hits, of.occur + of.guesses)


def _matthews(of: ClassPredictions) -> Any:
    """The correlation of true and predicted class (Gorodkin, 2004); 0 where either is the same for all rows."""
    whole = of.weight
    hits = of.hits.sum(axis=-1)
    both = hits * whole - (of.occur * of.guesses).sum(axis=-1)
    spreads = [whole * whole - np.square(counts).sum(axis=-1) for counts in (of.occur, of.guesses)]
    constant = (spreads[0] <= EPS * whole * whole) | (spreads[1] <= EPS * whole * whole)
    return np.where(constant, 0.0, both / np.sqrt(np.where(constant, 1.0, spreads[0] * spreads[1])))


def _kappa(of: ClassPredictions) -> Any:
    """How much of the agreement that chance leaves is reached (Cohen, 1960)."""
    whole = of.weight
    chance = (of.occur * of.guesses).sum(axis=-1) / (whole * whole)
    reached = of.hits.sum(axis=-1) / whole - chance
    return np.where(1 - chance <= EPS, np.nan, reached / (1 - chance))


def _squared_distance(of: ClassPredictions) -> NDArray[np.int64]:
    """The square of how many classes a prediction is off `[..., n]`."""
    found: NDArray[np.int64] = np.square(of.predicted - of.target)
    return found


def _quadratic_kappa(of: ClassPredictions) -> Any:
    """Kappa in which a miss weighs as the square of the number of classes between (Cohen, 1968)."""
    code = np.arange(of.n_classes)
    shares = [counts / np.asarray(of.weight)[..., None] for counts in (of.occur, of.guesses)]
    means = [(share * code).sum(axis=-1) for share in shares]
    squares = [(share * code**2).sum(axis=-1) for share in shares]
    chance = squares[0] + squares[1] - 2 * means[0] * means[1]
    seen = of.mean(of.of_rows(_squared_distance))
    return np.where(chance <= EPS * of.n_classes**2, np.nan, 1 - seen / chance)


def _log_loss(of: ClassPredictions) -> Floats:
    """Minus the log of the probability of the true class `[..., n]`, which is taken as one of 2^-52 at least."""
    found: Floats = -np.log(of.of_true_class.clip(EPS, 1 - EPS))
    return found


def _brier(of: ClassPredictions) -> Floats:
    """The squared error `[..., n]` of the probability of the second of two classes, else summed over classes."""
    if of.binary:
        found: Floats = np.square(of.probabilities[..., 1] - of.target)
    else:
        right = of.target[..., None] == np.arange(of.n_classes)
        found = np.square(of.probabilities - right).sum(axis=-1)
    return found


def _in_top_3(of: ClassPredictions) -> Any:
    """Whether the true class is among the three most probable `[..., n]`, the first of equally probable ones."""
    true = of.of_true_class[..., None]
    before = np.arange(of.n_classes) < of.target[..., None]
    ahead = (of.probabilities > true) | ((of.probabilities == true) & before)
    return ahead.sum(axis=-1) < 3


def _one_class(of: ClassPredictions) -> str | None:
    present = int((of.occur > 0).sum())
    if present == of.n_classes:
        return None
    return "only one class in this part" if present == 1 else f"only {present} of {of.n_classes} classes in this part"


def _constant(of: ClassPredictions) -> str | None:
    return "one class alone in this part and in the predictions"


def _mean_of(statistic: Callable[[ClassPredictions], Any], larger_is_better: bool) -> Metric[ClassPredictions]:
    """The mean over rows of what does not depend on weights."""
    return Metric(larger_is_better, lambda of: of.mean(of.of_rows(statistic)))


CLASS_METRICS: Mapping[str, Metric[ClassPredictions]] = {
    "accuracy": _mean_of(lambda of: of.hit, True),
    "balanced_accuracy": Metric(True, _balanced_accuracy),
    "f1": Metric(True, lambda of: _of_second_or_mean(of, _f1(of))),
    "roc_auc": Metric(True, roc_auc, _one_class),
    "log_loss": _mean_of(_log_loss, False),
    "brier": _mean_of(_brier, False),
    "precision": Metric(True, lambda of: _of_second_or_mean(of, _ratio(of.hits, of.guesses))),
    "recall": Metric(True, lambda of: _of_second_or_mean(of, _ratio(of.hits, of.occur))),
    "f1_macro": Metric(True, lambda of: _f1(of).mean(axis=-1)),
    "f1_micro": _mean_of(lambda of: of.hit, True),
    "f1_weighted": Metric(True, lambda of: (of.occur * _f1(of)).sum(axis=-1) / of.weight),
    "average_precision": Metric(True, average_precision, _one_class),
    "matthews_corrcoef": Metric(True, _matthews),
    "cohen_kappa": Metric(True, _kappa, _constant),
    "top_3_accuracy": _mean_of(_in_top_3, True),
}
CLASS_DEFAULTS = ("accuracy", "balanced_accuracy", "f1", "roc_auc", "log_loss", "brier")

ORDINAL_METRICS: Mapping[str, Metric[ClassPredictions]] = {
    **CLASS_METRICS,
    "mean_absolute_class_error": _mean_of(lambda of: np.abs(of.predicted - of.target), False),
    "quadratic_kappa": Metric(True, _quadratic_kappa, _constant),
}
ORDINAL_DEFAULTS = (*CLASS_DEFAULTS, "mean_absolute_class_error", "quadratic_kappa")

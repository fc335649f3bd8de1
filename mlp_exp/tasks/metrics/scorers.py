"""scikit-learn's scorers by name, for metrics that are not ours."""

from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any

import numpy as np

from mlp_exp.tasks.metrics.looped import one_by_one
from mlp_exp.tasks.metrics.metric import Metric
from mlp_exp.tasks.metrics.predictions import ClassPredictions, Predictions


def find_metric(name: str, table: Mapping[str, Metric[Any]]) -> Metric[Any] | None:
    """Ours of a task's table, else scikit-learn's scorer of that name, else None.

    A scorer's value is the one that scikit-learn gives: larger is better, as of `neg_mean_absolute_error`. It gets the
    codes of classes.
    """
    if name in table:
        return table[name]
    return scorer(name) if name in scorer_names() else None


@lru_cache(maxsize=1)
def scorer_names() -> tuple[str, ...]:
    """All that scikit-learn has, which is imported for them."""
    from sklearn.metrics import get_scorer_names

    return tuple(get_scorer_names())


def scorer(name: str) -> Metric[Predictions]:
    return one_by_one(partial(_score, name), larger_is_better=True)


def _score(name: str, of: Predictions) -> Any:
    from sklearn.metrics import get_scorer

    weights = {} if of.weights is None else {"sample_weight": of.weights}
    return get_scorer(name)(_answering(of), np.empty((of.n_rows, 0)), of.target, **weights)


def _answering(of: Predictions) -> Any:
    """An estimator that answers with what was predicted, whatever it is asked about."""
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

    class Regressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
        def predict(self, rows: Any) -> Any:
            return of.predicted

    class Classifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
        def __init__(self, classes: ClassPredictions) -> None:
            self.classes = classes
            self.classes_ = np.arange(classes.n_classes)

        def predict(self, rows: Any) -> Any:
            return self.classes.predicted

        def predict_proba(self, rows: Any) -> Any:
            return self.classes.probabilities

    return Classifier(of) if isinstance(of, ClassPredictions) else Regressor()

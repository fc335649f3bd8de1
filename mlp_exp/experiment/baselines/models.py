"""The baselines: each is fitted to training rows and answers as the network does. scikit-learn is imported late."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlp_exp.data.statistics import Floats
from mlp_exp.tasks.classification import Classification
from mlp_exp.tasks.regression import DistributionRegression, PositiveRegression, QuantileRegression
from mlp_exp.tasks.several import Multilabel, SeveralTargets
from mlp_exp.tasks.task import Task

LINEAR, BOOSTING = "linear model", "gradient boosting"
Answer = Callable[[Floats], Floats]
"""Inputs `[n, W]` as answers `[n, A]` (`Task.predictions`)."""
HELD_OUT = 0.2
"""Fraction of the rows whose residuals give the spread of what fits its own rows too well."""


@dataclass(frozen=True)
class Training:
    """Rows to fit to: inputs `[n, W]`, a target `[n]` or `[n, T]`, and weights `[n]` or None."""

    inputs: Floats
    target: NDArray[Any]
    weights: Floats | None

    def of_target(self, place: int) -> "Training":
        return Training(self.inputs, self.target[:, place], self.weights)

    def of_rows(self, rows: NDArray[np.bool_]) -> "Training":
        return Training(self.inputs[rows], self.target[rows], None if self.weights is None else self.weights[rows])


def constant_name(task: Task) -> str:
    if task.has_classes:
        return "majority class"
    if isinstance(task, QuantileRegression):
        return "training quantiles"
    return "mean and deviation" if isinstance(task, DistributionRegression) else "mean"


def constant(task: Task, training: Training) -> Floats:
    """The same answers `[A]` for every row: the frequencies of classes, or mean, quantiles or spread of values."""
    target, weights = training.target, training.weights
    if isinstance(task, Classification):
        counts = np.bincount(target, weights, minlength=len(task.class_names))
        return np.asarray(counts / counts.sum(), np.float64)
    if isinstance(task, QuantileRegression):
        return _quantiles(target, task.levels, weights)
    mean = np.atleast_1d(np.average(target, axis=0, weights=weights))
    if isinstance(task, DistributionRegression):
        return np.append(mean, _deviation(target - mean, weights))
    return mean


def _quantiles(values: Floats, levels: Sequence[float], weights: Floats | None) -> Floats:
    return np.asarray(np.quantile(values, levels, weights=weights, method="inverted_cdf"), np.float64)


def _deviation(residuals: Floats, weights: Floats | None) -> float:
    """Root mean square; above 0."""
    return max(float(np.sqrt(np.average(residuals**2, weights=weights))), np.finfo(np.float64).tiny)


class Learner(ABC):
    """A kind of model, for any task.

    Ordered classes are learned without their order, several targets one by one.
    """

    @abstractmethod
    def classifier(self) -> Any:
        """An estimator of probabilities."""

    @abstractmethod
    def regressor(self, loss: str, rows: int) -> Any:
        """An estimator of values with the loss squared_error, poisson or gamma."""

    @abstractmethod
    def quantiles(self, training: Training, levels: Sequence[float]) -> Answer:
        """Learns quantiles, in ascending order, `[n, Q]`."""

    @abstractmethod
    def spread(self, training: Training) -> Answer:
        """Learns mean and standard deviation `[n, 2]`."""

    def fit(self, task: Task, training: Training) -> Answer:
        """Learns what a task asks for."""
        if isinstance(task, SeveralTargets):
            places = range(len(task.targets))
            alone = [self._one_of_several(task, training.of_target(place)) for place in places]
            return lambda inputs: np.concatenate([answer(inputs) for answer in alone], axis=1)
        if isinstance(task, Classification):
            return self._probabilities(training, len(task.class_names))
        if isinstance(task, QuantileRegression):
            return self.quantiles(training, task.levels)
        if isinstance(task, DistributionRegression):
            return self.spread(training)
        loss = task.ranking.partition("_")[0] if isinstance(task, PositiveRegression) else "squared_error"
        return self.values(training, loss)

    def _one_of_several(self, task: Task, training: Training) -> Answer:
        if not isinstance(task, Multilabel):
            return self.values(training)
        of_both = self._probabilities(training, 2)
        return lambda inputs: of_both(inputs)[:, 1:]

    def values(self, training: Training, loss: str = "squared_error") -> Answer:
        """Learns values `[n, 1]`."""
        model = self.regressor(loss, len(training.target))
        model.fit(training.inputs, training.target, sample_weight=training.weights)
        return lambda inputs: model.predict(inputs)[:, None]

    def _probabilities(self, training: Training, n_classes: int) -> Answer:
        """Learns probabilities `[n, C]`; classes that are not in training have 0."""
        there = np.unique(training.target)
        answers = np.zeros(n_classes)
        if len(there) == 1:
            answers[there] = 1.0
            return lambda inputs: np.tile(answers, (len(inputs), 1))
        model = self.classifier().fit(training.inputs, training.target, sample_weight=training.weights)

        def answer(inputs: Floats) -> Floats:
            found = np.zeros((len(inputs), n_classes))
            found[:, model.classes_] = model.predict_proba(inputs)
            return found

        return answer


class Linear(Learner):
    """Logistic regression, ridge regression, or generalised linear models with a log link, lightly regularised.

    Quantiles and spread are those of the residuals, the same for all rows.
    """

    def classifier(self) -> Any:
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(max_iter=200)

    def regressor(self, loss: str, rows: int) -> Any:
        from sklearn.linear_model import GammaRegressor, PoissonRegressor, Ridge

        if loss == "squared_error":
            return Ridge()
        # their loss is a mean over rows, that of a ridge regression a sum
        return {"poisson": PoissonRegressor, "gamma": GammaRegressor}[loss](alpha=1 / rows, max_iter=200)

    def quantiles(self, training: Training, levels: Sequence[float]) -> Answer:
        middle, residuals = self._residuals(training)
        shifts = _quantiles(residuals, levels, training.weights)
        return lambda inputs: middle(inputs) + shifts

    def spread(self, training: Training) -> Answer:
        middle, residuals = self._residuals(training)
        deviation = _deviation(residuals, training.weights)
        return lambda inputs: np.concatenate([middle(inputs), np.full((len(inputs), 1), deviation)], axis=1)

    def _residuals(self, training: Training) -> tuple[Answer, Floats]:
        middle = self.values(training)
        return middle, training.target - middle(training.inputs)[:, 0]


class Boosting(Learner):
    """Histogram gradient boosting with scikit-learn's settings, without early stopping.

    The spread is that of the residuals of a fifth of the rows, by a model of the others; the same for all rows.
    """

    def __init__(self, is_category: Sequence[bool]) -> None:
        self._options = {"categorical_features": list(is_category), "early_stopping": False, "random_state": 0}

    def classifier(self) -> Any:
        from sklearn.ensemble import HistGradientBoostingClassifier

        return HistGradientBoostingClassifier(**self._options)

    def regressor(self, loss: str, rows: int) -> Any:
        from sklearn.ensemble import HistGradientBoostingRegressor

        return HistGradientBoostingRegressor(loss=loss, **self._options)

    def quantiles(self, training: Training, levels: Sequence[float]) -> Answer:
        from sklearn.ensemble import HistGradientBoostingRegressor

        models = [
            HistGradientBoostingRegressor(loss="quantile", quantile=level, **self._options).fit(
                training.inputs, training.target, sample_weight=training.weights
            )
            for level in levels
        ]
        return lambda inputs: np.sort(np.stack([model.predict(inputs) for model in models], axis=1), axis=1)

    def spread(self, training: Training) -> Answer:
        some = np.random.default_rng(0).random(len(training.target)) < HELD_OUT
        held_out, rest = training.of_rows(some), training.of_rows(~some)
        residuals = held_out.target - self.values(rest)(held_out.inputs)[:, 0]
        deviation = _deviation(residuals, held_out.weights)
        middle = self.values(training)
        return lambda inputs: np.concatenate([middle(inputs), np.full((len(inputs), 1), deviation)], axis=1)

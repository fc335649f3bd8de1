"""Tasks with one value: the value itself, quantiles of it, or its distribution."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlp_exp.data.dataset import TargetColumn
from mlp_exp.data.statistics import Floats
from mlp_exp.data.target_scaling import TargetScaling
from mlp_exp.tasks.metrics import (
    DISTRIBUTION_DEFAULTS,
    DISTRIBUTION_METRICS,
    QUANTILE_DEFAULTS,
    QUANTILE_METRICS,
    VALUE_DEFAULTS,
    VALUE_METRICS,
    DistributionPredictions,
    Metric,
    Predictions,
    QuantilePredictions,
    ValuePredictions,
)
from mlp_exp.tasks.task import Column, Task, mean_of


class Regression(Task):
    """A value; networks learn it standardised (`TargetScaling`). Answers are values `[..., n, 1]`."""

    name = "regression"
    headlines: tuple[str, ...] = ("rmse", "r2")
    history_metric = "rmse"
    ranking = "rmse"

    @property
    def defaults(self) -> Sequence[str]:
        return VALUE_DEFAULTS

    def _known(self) -> Mapping[str, Metric[Any]]:
        return VALUE_METRICS

    def in_unit(self, answers: Floats, scaling: TargetScaling) -> Floats:
        return scaling.unit(answers)

    def predictions(self, target: NDArray[Any], answers: Floats, weights: Floats | None = None) -> Predictions:
        return ValuePredictions(target, answers[..., 0], weights)

    @property
    def example(self) -> Predictions:
        values = np.array([0.7, 1.3, 2.6, 4.1])  # no classes, even to scikit-learn
        return self.predictions(values, np.tile(values[:, None], self.answers_width))

    @property
    def answer_names(self) -> list[str]:
        return [self.targets[0].name]

    def columns(self, answers: Floats) -> Mapping[str, Column]:
        return {"prediction": answers[:, 0]}


class PositiveRegression(Regression):
    """A value above 0, or a count, that is measured by a deviance: `poisson_deviance` or `gamma_deviance`."""

    def __init__(self, targets: Sequence[TargetColumn], deviance: str) -> None:
        self.history_metric = self.ranking = deviance
        self.headlines = (deviance, "rmse")
        super().__init__(targets)

    @property
    def defaults(self) -> Sequence[str]:
        return (self.ranking, *VALUE_DEFAULTS)


class QuantileRegression(Regression):
    """Quantiles of a value; answers are those of the levels, in ascending order, `[..., n, Q]`."""

    answers_name = "quantiles"
    headlines: tuple[str, ...] = ("pinball", "coverage", "width")
    history_metric = "pinball"
    ranking = "pinball"

    def __init__(self, targets: Sequence[TargetColumn], levels: Sequence[float]) -> None:
        self.levels = tuple(levels)
        super().__init__(targets)

    @property
    def defaults(self) -> Sequence[str]:
        return QUANTILE_DEFAULTS

    def _known(self) -> Mapping[str, Metric[Any]]:
        return QUANTILE_METRICS

    def predictions(self, target: NDArray[Any], answers: Floats, weights: Floats | None = None) -> Predictions:
        return QuantilePredictions(target, answers, self.levels, weights)

    @property
    def answer_names(self) -> list[str]:
        return [f"quantile_{level}" for level in self.levels]

    def columns(self, answers: Floats) -> Mapping[str, Column]:
        """The median and the quantiles."""
        median = QuantilePredictions(np.zeros(len(answers)), answers, self.levels).predicted
        return {"prediction": median, **dict(zip(self.answer_names, answers.T, strict=True))}


class DistributionRegression(Regression):
    """A normal distribution of a value; answers are its mean and its standard deviation, `[..., n, 2]`."""

    answers_name = "distribution"
    headlines: tuple[str, ...] = ("crps", "nll", "rmse")
    history_metric = "crps"
    ranking = "crps"

    @property
    def defaults(self) -> Sequence[str]:
        return DISTRIBUTION_DEFAULTS

    def _known(self) -> Mapping[str, Metric[Any]]:
        return DISTRIBUTION_METRICS

    def in_unit(self, answers: Floats, scaling: TargetScaling) -> Floats:
        return np.concatenate([scaling.unit(answers[..., :1]), answers[..., 1:] * scaling.scale], axis=-1)

    def predictions(self, target: NDArray[Any], answers: Floats, weights: Floats | None = None) -> Predictions:
        return DistributionPredictions(target, answers[..., 0], answers[..., 1], weights)

    @property
    def answer_names(self) -> list[str]:
        return ["mean", "standard_deviation"]

    def columns(self, answers: Floats) -> Mapping[str, Column]:
        return {"prediction": answers[:, 0], "standard_deviation": answers[:, 1]}

    def mean(self, answers: Sequence[Floats], weights: Sequence[float] | None = None) -> Floats:
        """Mean and standard deviation of the mixture, whose spread grows where the networks disagree."""
        mean = mean_of([each[..., 0] for each in answers], weights)
        variance = mean_of([each[..., 1] ** 2 + (each[..., 0] - mean) ** 2 for each in answers], weights)
        return np.stack([mean, np.sqrt(variance)], axis=-1)

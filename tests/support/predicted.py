"""Predictions of all kinds, drawn, with the metrics of each."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from mlp_exp.tasks.metrics import (
    CLASS_METRICS,
    DISTRIBUTION_METRICS,
    ORDINAL_METRICS,
    QUANTILE_METRICS,
    VALUE_METRICS,
    ClassPredictions,
    DistributionPredictions,
    Metric,
    Predictions,
    QuantilePredictions,
    ValuePredictions,
)

Drawn = Callable[[np.random.Generator, tuple[int, ...]], Any]
"""Predictions of a shape `[..., n]`."""


def classes(n_classes: int, decimals: int = 12) -> Drawn:
    """Better than chance; with few decimals many are equal."""

    def drawn(generator: np.random.Generator, shape: tuple[int, ...]) -> ClassPredictions:
        target = generator.integers(0, n_classes, shape)
        logits = generator.normal(0, 1.5, (*shape, n_classes)) + 1.2 * np.eye(n_classes)[target]
        given = np.exp(logits)
        given = (given / given.sum(axis=-1, keepdims=True)).round(decimals)
        given[given.sum(axis=-1) == 0] = 1.0
        return ClassPredictions(target, given)

    return drawn


def values(generator: np.random.Generator, shape: tuple[int, ...]) -> ValuePredictions:
    """Above 0."""
    target = generator.gamma(2.0, 10.0, shape)
    return ValuePredictions(target, target * generator.uniform(0.5, 1.5, shape))


def quantiles(generator: np.random.Generator, shape: tuple[int, ...]) -> QuantilePredictions:
    target = generator.normal(5, 1, shape)
    spread = np.sort(generator.normal(5, 1, (*shape, 3)), axis=-1)
    return QuantilePredictions(target, spread, (0.1, 0.5, 0.9))


def distributions(generator: np.random.Generator, shape: tuple[int, ...]) -> DistributionPredictions:
    target = generator.normal(50, 10, shape)
    return DistributionPredictions(target, target + generator.normal(0, 5, shape), generator.uniform(2.0, 8.0, shape))


KINDS: dict[str, tuple[Drawn, Mapping[str, Metric[Any]]]] = {
    "binary": (classes(2), CLASS_METRICS),
    "binary, ties": (classes(2, 1), CLASS_METRICS),
    "multiclass": (classes(5, 2), CLASS_METRICS),
    "many classes": (classes(20), CLASS_METRICS),
    "ordinal": (classes(4), ORDINAL_METRICS),
    "values": (values, VALUE_METRICS),
    "quantiles": (quantiles, QUANTILE_METRICS),
    "distributions": (distributions, DISTRIBUTION_METRICS),
}


def weighted(of: Predictions, weights: np.ndarray) -> Any:
    """The same predictions with weights."""
    return type(of)(**{**arrays(of), "weights": weights})


def arrays(of: Any) -> dict[str, Any]:
    """What predictions are made of, by name."""
    return {field.name: getattr(of, field.name) for field in fields(of)}

"""The bootstrapped intervals: against a plain loop, and how often they hold the true value."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk
from support.predicted import KINDS, Drawn, classes, values, weighted

from mlp_exp.tasks.metrics import CLASS_METRICS, VALUE_METRICS, ClassPredictions, Metric, ValuePredictions, intervals
from mlp_exp.tasks.metrics.bootstrap import FEWEST, MOST_DRAWN, ONE_BY_ONE


def plain_interval(rows: int, resamples: int, score: Any) -> tuple[float, float]:
    """A bootstrap as it is written in a book, on the same resamples."""
    generator = np.random.default_rng(0)
    found = [score(generator.integers(rows, size=rows)) for _ in range(resamples)]
    low, high = np.nanpercentile(found, [2.5, 97.5])
    return float(low), float(high)


@pytest.mark.parametrize("decimals", [1, 12])
def test_classes_as_a_plain_loop(decimals: int) -> None:
    of = classes(2, decimals)(np.random.default_rng(0), (150,))
    target, chances = of.target, of.probabilities
    predicted = chances.argmax(axis=1)
    found = intervals(CLASS_METRICS, of, 100)
    expected = {
        "accuracy": lambda rows: sk.accuracy_score(target[rows], predicted[rows]),
        "f1": lambda rows: sk.f1_score(target[rows], predicted[rows]),
        "roc_auc": lambda rows: sk.roc_auc_score(target[rows], chances[rows, 1]),
        "average_precision": lambda rows: sk.average_precision_score(target[rows], chances[rows, 1]),
        "log_loss": lambda rows: sk.log_loss(target[rows], chances[rows]),
    }
    for name, score in expected.items():
        assert found[name] == pytest.approx(plain_interval(150, 100, score), rel=1e-10), name


@pytest.mark.parametrize("has_weights", [False, True])
def test_values_as_a_plain_loop(has_weights: bool) -> None:
    generator = np.random.default_rng(0)
    of = values(generator, (90,))
    weights = generator.uniform(0.2, 2, 90) if has_weights else np.ones(90)
    found = intervals(VALUE_METRICS, weighted(of, weights) if has_weights else of, 200)
    expected = {
        "rmse": sk.root_mean_squared_error,
        "r2": sk.r2_score,
        "median_absolute_error": sk.median_absolute_error,
    }
    for name, function in expected.items():
        interval = plain_interval(
            90,
            200,
            lambda rows, function=function: function(of.target[rows], of.predicted[rows], sample_weight=weights[rows]),
        )
        assert found[name] == pytest.approx(interval, rel=1e-10), name


@pytest.mark.parametrize(("drawn", "metrics"), KINDS.values(), ids=KINDS)
def test_every_metric_has_an_interval(drawn: Drawn, metrics: Mapping[str, Metric[Any]]) -> None:
    of = drawn(np.random.default_rng(0), (300,))
    found = intervals(metrics, of, 100)
    assert list(found) == list(metrics)
    for name, interval in found.items():
        assert interval is not None, name
        assert interval[0] <= interval[1]


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    of = classes(3)(np.random.default_rng(0), (100,))
    expected = intervals(CLASS_METRICS, of, 100)
    monkeypatch.setattr("mlp_exp.tasks.metrics.bootstrap.CHUNK", 700)
    found = intervals(CLASS_METRICS, of, 100)
    for name in CLASS_METRICS:
        assert found[name] == pytest.approx(expected[name], rel=1e-12)


@pytest.mark.parametrize("resamples", [1000, 100])
def test_intervals_hold_the_true_value_as_often_as_they_say(resamples: int) -> None:
    """Errors are normal, so that the true values are known; percentile intervals hold them slightly too rarely."""
    generator = np.random.default_rng(0)
    truth = {"mae": math.sqrt(2 / math.pi), "rmse": 1.0}
    metrics = {name: VALUE_METRICS[name] for name in truth}
    held = dict.fromkeys(truth, 0)
    for _ in range(200):
        error = generator.normal(size=150)
        for name, interval in intervals(metrics, ValuePredictions(np.zeros(150), error), resamples).items():
            assert interval is not None
            held[name] += interval[0] <= truth[name] <= interval[1]
    assert all(0.88 * 200 <= count <= 0.99 * 200 for count in held.values())


def test_a_metric_that_most_resamples_lack_has_no_interval() -> None:
    target = np.zeros(40, np.int64)
    target[0] = 1
    of = ClassPredictions(target, np.random.default_rng(0).dirichlet([1, 1], 40))
    found = intervals(CLASS_METRICS, of, 200)
    assert found["roc_auc"] is not None  # about 63 % of the resamples have the row
    one_class = ClassPredictions(np.zeros(40, np.int64), of.given)
    assert intervals(CLASS_METRICS, one_class, 200)["roc_auc"] is None


def test_zero_resamples_are_no_intervals() -> None:
    assert intervals(VALUE_METRICS, ValuePredictions(np.zeros(3), np.ones(3)), 0) == {}


def test_many_rows_have_fewer_resamples_and_slow_metrics_even_fewer() -> None:
    calls: dict[str, list[tuple[int, ...]]] = {"fast": [], "slow": []}

    def counting(name: str, one_by_one: bool) -> Metric[ValuePredictions]:
        def compute(of: ValuePredictions) -> Any:
            assert of.weights is not None
            calls[name].append(of.weights.shape)
            return of.weights[..., 0]

        return Metric(True, compute, one_by_one=one_by_one)

    metrics = {"fast": counting("fast", one_by_one=False), "slow": counting("slow", one_by_one=True)}
    for rows, fast in ((10, 1000), (MOST_DRAWN // 500, 500), (MOST_DRAWN // FEWEST + 1, FEWEST)):
        for seen in calls.values():
            seen.clear()
        intervals(metrics, ValuePredictions(np.zeros(rows), np.zeros(rows)), 1000)
        assert sum(shape[0] for shape in calls["fast"]) == fast
        assert min(fast, ONE_BY_ONE) == sum(shape[0] for shape in calls["slow"])

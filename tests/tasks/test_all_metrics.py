"""Properties of all metrics, whatever they measure, and each against scikit-learn or its formula, with weights."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats
from sklearn import metrics as sk
from support.predicted import KINDS, Drawn, arrays, classes, distributions, quantiles, values, weighted

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
    compute,
    evaluate,
)

kinds = pytest.mark.parametrize(("drawn", "metrics"), KINDS.values(), ids=KINDS)
seeds = pytest.mark.parametrize("seed", range(3))


def member(of: Any, index: Any) -> Any:
    """One of a stack, or some rows, as copies."""
    return type(of)(**{n: v[index].copy() if isinstance(v, np.ndarray) else v for n, v in arrays(of).items()})


def assert_close(found: Mapping[str, float | None], expected: Mapping[str, float | None]) -> None:
    for name, value in expected.items():
        assert found[name] == (None if value is None else pytest.approx(value, rel=1e-10, abs=1e-12)), name


# ---- properties


@kinds
@pytest.mark.parametrize("has_weights", [False, True])
def test_a_member_has_the_bits_it_has_alone(
    drawn: Drawn, metrics: Mapping[str, Metric[Any]], has_weights: bool
) -> None:
    for rows in (1, 2, 9, 130, 1001):
        generator = np.random.default_rng(rows)
        stack = drawn(generator, (7, rows))
        if has_weights:
            stack = weighted(stack, generator.uniform(0, 2, (7, rows)))
        together = compute(metrics, stack)
        for index in range(7) if rows < 130 else (0, 3, 6):
            alone = evaluate(metrics, member(stack, index))
            of_one = compute(metrics, member(stack, slice(index, index + 1)))
            for name, value in alone.values.items():
                assert together[name].shape == (7,)
                assert of_one[name].shape == (1,)
                expected = math.nan if value is None else value
                for found in (together[name][index], of_one[name][0]):
                    assert found == expected or (math.isnan(found) and math.isnan(expected)), (name, rows)


@kinds
def test_members_may_share_weights(drawn: Drawn, metrics: Mapping[str, Metric[Any]]) -> None:
    generator = np.random.default_rng(1)
    stack, weights = drawn(generator, (3, 40)), generator.uniform(0, 2, 40)
    shared = compute(metrics, weighted(stack, weights))
    own = compute(metrics, weighted(stack, np.tile(weights, (3, 1))))
    for name in metrics:
        assert shared[name].tolist() == pytest.approx(own[name].tolist(), nan_ok=True), name


@kinds
def test_weights_are_repeated_rows(drawn: Drawn, metrics: Mapping[str, Metric[Any]]) -> None:
    generator = np.random.default_rng(0)
    predictions = drawn(generator, (60,))
    counts = generator.integers(0, 4, 60)
    by_weight = evaluate(metrics, weighted(predictions, counts.astype(np.float64)))
    repeated = evaluate(metrics, member(predictions, np.repeat(np.arange(60), counts)))
    assert_close(by_weight.values, repeated.values)
    assert by_weight.reasons == repeated.reasons


@kinds
def test_equal_weights_change_nothing(drawn: Drawn, metrics: Mapping[str, Metric[Any]]) -> None:
    predictions = drawn(np.random.default_rng(0), (80,))
    without = evaluate(metrics, predictions)
    for weight in (1.0, 0.3):
        found = evaluate(metrics, weighted(predictions, np.full(80, weight)))
        assert_close(found.values, without.values)


@kinds
def test_the_order_of_the_rows_changes_nothing(drawn: Drawn, metrics: Mapping[str, Metric[Any]]) -> None:
    generator = np.random.default_rng(5)
    predictions = weighted(drawn(generator, (90,)), generator.uniform(0, 2, 90))
    other = member(predictions, generator.permutation(90))
    assert_close(evaluate(metrics, other).values, evaluate(metrics, predictions).values)


@kinds
def test_resampled_rows_are_rows_of_their_own(drawn: Drawn, metrics: Mapping[str, Metric[Any]]) -> None:
    generator = np.random.default_rng(6)
    predictions = drawn(generator, (50,))
    weights = generator.uniform(0.5, 2, 50)
    counts = generator.multinomial(50, np.full(50, 1 / 50), size=4).astype(np.uint8)
    for given in (predictions, weighted(predictions, weights)):
        found = compute(metrics, given.resampled(counts))
        for number, count in enumerate(counts):
            rows = member(given, np.repeat(np.arange(50), count))
            for name, value in evaluate(metrics, rows).values.items():
                assert found[name][number] == pytest.approx(math.nan if value is None else value, nan_ok=True), name
        assert [len(each.target) for each in given.resampled(counts).alone()] == [50] * 4


@kinds
def test_a_perfect_prediction_is_not_worse(drawn: Drawn, metrics: Mapping[str, Metric[Any]]) -> None:
    """Says of each metric that its direction is right; of what has no best value it says nothing."""
    predictions = drawn(np.random.default_rng(7), (200,))
    best = perfect(predictions)
    found, expected = evaluate(metrics, predictions).values, evaluate(metrics, best).values
    for name in metrics:
        if name not in ("coverage", "calibration_error"):
            better, worse = (
                (expected[name], found[name]) if metrics[name].larger_is_better else (found[name], expected[name])
            )
            assert better is not None
            assert worse is not None
            assert better >= worse, name


def perfect(of: Predictions) -> Predictions:
    if isinstance(of, ClassPredictions):
        return ClassPredictions(of.target, np.eye(of.n_classes)[of.target])
    if isinstance(of, QuantilePredictions):
        return QuantilePredictions(of.target, np.repeat(of.target[:, None], 3, axis=1), of.levels)
    if isinstance(of, DistributionPredictions):
        return DistributionPredictions(of.target, of.target, np.full(of.target.shape, 0.5))
    return ValuePredictions(of.target, of.target)


# ---- values


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("n_classes", [2, 3, 6])
@pytest.mark.filterwarnings("ignore:.*:UserWarning:sklearn")
def test_classes_as_scikit_learn(n_classes: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    drawn = classes(n_classes, 1 if seed % 3 == 0 else 12)(generator, (int(generator.integers(20, 150)),))
    target, chances = drawn.target, drawn.probabilities
    weights = None if seed % 2 else generator.uniform(0.1, 3, len(target))
    found = evaluate(ORDINAL_METRICS, ClassPredictions(target, drawn.given, weights)).values
    predicted, labels, binary = chances.argmax(axis=1), np.arange(n_classes), n_classes == 2
    one = {"sample_weight": weights, "labels": labels, "zero_division": 0}
    average = {"average": "binary" if binary else "macro", **one}
    rank = {"sample_weight": weights}
    each = [1] if binary else labels
    areas = [sk.roc_auc_score(target == code, chances[:, code], **rank) for code in each]
    precisions = [sk.average_precision_score(target == code, chances[:, code], **rank) for code in each]
    error = np.abs(target - predicted)
    assert_close(
        found,
        {
            "accuracy": sk.accuracy_score(target, predicted, **rank),
            "balanced_accuracy": sk.balanced_accuracy_score(target, predicted, **rank),
            "f1": sk.f1_score(target, predicted, **average),
            "precision": sk.precision_score(target, predicted, **average),
            "recall": sk.recall_score(target, predicted, **average),
            "f1_macro": sk.f1_score(target, predicted, average="macro", **one),
            "f1_micro": sk.f1_score(target, predicted, average="micro", **one),
            "f1_weighted": sk.f1_score(target, predicted, average="weighted", **one),
            "roc_auc": np.mean(areas),
            "average_precision": np.mean(precisions),
            "log_loss": sk.log_loss(target, chances, labels=labels, **rank),
            "brier": sk.brier_score_loss(target, chances[:, 1] if binary else chances, labels=labels, **rank),
            "matthews_corrcoef": sk.matthews_corrcoef(target, predicted, **rank),
            "cohen_kappa": sk.cohen_kappa_score(target, predicted, **rank),
            "mean_absolute_class_error": np.average(error, weights=weights),
            "quadratic_kappa": sk.cohen_kappa_score(target, predicted, weights="quadratic", labels=labels, **rank),
        },
    )
    if n_classes > 3 and seed % 3:  # without equal probabilities
        assert_close(found, {"top_3_accuracy": sk.top_k_accuracy_score(target, chances, k=3, labels=labels, **rank)})


def test_the_three_most_probable_classes() -> None:
    chances = np.array([[0.4, 0.3, 0.2, 0.1], [0.4, 0.2, 0.2, 0.2], [0.25] * 4])
    found = [
        evaluate(CLASS_METRICS, ClassPredictions(np.full(1, code), row[None])).values["top_3_accuracy"]
        for row in chances
        for code in range(4)
    ]
    assert found == [1, 1, 1, 0] * 3


@pytest.mark.parametrize("seed", range(12))
def test_values_as_scikit_learn(seed: int) -> None:
    generator = np.random.default_rng(seed)
    drawn = values(generator, (int(generator.integers(2, 100)),))
    target, predicted = drawn.target, drawn.predicted
    if seed % 3 == 0:
        target, predicted = target.round() + 1, predicted.round() + 1  # equal errors
    weights = None if seed % 2 else generator.uniform(0.1, 3, len(target))
    found = evaluate(VALUE_METRICS, ValuePredictions(target, predicted, weights)).values
    given = {"sample_weight": weights}
    assert_close(
        found,
        {
            "rmse": sk.root_mean_squared_error(target, predicted, **given),
            "mse": sk.mean_squared_error(target, predicted, **given),
            "mae": sk.mean_absolute_error(target, predicted, **given),
            "r2": sk.r2_score(target, predicted, **given),
            "mape": sk.mean_absolute_percentage_error(target, predicted, **given),
            "median_absolute_error": sk.median_absolute_error(target, predicted, **given),
            "max_error": sk.max_error(target, predicted),
            "explained_variance": sk.explained_variance_score(target, predicted, **given),
            "poisson_deviance": sk.mean_poisson_deviance(target, predicted, **given),
            "gamma_deviance": sk.mean_gamma_deviance(target, predicted, **given),
        },
    )


def test_counts_of_zero_have_a_poisson_deviance() -> None:
    target, predicted = np.array([0.0, 0.0, 3.0]), np.array([0.5, 2.0, 3.0])
    found = evaluate(VALUE_METRICS, ValuePredictions(target, predicted)).values
    assert found["poisson_deviance"] == pytest.approx(2 * (0.5 + 2.0) / 3)


@seeds
def test_quantiles_by_their_formulas(seed: int) -> None:
    generator = np.random.default_rng(seed)
    weights = generator.uniform(0.1, 3, 70)
    of = weighted(quantiles(generator, (70,)), weights)
    low, middle, high = of.quantiles.T
    losses = [
        sk.mean_pinball_loss(of.target, column, sample_weight=weights, alpha=level)
        for column, level in zip((low, middle, high), of.levels, strict=True)
    ]
    shares = [np.average(of.target <= column, weights=weights) for column in (low, middle, high)]
    assert_close(
        evaluate(QUANTILE_METRICS, of).values,
        {
            "pinball": np.mean(losses),
            "coverage": np.average((low <= of.target) & (of.target <= high), weights=weights),
            "width": np.average(high - low, weights=weights),
            "calibration_error": np.mean(np.abs(np.array(shares) - of.levels)),
            "mae": sk.mean_absolute_error(of.target, middle, sample_weight=weights),
        },
    )


@seeds
def test_distributions_by_their_formulas(seed: int) -> None:
    generator = np.random.default_rng(seed)
    weights = generator.uniform(0.1, 3, 40)
    of = weighted(distributions(generator, (40,)), weights)
    normal = stats.norm(of.predicted, of.deviation)
    levels = np.arange(1, 10) / 10
    shares = [np.average(of.target <= normal.ppf(level), weights=weights) for level in levels]
    low, high = normal.ppf(0.05), normal.ppf(0.95)
    assert_close(
        evaluate(DISTRIBUTION_METRICS, of).values,
        {
            "nll": np.average(-normal.logpdf(of.target), weights=weights),
            "coverage": np.average((low <= of.target) & (of.target <= high), weights=weights),
            "width": np.average(high - low, weights=weights),
            "calibration_error": np.mean(np.abs(shares - levels)),
            "rmse": sk.root_mean_squared_error(of.target, of.predicted, sample_weight=weights),
        },
    )


@pytest.mark.parametrize(("mean", "deviation", "target"), [(0.0, 1.0, 0.3), (2.0, 0.5, -1.0), (5.0, 3.0, 5.0)])
def test_the_crps_is_the_integral_it_stands_for(mean: float, deviation: float, target: float) -> None:
    below, above = (
        integrate.quad(lambda x: stats.norm.cdf(x, mean, deviation) ** 2, -40, target)[0],
        integrate.quad(lambda x: stats.norm.sf(x, mean, deviation) ** 2, target, 40)[0],
    )
    of = DistributionPredictions(np.array([target]), np.array([mean]), np.array([deviation]))
    assert evaluate(DISTRIBUTION_METRICS, of).values["crps"] == pytest.approx(below + above, rel=1e-6)


# ---- what is not defined


TWO = np.array([1.0, 2.0])
UNDEFINED: dict[str, tuple[Mapping[str, Metric[Any]], Predictions, dict[str, str]]] = {
    "one class of two": (
        CLASS_METRICS,
        ClassPredictions(np.zeros(3, np.int64), np.tile([0.9, 0.1], (3, 1))),
        {
            "roc_auc": "only one class in this part",
            "average_precision": "only one class in this part",
            "cohen_kappa": "one class alone in this part and in the predictions",
        },
    ),
    "two classes of three": (
        CLASS_METRICS,
        ClassPredictions(np.array([0, 1, 1]), np.eye(3)[[0, 1, 2]]),
        dict.fromkeys(("roc_auc", "average_precision"), "only 2 of 3 classes in this part"),
    ),
    "a class without weight": (
        CLASS_METRICS,
        ClassPredictions(np.array([0, 1, 1]), np.eye(2)[[0, 1, 0]], np.array([0.0, 1.0, 2.0])),
        {"roc_auc": "only one class in this part"},
    ),
    "one class as predicted": (
        ORDINAL_METRICS,
        ClassPredictions(np.full(3, 2), np.tile([0.1, 0.1, 0.8], (3, 1)), np.array([0.1, 0.2, 0.7])),
        {
            **dict.fromkeys(("roc_auc", "average_precision"), "only one class in this part"),
            **dict.fromkeys(("cohen_kappa", "quadratic_kappa"), "one class alone in this part and in the predictions"),
        },
    ),
    "a single row": (
        VALUE_METRICS,
        ValuePredictions(TWO[:1], TWO[1:]),
        dict.fromkeys(("r2", "explained_variance"), "a single row"),
    ),
    "a single row with weight": (
        VALUE_METRICS,
        ValuePredictions(TWO, TWO + 1, np.array([0.0, 2.0])),
        dict.fromkeys(("r2", "explained_variance"), "a single row"),
    ),
    "a target of 0": (
        VALUE_METRICS,
        ValuePredictions(TWO - 1, TWO),
        {"mape": "a target is 0", "gamma_deviance": "a target is not above 0"},
    ),
    "a target below 0": (
        VALUE_METRICS,
        ValuePredictions(TWO - 3, TWO),
        {"poisson_deviance": "a target is below 0", "gamma_deviance": "a target is not above 0"},
    ),
    "a prediction of 0": (
        VALUE_METRICS,
        ValuePredictions(TWO, TWO - 1),
        dict.fromkeys(("poisson_deviance", "gamma_deviance"), "a prediction is not above 0"),
    ),
    "a deviation of 0": (
        {name: DISTRIBUTION_METRICS[name] for name in ("nll", "crps", "rmse", "calibration_error")},
        DistributionPredictions(TWO, TWO + 1, np.zeros(2)),
        dict.fromkeys(("nll", "crps"), "a predicted standard deviation is not above 0"),
    ),
    "no weight at all": (
        {"mae": VALUE_METRICS["mae"]},
        ValuePredictions(TWO, TWO, np.zeros(2)),
        {"mae": "not a finite number"},
    ),
}


@pytest.mark.parametrize(("metrics", "predictions", "reasons"), UNDEFINED.values(), ids=UNDEFINED)
def test_what_is_not_defined_has_a_reason(
    metrics: Mapping[str, Metric[Any]], predictions: Predictions, reasons: dict[str, str]
) -> None:
    found = evaluate(metrics, predictions)
    assert found.reasons == reasons
    assert {name for name, value in found.values.items() if value is None} == set(reasons)


@pytest.mark.parametrize("value", [0.1, 1e9 + 0.1, -7.0])
@pytest.mark.parametrize("weights", [None, np.array([0.3, 0.1, 2.7])])
def test_r2_of_equal_targets(value: float, weights: np.ndarray | None) -> None:
    target = np.full(3, value)
    met = evaluate(VALUE_METRICS, ValuePredictions(target, target, weights)).values
    missed = evaluate(VALUE_METRICS, ValuePredictions(target, target + np.array([0.0, 0.0, 1.0]), weights)).values
    assert (met["r2"], missed["r2"]) == (1.0, 0.0)


@pytest.mark.parametrize("name", ["roc_auc", "average_precision"])
def test_probabilities_that_are_rounded_to_1_are_ranked_by_those_of_the_other_class(name: str) -> None:
    given = np.array([[1e-12, 1.0], [1e-9, 1.0], [1e-10, 1.0], [0.5, 0.5]])
    of = ClassPredictions(np.array([1, 0, 1, 0]), given)
    assert evaluate({name: CLASS_METRICS[name]}, of).values == {name: 1.0}

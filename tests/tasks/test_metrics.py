"""The metrics, against scikit-learn's functions and by hand."""

import math
from collections.abc import Mapping

import numpy as np
import pytest
from sklearn import metrics as sk

from mlp_exp.tasks.metrics import (
    CLASS_DEFAULTS,
    CLASS_METRICS,
    VALUE_DEFAULTS,
    VALUE_METRICS,
    ClassPredictions,
    Metric,
    Scores,
    ValuePredictions,
    evaluate,
)

NAMES = ["accuracy", "balanced_accuracy", "f1", "roc_auc", "log_loss", "brier"]


def evaluate_classes(target: np.ndarray, chances: np.ndarray) -> dict[str, float | None]:
    return evaluate({n: CLASS_METRICS[n] for n in CLASS_DEFAULTS}, ClassPredictions(target, chances)).values


def evaluate_values(target: np.ndarray, predicted: np.ndarray) -> dict[str, float | None]:
    return evaluate({n: VALUE_METRICS[n] for n in VALUE_DEFAULTS}, ValuePredictions(target, predicted)).values


def drawn(n_classes: int, seed: int, rows: int = 80) -> tuple[np.ndarray, np.ndarray]:
    """Targets with every class, and probabilities that are better than chance."""
    generator = np.random.default_rng(seed)
    target = generator.permutation(np.arange(rows) % n_classes)
    logits = generator.normal(0, 1.5, (rows, n_classes)) + 1.2 * np.eye(n_classes)[target]
    chances = np.exp(logits)
    return target, chances / chances.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("seed", range(10))
def test_two_classes_as_scikit_learn(seed: int) -> None:
    target, chances = drawn(2, seed)
    predicted = (chances[:, 1] > 0.5).astype(int)
    assert evaluate_classes(target, chances) == pytest.approx(
        {
            "accuracy": sk.accuracy_score(target, predicted),
            "balanced_accuracy": sk.balanced_accuracy_score(target, predicted),
            "f1": sk.f1_score(target, predicted),
            "roc_auc": sk.roc_auc_score(target, chances[:, 1]),
            "log_loss": sk.log_loss(target, chances),
            "brier": np.mean((chances[:, 1] - target) ** 2),
        },
        rel=1e-12,
    )
    assert evaluate_classes(target, chances)["brier"] == pytest.approx(sk.brier_score_loss(target, chances[:, 1]))


@pytest.mark.parametrize("n_classes", [3, 5])
@pytest.mark.parametrize("seed", range(6))
def test_more_classes_as_scikit_learn(n_classes: int, seed: int) -> None:
    target, chances = drawn(n_classes, seed)
    predicted = chances.argmax(axis=1)
    each = [sk.roc_auc_score(target == code, chances[:, code]) for code in range(n_classes)]
    assert evaluate_classes(target, chances) == pytest.approx(
        {
            "accuracy": sk.accuracy_score(target, predicted),
            "balanced_accuracy": sk.balanced_accuracy_score(target, predicted),
            "f1": sk.f1_score(target, predicted, average="macro"),
            "roc_auc": np.mean(each),
            "log_loss": sk.log_loss(target, chances),
            "brier": np.mean(((chances - np.eye(n_classes)[target]) ** 2).sum(axis=1)),
        },
        rel=1e-12,
    )
    assert evaluate_classes(target, chances)["roc_auc"] == pytest.approx(
        sk.roc_auc_score(target, chances, multi_class="ovr")
    )


def test_two_classes_by_hand() -> None:
    target = np.array([0, 0, 0, 1])
    second = np.array([0.1, 0.2, 0.6, 0.4])
    scores = evaluate_classes(target, np.column_stack([1 - second, second]))
    assert list(scores) == NAMES
    assert scores == pytest.approx(
        {
            "accuracy": 2 / 4,
            "balanced_accuracy": (2 / 3 + 0) / 2,
            "f1": 0.0,
            "roc_auc": 2 / 3,  # 0.4 is above 0.1 and 0.2, and below 0.6
            "log_loss": -(math.log(0.9) + math.log(0.8) + math.log(0.4) + math.log(0.4)) / 4,
            "brier": (0.01 + 0.04 + 0.36 + 0.36) / 4,
        }
    )


def test_f1_of_two_classes_is_that_of_the_second() -> None:
    target = np.array([0, 0, 0, 1, 1])
    predicted = np.array([0, 0, 1, 1, 0])
    scores = evaluate_classes(target, np.eye(2)[predicted] * 0.8 + 0.1)
    assert scores["f1"] == pytest.approx(2 * 1 / (2 * 1 + 1 + 1))


def test_three_classes_by_hand() -> None:
    target = np.array([0, 1, 2, 2])
    chances = np.array([[0.8, 0.1, 0.1], [0.5, 0.3, 0.2], [0.1, 0.2, 0.7], [0.2, 0.2, 0.6]])
    assert evaluate_classes(target, chances) == pytest.approx(
        {
            "accuracy": 3 / 4,
            "balanced_accuracy": (1 + 0 + 1) / 3,
            "f1": (2 / 3 + 0 + 1) / 3,
            "roc_auc": 1.0,
            "log_loss": -(math.log(0.8) + math.log(0.3) + math.log(0.7) + math.log(0.6)) / 4,
            "brier": (0.06 + 0.78 + 0.14 + 0.24) / 4,
        }
    )


@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_certain_and_right(n_classes: int) -> None:
    target = np.arange(12) % n_classes
    scores = evaluate_classes(target, np.eye(n_classes)[target])
    assert scores == pytest.approx(
        {"accuracy": 1, "balanced_accuracy": 1, "f1": 1, "roc_auc": 1, "log_loss": 0, "brier": 0}, abs=1e-12
    )


@pytest.mark.parametrize("n_classes", [2, 3, 7])
def test_float32_probabilities_that_nearly_add_up_do_not_warn(n_classes: int) -> None:
    target, chances = drawn(n_classes, seed=3)
    rough = chances.astype(np.float32).astype(np.float64) * (1 + 3e-7)
    assert evaluate_classes(target, rough) == pytest.approx(evaluate_classes(target, chances), rel=1e-5)


# A part in which a class is missing: no warning (they are errors here), None for what needs every class.


@pytest.mark.parametrize("code", [0, 1])
def test_a_part_with_one_of_two_classes(code: int) -> None:
    target = np.full(4, code)
    second = np.array([0.1, 0.3, 0.8, 0.9])
    scores = evaluate_classes(target, np.column_stack([1 - second, second]))
    right = second if code else 1 - second
    assert scores.pop("roc_auc") is None
    assert scores == pytest.approx(
        {
            "accuracy": 0.5,
            "balanced_accuracy": 0.5,
            "f1": 2 * 2 / (2 * 2 + 0 + 2) if code else 0.0,
            "log_loss": -np.log(right).mean(),
            "brier": ((1 - right) ** 2).mean(),
        }
    )


def test_a_part_without_the_second_class_and_nothing_predicted_as_it() -> None:
    scores = evaluate_classes(np.zeros(3, dtype=int), np.tile([0.9, 0.1], (3, 1)))
    assert (scores["accuracy"], scores["f1"], scores["roc_auc"]) == (1.0, 0.0, None)


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_part_with_two_of_three_classes(missing: int) -> None:
    target, chances = drawn(3, seed=missing)
    target, chances = target[target != missing], chances[target != missing]
    predicted = chances.argmax(axis=1)
    assert (predicted == missing).any()
    recalls = [(predicted[target == code] == code).mean() for code in range(3) if code != missing]
    f1 = []
    for code in range(3):
        hits = ((predicted == code) & (target == code)).sum()
        f1.append(2 * hits / ((predicted == code).sum() + (target == code).sum()))
    scores = evaluate_classes(target, chances)
    assert scores.pop("roc_auc") is None
    assert scores == pytest.approx(
        {
            "accuracy": (predicted == target).mean(),
            "balanced_accuracy": np.mean(recalls),
            "f1": np.mean(f1),
            "log_loss": -np.log(chances[np.arange(len(target)), target]).mean(),
            "brier": ((chances - np.eye(3)[target]) ** 2).sum(axis=1).mean(),
        }
    )


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_part_of_one_row(n_classes: int) -> None:
    chances = np.full((1, n_classes), 0.2 / (n_classes - 1))
    chances[0, 1] = 0.8
    scores = evaluate_classes(np.array([1]), chances)
    assert (scores["accuracy"], scores["balanced_accuracy"], scores["roc_auc"]) == (1.0, 1.0, None)
    assert scores["log_loss"] == pytest.approx(-math.log(0.8))


@pytest.mark.parametrize("seed", range(6))
def test_metrics_are_plain_floats(seed: int) -> None:
    assert {type(v) for v in evaluate_classes(*drawn(2 + seed % 3, seed)).values()} == {float}
    assert {type(v) for v in evaluate_values(np.arange(3.0), np.ones(3)).values()} == {float}


@pytest.mark.parametrize("seed", range(6))
def test_values_as_scikit_learn(seed: int) -> None:
    generator = np.random.default_rng(seed)
    target = generator.normal(100, 30, 50)
    predicted = target + generator.normal(0, 10, 50)
    assert evaluate_values(target, predicted) == pytest.approx(
        {
            "rmse": math.sqrt(sk.mean_squared_error(target, predicted)),
            "mae": sk.mean_absolute_error(target, predicted),
            "r2": sk.r2_score(target, predicted),
        },
        rel=1e-12,
    )


@pytest.mark.parametrize(
    ("target", "predicted", "expected"),
    [
        ([1, 2, 3, 4], [1, 2, 3, 8], {"rmse": 2.0, "mae": 1.0, "r2": 1 - 16 / 5}),
        ([0, 10], [5, 5], {"rmse": 5.0, "mae": 5.0, "r2": 0.0}),
        ([3, 4], [3, 4], {"rmse": 0.0, "mae": 0.0, "r2": 1.0}),
        ([2], [5], {"rmse": 3.0, "mae": 3.0, "r2": None}),
    ],
)
def test_values_by_hand(target: list[float], predicted: list[float], expected: dict[str, float | None]) -> None:
    assert evaluate_values(np.array(target, float), np.array(predicted, float)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("value", "kept"),
    [(1.5, 1.5), (0.0, 0.0), (None, None), (math.nan, None), (math.inf, None), (-math.inf, None), (1e308, 1e308)],
)
def test_a_metric_that_is_not_finite_is_none(value: float | None, kept: float | None) -> None:
    predictions = ValuePredictions(np.zeros(1), np.zeros(1))
    metrics: dict[str, Metric[ValuePredictions]] = {
        "first": Metric(True, lambda of: value),
        "second": Metric(False, lambda of: 2.0),
    }
    found = evaluate(metrics, predictions)
    assert found.values == {"first": kept, "second": 2.0}
    assert list(found.values) == ["first", "second"]
    assert found.reasons == ({"first": "not a finite number"} if kept is None else {})
    assert evaluate({}, predictions) == Scores({}, {})


def assert_close(found: Mapping[str, float | None], expected: Mapping[str, float | None]) -> None:
    for name, value in expected.items():
        assert found[name] == (None if value is None else pytest.approx(value, rel=1e-12, abs=1e-14)), name
    assert list(found) == list(expected)


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.filterwarnings("ignore:.*:UserWarning:sklearn")
def test_metrics_are_those_of_scikit_learn(seed: int) -> None:
    """Of parts of any size, with classes that do not occur, equal scores and probabilities that are rounded."""
    rng = np.random.default_rng(seed)
    rows, classes = int(rng.integers(1, 200)), int(rng.integers(2, 6))
    target = rng.integers(0, classes, rows)
    given = rng.dirichlet(np.full(classes, rng.choice([0.05, 1.0, 10.0])), rows).round(int(rng.choice([1, 12])))
    given[given.sum(1) == 0] = 1 / classes
    chances = given / given.sum(1, keepdims=True)
    labels = np.arange(classes)
    binary = classes == 2
    scores = chances[:, 1] if binary else chances
    _, recall, f1, _ = sk.precision_recall_fscore_support(target, chances.argmax(1), labels=labels, zero_division=0)
    whole = len(np.unique(target)) == classes
    options = {} if binary else {"multi_class": "ovr", "labels": labels}
    expected = {
        "accuracy": sk.accuracy_score(target, chances.argmax(1)),
        "balanced_accuracy": recall[np.unique(target)].mean(),
        "f1": f1[1] if binary else f1.mean(),
        "roc_auc": sk.roc_auc_score(target, scores, **options) if whole else None,
        "log_loss": sk.log_loss(target, chances, labels=labels),
        "brier": sk.brier_score_loss(target, scores, labels=labels),
    }
    assert_close(evaluate_classes(target, given), expected)

    truth = rng.normal(size=rows) * 10.0 ** rng.integers(-3, 4) if seed % 5 else np.full(rows, 3.0)
    guess = truth + rng.normal(size=rows) * rng.choice([0.0, 0.1, 1.0])
    expected = {
        "rmse": sk.root_mean_squared_error(truth, guess),
        "mae": sk.mean_absolute_error(truth, guess),
        "r2": sk.r2_score(truth, guess) if rows > 1 else None,
    }
    assert_close(evaluate_values(truth, guess), expected)


def test_a_wild_value_gives_no_warning() -> None:
    found = evaluate_values(np.array([0.0, 1.0]), np.array([1e200, 1.0]))
    assert found == {"rmse": None, "mae": 5e199, "r2": None}

"""Metrics that a configuration names: ours, scikit-learn's scorers, one's own functions."""

import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import get_scorer_names, log_loss, roc_auc_score
from support.predicted import classes, values, weighted

from mlp_exp.errors import ConfigError
from mlp_exp.tasks.metrics import (
    CLASS_DEFAULTS,
    CLASS_METRICS,
    VALUE_DEFAULTS,
    VALUE_METRICS,
    ClassPredictions,
    DistributionPredictions,
    Metric,
    Predictions,
    QuantilePredictions,
    ValuePredictions,
    compute,
    evaluate,
    find_metric,
    intervals,
)
from mlp_exp.tasks.metrics.chosen import Metrics

OWN = """
import numpy as np

def profit(target, prediction):
    return np.sum((target == 1) & (prediction == 1)) * 10.0 - np.sum((target == 0) & (prediction == 1))

def chance(y_true, y_prob, *, sample_weight=None, power=1):
    return np.average(np.abs(y_true - y_prob) ** power, weights=sample_weight)

def shape(target, probabilities):
    return float(probabilities.ndim * 100 + probabilities.shape[-1])

def weight(target, prediction, weights):
    return -1.0 if weights is None else weights.sum()

def raises(target, prediction):
    raise RuntimeError("no such luck\\nmore lines")

def a_list(target, prediction):
    return [1.0]

def text(target, prediction):
    return "0.5"

def nothing(target, prediction):
    return float("nan")

def spoils(target, prediction):
    target[:] = 0
    return 1.0

def alone(target):
    return 1.0

def costs(target, prediction, price):
    return price * np.mean(target != prediction)

NUMBER = 3
"""


@pytest.fixture(autouse=True)
def own_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_metrics_of_test.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_metrics_of_test", raising=False)


def node(name: str, /, **settings: Any) -> dict[str, Any]:
    return {"_target_": f"own_metrics_of_test.{name}", "larger_is_better": True, **settings}


def chosen(extra: list[Any], of: Predictions, **settings: Any) -> dict[str, Metric[Any]]:
    table, defaults = (
        (CLASS_METRICS, CLASS_DEFAULTS) if isinstance(of, ClassPredictions) else (VALUE_METRICS, VALUE_DEFAULTS)
    )
    watched = settings.pop("watched", ())
    metrics: dict[str, Metric[Any]] = Metrics(extra, **settings).chosen(table, defaults, of, watched)
    return metrics


def value_of(own: dict[str, Any], of: Predictions) -> tuple[float | None, str | None]:
    name = own.get("name", own["_target_"].rpartition(".")[2])
    scores = evaluate({name: chosen([own], of)[name]}, of)
    return scores.values[name], scores.reasons.get(name)


TWO = classes(2)(np.random.default_rng(0), (40,))
THREE = classes(3)(np.random.default_rng(0), (40,))
VALUES = values(np.random.default_rng(0), (40,))


# ---- which there are


def test_the_defaults_come_first_and_each_name_once() -> None:
    assert tuple(chosen([], TWO)) == CLASS_DEFAULTS
    names = chosen(
        ["f1_macro", "accuracy", node("profit"), "jaccard"], TWO, history=["recall", "profit"], watched=["f1"]
    )
    assert tuple(names) == (*CLASS_DEFAULTS, "profit", "f1_macro", "jaccard", "recall")
    assert tuple(chosen([], VALUES, watched=["mape"])) == (*VALUE_DEFAULTS, "mape")


def test_ours_go_before_scikit_learns() -> None:
    assert find_metric("f1", CLASS_METRICS) is CLASS_METRICS["f1"]
    assert find_metric("r2", VALUE_METRICS) is VALUE_METRICS["r2"]
    assert find_metric("no_such", VALUE_METRICS) is None


# ---- scikit-learn's


@pytest.mark.parametrize("name", ["jaccard", "d2_log_loss_score", "neg_log_loss", "neg_brier_score", "top_k_accuracy"])
def test_scorers_of_two_classes(name: str) -> None:
    metric = find_metric(name, {})
    assert metric is not None
    assert metric.larger_is_better
    assert math.isfinite(metric.compute(TWO))
    assert metric.undefined(TWO) is None


def test_scorers_have_scikit_learns_values() -> None:
    weights = np.random.default_rng(1).uniform(0.1, 2, 40)
    of = weighted(TWO, weights)
    found = evaluate({name: find_metric(name, {}) for name in ("roc_auc", "neg_log_loss")}, of).values  # type: ignore[misc]
    assert found == pytest.approx(
        {
            "roc_auc": roc_auc_score(of.target, of.probabilities[:, 1], sample_weight=weights),
            "neg_log_loss": -log_loss(of.target, of.probabilities, sample_weight=weights),
        }
    )
    several = evaluate({"f1_macro": find_metric("f1_macro", {})}, THREE).values  # type: ignore[dict-item]
    assert several["f1_macro"] == pytest.approx(float(CLASS_METRICS["f1_macro"].compute(THREE)))
    of_values = evaluate({"neg_mean_absolute_error": find_metric("neg_mean_absolute_error", {})}, VALUES).values  # type: ignore[dict-item]
    assert of_values["neg_mean_absolute_error"] == pytest.approx(-float(VALUE_METRICS["mae"].compute(VALUES)))


@pytest.mark.parametrize("of", [TWO, THREE, VALUES], ids=["two", "three", "values"])
def test_a_scorer_gives_a_number_or_a_reason(of: Predictions) -> None:
    metrics = {name: find_metric(name, {}) for name in get_scorer_names()}
    scores = evaluate(metrics, of)  # type: ignore[arg-type]
    fit = [name for name, value in scores.values.items() if value is not None]
    assert len(fit) > 15
    assert set(scores.reasons) == set(metrics) - set(fit)
    assert "\n" not in "".join(scores.reasons.values())


def test_scorers_of_a_stack_and_of_resamples() -> None:
    stack = classes(2)(np.random.default_rng(3), (3, 30))
    metrics: Mapping[str, Metric[Any]] = {name: find_metric(name, {}) for name in ("jaccard", "roc_auc")}  # type: ignore[misc]
    together = compute(metrics, stack)
    for index in range(3):
        alone = evaluate(metrics, ClassPredictions(stack.target[index], stack.given[index])).values
        assert {name: found[index] for name, found in together.items()} == alone
    ours, theirs = intervals({"x": CLASS_METRICS["roc_auc"]}, TWO, 150), intervals({"x": metrics["roc_auc"]}, TWO, 150)
    assert theirs["x"] == pytest.approx(ours["x"])


def test_the_value_of_uncertain_predictions_is_scored() -> None:
    metric = find_metric("neg_max_error", {})
    assert metric is not None
    of = QuantilePredictions(np.array([1.0, 2.0]), np.array([[0.0, 1.0, 5.0], [0.0, 4.0, 5.0]]), (0.1, 0.4, 0.9))
    assert metric.compute(of) == pytest.approx(-2.2)  # the median is a fifth of the way from 0.4 to 0.9
    assert metric.compute(DistributionPredictions(np.array([1.0, 2.0]), np.array([1.5, 2.0]), np.ones(2))) == -0.5


# ---- one's own


def test_an_own_function_gets_codes_or_values() -> None:
    predicted = TWO.probabilities.argmax(axis=1)
    hits, misses = ((TWO.target == code) & (predicted == 1) for code in (1, 0))
    assert value_of(node("profit"), TWO) == (hits.sum() * 10.0 - misses.sum(), None)
    assert value_of(node("costs", price=2), VALUES) == (2.0, None)


def test_a_parameter_for_probabilities_gets_them() -> None:
    expected = np.mean(np.abs(TWO.target - TWO.probabilities[:, 1]))
    assert value_of(node("chance"), TWO)[0] == pytest.approx(expected)
    assert value_of(node("shape"), TWO) == (140.0, None)
    assert value_of(node("shape"), THREE) == (203.0, None)


def test_settings_and_weights_are_passed() -> None:
    weights = np.random.default_rng(1).uniform(0.1, 2, 40)
    of = weighted(TWO, weights)
    expected = np.average((of.target - of.probabilities[:, 1]) ** 2, weights=weights)
    assert value_of(node("chance", power=2, name="squared"), of)[0] == pytest.approx(expected)
    assert value_of(node("weight"), TWO) == (-1.0, None)
    assert value_of(node("weight"), of)[0] == pytest.approx(weights.sum())


def test_functions_of_scikit_learn_are_own_functions_too() -> None:
    own = {"_target_": "sklearn.metrics.fbeta_score", "larger_is_better": True, "beta": 1}
    assert value_of(own, TWO)[0] == pytest.approx(float(CLASS_METRICS["f1"].compute(TWO)))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("raises", "RuntimeError: no such luck"),
        ("a_list", "expected one number to be returned, got a list"),
        ("text", "expected one number to be returned, got a str"),
        ("nothing", "not a finite number"),
        ("spoils", "ValueError: assignment destination is read-only"),
    ],
)
def test_an_own_function_that_fails_is_not_defined(name: str, reason: str) -> None:
    before = TWO.target.copy()
    assert value_of(node(name), TWO) == (None, reason)
    assert np.array_equal(TWO.target, before)


def test_own_functions_of_a_stack_and_of_resamples() -> None:
    stack = values(np.random.default_rng(3), (3, 30))
    metrics = {"costs": chosen([node("costs", price=1)], VALUES)["costs"]}
    assert compute(metrics, stack)["costs"].tolist() == [1.0] * 3
    assert intervals(metrics, VALUES, 20) == {"costs": (1.0, 1.0)}
    assert not chosen([node("costs", price=1) | {"larger_is_better": False}], VALUES)["costs"].larger_is_better


# ---- messages


@pytest.mark.parametrize(
    ("extra", "line"),
    [
        ([node("profitt")], "0._target_: cannot import 'own_metrics_of_test.profitt': module 'own_metrics_of_test' has "
         "no attribute 'profitt'. Did you mean 'profit'?"),
        ([node("NUMBER")], "0._target_: 'own_metrics_of_test.NUMBER' is a int; expected a class or a function"),
        (["f1", {"_target_": "own_metrics_of_test.profit"}], "1.larger_is_better: expected true or false, as in "
         "{_target_: my_package.profit, larger_is_better: true}"),
        ([node("profit") | {"larger_is_better": "yes"}], "0.larger_is_better: expected true or false, as in "
         "{_target_: my_package.profit, larger_is_better: true}"),
        ([{"larger_is_better": True}], "0._target_: expected the import path of a function, as in "
         "{_target_: my_package.profit, larger_is_better: true}"),
        ([node("alone")], "0._target_: expected a function of (target, prediction), got alone(target)"),
        ([node("costs")], "0.price: costs needs 'price'. Add it to the node"),
        ([node("costs", price=1, prize=2)], "0.prize: costs takes no 'prize'. Did you mean 'price'?"),
        ([node("profit", name="my profit")], "0.name: expected letters, digits and _, got 'my profit'"),
        ([node("profit"), node("profit")], "1: there are two metrics named 'profit'; give one another name, as "
         "name: my_profit"),
    ],
)  # fmt: skip
def test_a_node_that_does_not_fit(extra: list[Any], line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Metrics(extra)
    assert str(caught.value).splitlines()[1:] == [f"  metrics.extra.{line}"]


@pytest.mark.parametrize(
    ("settings", "of", "line"),
    [
        ({"extra": ["f1_makro"]}, TWO, "metrics.extra: there is no metric 'f1_makro' for this task. Did you mean "
         "'f1_macro'?"),
        ({"history": ["acuracy"]}, TWO, "metrics.history: there is no metric 'acuracy' for this task. Did you mean "
         "'accuracy'?"),
        ({"watched": ["recal"]}, TWO, "early_stopping.monitor: there is no metric 'recal' for this task. Did you mean "
         "'recall'?"),
        ({"extra": ["rmse"]}, TWO, f"metrics.extra: there is no metric 'rmse' for this task. Known: "
         f"{', '.join(sorted(CLASS_METRICS))}."),
        ({"extra": ["jaccard"]}, THREE, "metrics.extra: scikit-learn's scorer 'jaccard' does not fit this task "
         "(ValueError: Target is multiclass but average='binary'. Please choose another average setting, one of "
         "[None, 'micro', 'macro', 'weighted']). Did you mean 'jaccard_micro'?"),
        ({"extra": [node("profit", name="f1")]}, TWO, "metrics.extra.0: 'f1' is a metric of mlp_exp; give this one "
         "another name, as name: my_f1"),
        ({"extra": [node("chance")]}, VALUES, "metrics.extra.0: own_metrics_of_test.chance takes probabilities, and "
         "this task predicts values"),
    ],
)  # fmt: skip
def test_a_name_that_is_none_for_the_task(settings: dict[str, Any], of: Predictions, line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        chosen(settings.pop("extra", []), of, **settings)
    assert str(caught.value).splitlines()[1:] == [f"  {line}"]


def test_several_mistakes_are_reported_together() -> None:
    with pytest.raises(ConfigError) as caught:
        chosen(["f1_makro", "acuracy"], TWO)
    assert len(str(caught.value).splitlines()) == 3


@pytest.mark.parametrize(
    "example",
    [ClassPredictions.example(2), ClassPredictions.example(5), ValuePredictions.example(),
     QuantilePredictions.example((0.1, 0.9)), DistributionPredictions.example()],
)  # fmt: skip
def test_examples_are_predictions_on_which_metrics_are_defined(example: Predictions) -> None:
    table: Mapping[str, Metric[Any]] = CLASS_METRICS if isinstance(example, ClassPredictions) else VALUE_METRICS
    assert evaluate(table, example).reasons == {}

"""Baselines: what each answers, beside scikit-learn itself; and what is left of them in folders and tables."""

import logging
import math
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mlp_exp.data.dataset import Category, Dataset, TargetColumn
from mlp_exp.data.preprocessing import Preprocess
from mlp_exp.data.splits.base import Parts
from mlp_exp.experiment.baselines import standard
from mlp_exp.experiment.baselines.inputs import FREQUENT, BaselineInputs
from mlp_exp.experiment.baselines.standard import Baselines, NoBaselines
from mlp_exp.storage.baselines_file import Baseline
from mlp_exp.tasks.metrics import Metric, evaluate
from mlp_exp.tasks.regression import DistributionRegression, PositiveRegression, QuantileRegression
from mlp_exp.tasks.task import Task
from mlp_exp.tasks.tasks import task_of

ROWS = 150
PARTS = Parts(np.arange(90), np.arange(90, 120), np.arange(120, ROWS))
VALUE, OTHER = TargetColumn("t"), TargetColumn("u")
TWO, THREE = TargetColumn("t", ("no", "yes")), TargetColumn("t", ("a", "b", "c"))
LEVELS = (0.1, 0.5, 0.9)
draw = np.random.default_rng(0)
X = draw.normal(size=(ROWS, 2))
SCORE = X[:, 0] - 0.5 * X[:, 1] + 0.5 * draw.normal(size=ROWS)
COUNTS = draw.poisson(np.exp(SCORE / 2)).astype(float)
CODES = np.digitize(SCORE, [-0.5, 0.7]).astype(np.int64)
WEIGHTS = draw.uniform(0, 2, ROWS)


def of(task: Task, target: NDArray[Any], weights: NDArray[np.float64] | None = WEIGHTS) -> Dataset:
    return Dataset(X, target, ("x1", "x2"), task.targets, task.name == "ordinal", weights)


def computed(task: Task, target: NDArray[Any], **fields: Any) -> dict[str, Baseline]:
    return dict(Baselines().compute(replace(of(task, target), **fields), PARTS, (), task))


def metrics(task: Task, target: NDArray[Any], answers: NDArray[np.float64]) -> dict[str, float | None]:
    """Of answers for the test part."""
    rows = PARTS.test
    return evaluate(task.metrics, task.predictions(target[rows], answers, WEIGHTS[rows])).values


def alike(found: Mapping[str, float | None], expected: Mapping[str, float | None]) -> bool:
    """The same metrics, to rounding errors, and none where there is none."""
    both = {name: (found[name], value) for name, value in expected.items()}
    return found.keys() == expected.keys() and all(
        a is b if a is None or b is None else a == pytest.approx(b, rel=1e-6) for a, b in both.values()
    )


def inputs(rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Standardised."""
    made = Preprocess().fit(of(task_of("regression", (VALUE,)), SCORE), PARTS.train)
    return made.inputs(X[rows]).astype(np.float64)


def fitted(model: Any, target: NDArray[Any], matrix: Any = inputs) -> Any:
    return model.fit(matrix(PARTS.train), target[PARTS.train], sample_weight=WEIGHTS[PARTS.train])


def predicted(model: Any, target: NDArray[Any], matrix: Any = inputs) -> NDArray[np.float64]:
    found: NDArray[np.float64] = fitted(model, target, matrix).predict(matrix(PARTS.test))
    return found[:, None]


def boosted(**options: Any) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingRegressor if "loss" in options else HistGradientBoostingClassifier
    return kind(random_state=0, early_stopping=False, **options)


def raw(rows: NDArray[np.int64]) -> NDArray[np.float64]:
    return X[rows]


@pytest.mark.parametrize(
    ("task", "target"),
    [
        (task_of("binary", (TWO,)), (SCORE > 0.3).astype(np.int64)),
        (task_of("multiclass", (THREE,)), CODES),
        (task_of("ordinal", (THREE,)), CODES),
    ],
    ids=lambda value: value.name if isinstance(value, Task) else "",
)
def test_classes(task: Task, target: NDArray[Any]) -> None:
    from sklearn.linear_model import LogisticRegression

    found = computed(task, target)
    assert list(found) == ["majority class", "linear model", "gradient boosting"]
    train, test = PARTS.train, PARTS.test
    shares = np.bincount(target[train], WEIGHTS[train]) / WEIGHTS[train].sum()
    linear = fitted(LogisticRegression(max_iter=200), target).predict_proba(inputs(test))
    boosting = fitted(boosted(), target, raw).predict_proba(raw(test))
    for one, answers in zip(found.values(), (np.tile(shares, (len(test), 1)), linear, boosting), strict=True):
        assert alike(one.metrics["test"], metrics(task, target, answers))
        assert (list(one.metrics), one.rows, one.seconds > 0) == (["val", "test"], 90, True)


@pytest.mark.parametrize(
    ("task", "target", "loss"),
    [
        (task_of("regression", (VALUE,)), SCORE, "squared_error"),
        (PositiveRegression((VALUE,), "poisson_deviance"), COUNTS, "poisson"),
        (PositiveRegression((VALUE,), "gamma_deviance"), COUNTS + 0.5, "gamma"),
    ],
    ids=["squared_error", "poisson", "gamma"],
)
def test_values(task: Task, target: NDArray[Any], loss: str) -> None:
    from sklearn.linear_model import GammaRegressor, PoissonRegressor, Ridge

    found = computed(task, target)
    linear = {
        "squared_error": Ridge(),
        "poisson": PoissonRegressor(alpha=1 / 90, max_iter=200),
        "gamma": GammaRegressor(alpha=1 / 90, max_iter=200),
    }[loss]
    mean = np.average(target[PARTS.train], weights=WEIGHTS[PARTS.train])
    expected = {
        "mean": np.full((30, 1), mean),
        "linear model": predicted(linear, target),
        "gradient boosting": predicted(boosted(loss=loss), target, raw),
    }
    assert list(found) == list(expected)
    for name, answers in expected.items():
        assert alike(found[name].metrics["test"], metrics(task, target, answers)), name


def test_several_values_and_labels_are_learned_one_by_one() -> None:
    from sklearn.linear_model import LogisticRegression, Ridge

    several = task_of("regression", (VALUE, OTHER))
    target = np.stack([SCORE, -3 * COUNTS], axis=1)
    found = computed(several, target)
    linear = np.concatenate([predicted(Ridge(), column) for column in target.T], axis=1)
    assert alike(found["linear model"].metrics["test"], metrics(several, target, linear))
    assert list(found) == ["mean", "linear model", "gradient boosting"]

    labels = task_of("multilabel", (TWO, TargetColumn("u", ("no", "yes"))))
    target = np.stack([SCORE > 0, np.ones(ROWS)], axis=1).astype(np.int64)  # of the second one class alone
    found = computed(labels, target)
    first = fitted(LogisticRegression(max_iter=200), target[:, 0]).predict_proba(inputs(PARTS.test))[:, 1]
    answers = np.stack([first, np.ones(30)], axis=1)
    assert alike(found["linear model"].metrics["test"], metrics(labels, target, answers))
    assert list(found) == ["majority class", "linear model", "gradient boosting"]


def test_quantiles() -> None:
    from sklearn.linear_model import Ridge

    task, train = QuantileRegression((VALUE,), LEVELS), PARTS.train
    found = computed(task, SCORE)
    options: dict[str, Any] = {"weights": WEIGHTS[train], "method": "inverted_cdf"}
    constant = np.quantile(SCORE[train], LEVELS, **options)
    ridge = fitted(Ridge(), SCORE)
    shifts = np.quantile(SCORE[train] - ridge.predict(inputs(train)), LEVELS, **options)
    boosting = [predicted(boosted(loss="quantile", quantile=level), SCORE, raw) for level in LEVELS]
    expected = {
        "training quantiles": np.tile(constant, (30, 1)),
        "linear model": ridge.predict(inputs(PARTS.test))[:, None] + shifts,
        "gradient boosting": np.sort(np.concatenate(boosting, axis=1), axis=1),
    }
    assert list(found) == list(expected)
    for name, answers in expected.items():
        assert alike(found[name].metrics["test"], metrics(task, SCORE, answers)), name


def test_distributions() -> None:
    from sklearn.linear_model import Ridge

    task, train, test = DistributionRegression((VALUE,)), PARTS.train, PARTS.test
    found = computed(task, SCORE)
    assert list(found) == ["mean and deviation", "linear model", "gradient boosting"]

    def with_spread(mean: Any, residuals: Any) -> NDArray[np.float64]:
        spread = math.sqrt(np.average(residuals**2, weights=WEIGHTS[train]))
        return np.stack([np.broadcast_to(mean, 30), np.full(30, spread)], axis=1)

    mean, ridge = np.average(SCORE[train], weights=WEIGHTS[train]), fitted(Ridge(), SCORE)
    constant = with_spread(mean, SCORE[train] - mean)
    linear = with_spread(ridge.predict(inputs(test)), SCORE[train] - ridge.predict(inputs(train)))
    for name, answers in {"mean and deviation": constant, "linear model": linear}.items():
        assert alike(found[name].metrics["test"], metrics(task, SCORE, answers)), name
    boosting = found["gradient boosting"].metrics["test"]
    rmse = metrics(task_of("regression", (VALUE,)), SCORE, predicted(boosted(loss="squared_error"), SCORE, raw))["rmse"]
    assert boosting["rmse"] == pytest.approx(rmse)
    assert 0.8 < boosting["coverage"] <= 1  # type: ignore[operator]


def test_without_a_validation_part_the_training_part_is_measured() -> None:
    task = task_of("regression", (VALUE,))
    parts = Parts(np.arange(100), np.arange(0), np.arange(100, ROWS))
    found = Baselines().compute(of(task, SCORE, None), parts, (), task)
    assert [list(one.metrics) for one in found.values()] == [["train", "test"]] * 3
    assert found["mean"].metrics["train"]["r2"] == pytest.approx(0, abs=1e-9)
    assert NoBaselines().compute(of(task, SCORE), parts, (), task) == {}


# ---- inputs


def test_inputs() -> None:
    texts = tuple(f"v{number:02}" for number in range(FREQUENT + 6))
    codes = np.arange(ROWS).astype(np.int32) % (FREQUENT + 6)
    codes[:3] = -1
    features = X.copy()
    features[4, 0] = np.nan
    task = task_of("regression", (VALUE,))
    data = replace(of(task, SCORE, None), features=features, categories=(Category("c", codes, texts),))
    encoded = draw.normal(size=(ROWS, 3)).astype(np.float32)
    rows = np.arange(80)
    made = BaselineInputs(data, [encoded], rows)
    linear, boosting = made.for_linear(rows), made.for_boosting(rows)
    assert linear.shape == (80, made.width) == (80, 2 + 1 + FREQUENT + 1 + 3)  # numbers, a gap, categories, texts
    assert np.isfinite(linear).all()
    assert linear[:, :2].mean(axis=0) == pytest.approx([0, 0], abs=1e-6)
    assert linear[4, 0] == linear[:, 0][np.isfinite(linear[:, 0])][4]
    assert made.is_category == [False, False, True, False, False, False]
    np.testing.assert_array_equal(boosting[:, :2], features[rows])
    np.testing.assert_array_equal(boosting[:, 3:], encoded[rows])
    kept = boosting[:, 2]
    assert np.isnan(kept[:3]).all()
    assert np.nanmax(kept) == FREQUENT - 1
    assert np.isnan(kept).sum() > 3  # the rare ones
    same = codes[rows] == codes[5]
    assert len(set(kept[same].tolist())) == 1


def test_of_large_data_some_rows_are_fitted_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standard, "FEWEST_ROWS", 10)
    monkeypatch.setattr(standard, "MOST_VALUES", 2 * 40)
    monkeypatch.setattr(standard, "BLOCK_VALUES", 14)  # predictions in blocks of 7 rows
    task = task_of("regression", (VALUE,))
    found = computed(task, SCORE)
    assert [one.rows for one in found.values()] == [90, 40, 40]
    monkeypatch.setattr(standard, "MOST_ROWS", 20)
    assert [one.rows for one in computed(task, SCORE).values()] == [90, 20, 20]


# ---- what goes wrong


def test_a_baseline_that_fails_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    task = PositiveRegression((VALUE,), "gamma_deviance")
    with caplog.at_level(logging.WARNING):
        found = computed(task, COUNTS)  # no gamma distribution has a 0
    assert list(found) == ["mean"]
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "the baseline 'linear model' is left out",
        "the baseline 'gradient boosting' is left out",
    ]


def test_ones_own_metric_that_fails_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def fails(of: Any) -> float:
        raise ValueError("no")

    task = task_of("regression", (VALUE,)).measured_by({"own": Metric(True, fails)})
    assert computed(task, SCORE) == {}
    assert "the baseline 'mean' is left out: no" in caplog.text


def test_no_warning_of_scikit_learn_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn import linear_model

    monkeypatch.setattr(linear_model.LogisticRegression, "max_iter", 1, raising=False)
    given = linear_model.LogisticRegression
    monkeypatch.setattr(linear_model, "LogisticRegression", lambda max_iter: given(max_iter=1))
    task = task_of("multiclass", (THREE,))
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        assert len(computed(task, CODES)) == 3
    assert seen == []

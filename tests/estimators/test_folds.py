"""Cross-validation, whose folds train together."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, KFold
from sklearn.model_selection import cross_validate as one_by_one

from mlp_exp.api import command as api
from mlp_exp.estimators import folds
from mlp_exp.estimators.classifier import TableClassifier
from mlp_exp.estimators.folds import cross_validate
from mlp_exp.estimators.regressor import TableRegressor

FAST: dict[str, Any] = {"hidden_sizes": [8], "epochs": 3, "random_state": 0}


def _equal(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    assert set(ours) == set(theirs)
    for name, values in theirs.items():
        if "time" not in name and name != "estimator":
            np.testing.assert_array_equal(ours[name], values, err_msg=name)


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What trains, a line for each command."""
    found: list[str] = []

    def noted(arguments: Any, **options: Any) -> Any:
        found.append(" ".join(arguments))
        return api.command(arguments, **options)

    monkeypatch.setattr(folds, "command", noted)
    return found


def test_scores_are_those_of_one_fold_after_the_other(commands: list[str]) -> None:
    features, labels = load_breast_cancer(return_X_y=True)
    model = TableClassifier(**FAST)
    options: dict[str, Any] = {"cv": 5, "scoring": ["accuracy", "neg_log_loss"], "return_train_score": True}
    ours = cross_validate(model, features, labels, return_estimator=True, **options)
    _equal(ours, one_by_one(model, features, labels, return_estimator=True, **options))
    assert len(commands) == 1
    assert commands[0].startswith("-m ")
    assert [type(each) for each in ours["estimator"]] == [TableClassifier] * 5
    assert not hasattr(model, "run_")


def test_each_fold_draws_a_seed_of_its_own(commands: list[str]) -> None:
    features, labels = load_breast_cancer(return_X_y=True)
    model = TableClassifier(**FAST | {"random_state": None})
    np.random.seed(7)
    ours = cross_validate(model, features, labels, cv=3, return_estimator=True)
    np.random.seed(7)
    _equal(ours, one_by_one(model, features, labels, cv=3, return_estimator=True))
    drawn = np.random.RandomState(7).randint(2**31 - 1, size=3).tolist()
    assert [each.trained_run.config["seed"] for each in ours["estimator"]] == drawn
    assert len(commands) == 1


def test_values_with_weights_and_groups(commands: list[str]) -> None:
    features, values = load_diabetes(return_X_y=True, as_frame=True)
    groups, weights = np.arange(len(values)) % 7, 1.0 + np.arange(len(values)) % 3
    model = TableRegressor(**FAST)
    ours = cross_validate(model, features, values, cv=GroupKFold(3), groups=groups, sample_weight=weights)
    params = {"sample_weight": weights}
    _equal(ours, one_by_one(model, features, values, cv=GroupKFold(3), groups=groups, params=params))
    assert len(commands) == 1


def test_a_fold_that_lacks_classes_trains_alike() -> None:
    features = np.random.default_rng(0).normal(size=(60, 3))
    labels: NDArray[Any] = np.array(["a"] * 30 + ["b"] * 15 + ["c"] * 15)
    model = TableClassifier(**FAST)
    _equal(cross_validate(model, features, labels, cv=KFold(4)), one_by_one(model, features, labels, cv=KFold(4)))


def test_what_is_refused() -> None:
    features, labels = np.zeros((20, 1)), np.arange(20) % 2
    with pytest.raises(ValueError, match="model: expected a TableClassifier or TableRegressor, got a LogisticRegress"):
        cross_validate(LogisticRegression(), features, labels)
    with pytest.raises(ValueError, match=r"X: expected a data frame or an array \[N, F\], got a generator"):
        cross_validate(TableClassifier(), (row for row in features), labels)

"""TableClassifier and TableRegressor: what they are given, what they keep, what they refuse."""

import pickle
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from joblib import parallel_config
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from support.interrupted import Interrupted

from mlp_exp.errors import ConfigError, DataError, MlpExpError, RunFolderError
from mlp_exp.estimators.classifier import TableClassifier
from mlp_exp.estimators.regressor import TableRegressor
from mlp_exp.inference.ensemble import Ensemble
from mlp_exp.inference.loading import load
from mlp_exp.inference.trained_run import TrainedRun
from mlp_exp.storage.run_folder import RunFolder

classifier = partial(TableClassifier, hidden_sizes=[8], epochs=3, random_state=0)
regressor = partial(TableRegressor, hidden_sizes=[8], epochs=3, random_state=0)
ROWS = 120


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    generator = np.random.default_rng(0)
    age = generator.integers(20, 80, ROWS).astype(float)
    age[::10] = np.nan
    return pd.DataFrame(
        {
            "age": age,
            "town": pd.Categorical(generator.choice(["a", "b", "c"], ROWS)),
            "code": generator.choice(["01", "02"], ROWS),
            "member": pd.array(np.array([True, False, None])[generator.integers(0, 3, ROWS)], dtype="boolean"),
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(generator.integers(0, 900, ROWS), "D"),
            "floor": generator.integers(0, 4, ROWS),
        }
    )


@pytest.fixture(scope="module")
def rich(people: pd.DataFrame) -> NDArray[Any]:
    return np.where((people["town"] == "a") ^ (people["code"] == "01"), "yes", "no")


@pytest.fixture(scope="module")
def fitted(people: pd.DataFrame, rich: NDArray[Any]) -> TableClassifier:
    return classifier(categorical=["floor"]).fit(people, rich)


def test_columns_are_what_their_types_say(fitted: TableClassifier, people: pd.DataFrame) -> None:
    kinds = {column.name: column.kind for column in fitted.trained_run.feature_schema.columns}
    assert kinds == {
        "age": "number",
        "town": "category",
        "code": "category",
        "member": "boolean",
        "since": "date",
        "floor": "category",
    }
    assert fitted.feature_names_in_.tolist() == list(people)
    assert fitted.n_features_in_ == 6
    assert fitted.classes_.tolist() == ["no", "yes"]
    assert fitted.predict_proba(people).shape == (ROWS, 2)


def test_probabilities_sum_to_one(fitted: TableClassifier, people: pd.DataFrame) -> None:
    found = fitted.predict_proba(people)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=0, atol=1e-15)


def test_the_run_shows_names_and_sizes_of_its_files(fitted: TableClassifier) -> None:
    shown = repr(fitted.run_)
    assert shown.startswith("SavedRun(.hydra/config.yaml ")
    assert re.search(r", model\.pt [\d.]+ kB, ", shown)
    assert len(shown) < 1000


@pytest.mark.parametrize("change", [{"lr": "a"}, {"val": 2}, {"categorical": ["nobody"]}])
def test_after_a_fit_that_fails_nothing_of_the_earlier_one_is_left(
    change: dict[str, Any], fitted: TableClassifier, people: pd.DataFrame, rich: NDArray[Any]
) -> None:
    again = pickle.loads(pickle.dumps(fitted)).set_params(**change)
    with pytest.raises(ValueError, match=r"expected|no column"):
        again.fit(people[["floor", "age"]], np.where(rich == "yes", "ja", "nein"))
    with pytest.raises(NotFittedError):
        again.predict(people)
    assert not {"run_", "_loaded"} & vars(again).keys()


def test_only_a_verbose_one_speaks_of_unseen_categories(
    fitted: TableClassifier, people: pd.DataFrame, rich: NDArray[Any], caplog: pytest.LogCaptureFixture
) -> None:
    several = classifier(members=2, epochs=1).fit(people, rich)
    strange = people.assign(code="99")
    for model in (fitted, several):
        model.predict(strange)
        model.predict_proba(strange)
    assert caplog.messages == []
    several.set_params(verbose=1).predict(strange)
    assert len(caplog.messages) == 1
    assert "hold a category that training did not see, first in row 0, from 0: '99'" in caplog.messages[0]


def test_ctrl_c_keeps_the_best_network_so_far() -> None:
    features, labels = np.arange(40.0).reshape(20, 2), np.arange(20) % 2
    overrides = {"model._target_": "support.interrupted.Interrupted", "trainer.batches": 1, "preprocess": "standard"}
    model = TableClassifier(epochs=6, random_state=0, overrides=overrides)
    Interrupted.at = 4
    with pytest.warns(UserWarning, match="fit was interrupted: the model is that of the best epoch so far"):
        model.fit(features, labels)
    assert 0 < len(model.trained_run.history) < 6
    assert model.predict(features).shape == (20,)
    Interrupted.at = 1
    with pytest.raises(KeyboardInterrupt):
        model.fit(features, labels)
    with pytest.raises(NotFittedError):
        model.predict(features)


def test_a_frame_of_polars_gives_the_same(fitted: TableClassifier, people: pd.DataFrame, rich: NDArray[Any]) -> None:
    frame = pl.from_pandas(people)
    other = clone(fitted).fit(frame, pl.Series(rich))
    np.testing.assert_array_equal(other.predict_proba(frame), fitted.predict_proba(people))
    assert other.feature_names_in_.tolist() == list(people)


def test_it_learns() -> None:
    generator = np.random.default_rng(0)
    features = generator.normal(size=(200, 2))
    model = TableClassifier(epochs=30, random_state=0).fit(features[:100], features[:100, 0] > features[:100, 1])
    assert model.score(features[100:], features[100:, 0] > features[100:, 1]) > 0.9


@pytest.mark.parametrize(
    "classes",
    [
        *(["no", "yes"], ["NA", "b", " c"], [3, 10, 20], [False, True], [1.0, 2.0], np.array([2, 7], np.uint8)),
        *(["9", "10"], ["-1", "-2"], ["1e1", "9"], ["True", "false"]),  # which a table would have in another order
    ],
)
def test_classes_keep_their_type(classes: Any) -> None:
    labels = np.array(classes)[np.arange(40) % len(classes)]
    features = np.random.default_rng(0).normal(size=(40, 1)) + 5 * (np.arange(40) % len(classes))[:, None]
    model = classifier(epochs=40, lr=0.1).fit(features, labels)
    assert model.classes_.dtype == labels.dtype
    assert model.classes_.tolist() == sorted(classes)
    found = model.predict(features)
    assert found.dtype == labels.dtype
    assert (found == labels).mean() > 0.8
    np.testing.assert_array_equal(model.classes_[model.predict_proba(features).argmax(axis=1)], found)


def test_names_that_are_numbers_are_no_names(people: pd.DataFrame, rich: NDArray[Any]) -> None:
    frame = people[["age", "floor"]].set_axis([7, 8], axis=1)
    model = classifier().fit(frame, rich)
    assert not hasattr(model, "feature_names_in_")
    np.testing.assert_array_equal(model.predict_proba(frame), model.predict_proba(frame.to_numpy()))


def test_names_like_those_of_other_columns(people: pd.DataFrame, rich: NDArray[Any]) -> None:
    frame = people[["age", "floor"]].set_axis(["target", "split"], axis=1)
    run = classifier().fit(frame, rich).trained_run
    assert (run.target_name, run.feature_schema.names) == ("target_", ["target", "split"])


def test_rare_classes_and_few_rows_train() -> None:
    labels = np.array(["a"] * 150 + ["b"] * 49 + ["once"])
    features = np.arange(400.0).reshape(200, 2)
    assert classifier().fit(features, labels).classes_.tolist() == ["a", "b", "once"]
    assert classifier(members=4).fit(features, labels).predict_proba(features).shape == (200, 3)
    model = classifier(members=3).fit(features[:3], ["a", "b", "b"])
    assert isinstance(model.trained_run, Ensemble)
    assert len(model.trained_run.runs) == 3
    assert model.predict(features[:3]).shape == (3,)


def test_pickled_it_predicts_the_same(fitted: TableClassifier, people: pd.DataFrame) -> None:
    saved = pickle.dumps(fitted)
    assert len(saved) < 60_000
    again = pickle.loads(saved)
    np.testing.assert_array_equal(again.predict_proba(people), fitted.predict_proba(people))
    assert len(again.trained_run.history) == 3


def test_its_folder_is_that_of_a_run(fitted: TableClassifier, people: pd.DataFrame, tmp_path: Path) -> None:
    folder = fitted.to_run_folder(tmp_path / "people")
    np.testing.assert_allclose(load(folder).predict_proba(people), fitted.predict_proba(people), rtol=1e-6)
    assert RunFolder(folder).result() is not None
    assert not RunFolder(folder).checkpoint.exists()
    with pytest.raises(RunFolderError, match="expected a new folder for the run, and it has files"):
        fitted.to_run_folder(folder)


def test_the_seed(people: pd.DataFrame, rich: NDArray[Any]) -> None:
    def seed(random_state: Any) -> int:
        run = classifier(random_state=random_state, epochs=1).fit(people, rich).trained_run
        assert isinstance(run, TrainedRun)
        return int(run.config["seed"])

    assert seed(7) == 7
    generator = np.random.RandomState(7)
    drawn = [np.random.RandomState(7).randint(2**31 - 1), seed(generator)]
    assert drawn[0] == drawn[1] != seed(generator)
    np.random.seed(7)
    assert seed(None) == drawn[0]


def test_rows_of_weight_zero_are_left_out(people: pd.DataFrame, rich: NDArray[Any]) -> None:
    weights = np.where(np.arange(ROWS) < 60, 1.0, 0.0)
    weighted = classifier().fit(people, rich, sample_weight=weights)
    fewer = classifier().fit(people[:60], rich[:60])
    np.testing.assert_array_equal(weighted.predict_proba(people), fewer.predict_proba(people))
    counted = classifier().fit(people, rich, sample_weight=np.arange(ROWS))
    assert isinstance(counted.trained_run, TrainedRun)
    assert counted.trained_run.config["data"]["weight"] == "weight"


@pytest.mark.parametrize("members", [1, 3])
def test_rows_that_choose_the_epoch(members: int, people: pd.DataFrame, rich: NDArray[Any], tmp_path: Path) -> None:
    model = classifier(members=members).fit(people[:100], rich[:100], eval_set=(people[100:], rich[100:]))
    result = RunFolder(model.to_run_folder(tmp_path)).result()
    assert result is not None
    assert set(result["metrics"]) == {"train", "val"}
    assert result["rows"] == ROWS
    assert len(result.get("members", [])) == (members if members > 1 else 0)
    with pytest.raises(ValueError, match="eval_set: expected classes that y has, got 'rather'"):
        classifier().fit(people, rich, eval_set=(people[:2], ["yes", "rather"]))


def test_values_of_several_targets_and_their_quantiles(people: pd.DataFrame) -> None:
    values = people["age"].fillna(0.0).to_numpy()
    both = regressor().fit(people, np.stack([values, -values], axis=1))
    assert both.predict(people).shape == (ROWS, 2)
    spread = regressor(loss="quantile", overrides={"loss.quantiles": [0.1, 0.5, 0.9]}).fit(people, values)
    quantiles = spread.predict_quantiles(people)
    assert quantiles.shape == (ROWS, 3)
    np.testing.assert_array_equal(quantiles[:, 1], spread.predict(people))
    with pytest.raises(DataError, match="without quantiles: train with loss=quantile"):
        both.predict_quantiles(people)


def test_it_fits_into_scikit_learn(people: pd.DataFrame, rich: NDArray[Any]) -> None:
    numbers = people[["age", "floor"]].fillna(0.0)
    pipeline = make_pipeline(StandardScaler(), classifier())
    search = GridSearchCV(pipeline, {"tableclassifier__lr": [0.001, 0.1]}, cv=2).fit(numbers, rich)
    assert search.best_params_["tableclassifier__lr"] in (0.001, 0.1)
    one = cross_val_score(classifier(), numbers, rich, cv=2)
    several = cross_val_score(classifier(), numbers, rich, cv=2, n_jobs=2)  # in processes of their own
    np.testing.assert_array_equal(one, several)


def test_it_fits_in_threads(people: pd.DataFrame, rich: NDArray[Any]) -> None:
    with parallel_config("threading", n_jobs=2):
        several = cross_val_score(classifier(), people, rich, cv=2)
    np.testing.assert_array_equal(several, cross_val_score(classifier(), people, rich, cv=2))


# ---- what is refused

REFUSED: dict[str, tuple[Callable[[pd.DataFrame], Any], str]] = {
    "sparse": (lambda frame: sparse.eye(ROWS).tocsr(), "got a sparse matrix; make it one: X.toarray()"),
    "generator": (lambda frame: (row for row in frame.to_numpy()), "got a generator; make it a list: list(X)"),
    "set": (lambda frame: {1, 2}, "got a set; make it a list: list(X)"),
    "infinite": (
        lambda frame: frame.assign(age=np.inf),
        "X: column 'age', row 0: expected a finite number, or none, got infinity",
    ),
    "lists": (lambda frame: frame.assign(age=[[1, 2]] * ROWS), "X: column 'age' holds list<"),
    "texts": (lambda frame: frame[["code", "town"]].to_numpy(), "X: expected numbers in an array or a list, found the"),
    "lists of texts": (
        lambda frame: [[1, "a"]] * ROWS,
        "found the text 'a'; for columns of any type give a data frame",
    ),
    "one name": (lambda frame: frame.set_axis(["a", " a", *"bcde"], axis=1), "several are 'a'"),
    "one row": (lambda frame: frame[:1], "X: expected 2 rows or more to train with, got n_samples = 1"),
}


@pytest.mark.parametrize(("features", "message"), REFUSED.values(), ids=REFUSED)
def test_features_that_are_refused(
    features: Callable[[pd.DataFrame], Any], message: str, people: pd.DataFrame, rich: NDArray[Any]
) -> None:
    with pytest.raises(ValueError, match=message.replace("(", r"\(").replace(")", r"\)")) as raised:
        classifier().fit(features(people), rich)
    assert isinstance(raised.value, DataError)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"categorical": ["twon"]}, ValueError, "categorical: the table has no column 'twon'. Did you mean 'town'"),
        ({"categorical": [6]}, ValueError, "categorical: expected places from 0 to 5, got 6"),
        ({"categorical": "town"}, ValueError, r"categorical: expected a list of columns, as .*, got 'town'"),
        ({"categorical": None}, ValueError, r"categorical: expected a list of columns, as .*, got None"),
        ({"val": 1}, ValueError, "val: expected a fraction of the rows, 0 or more and below 1, got 1"),
        ({"dropout": 2}, ConfigError, "model.dropout: expected"),
        ({"val": "a"}, ValueError, "val: expected a fraction of the rows, 0 or more and below 1, got 'a'"),
        ({"members": 0}, ValueError, "members: expected a whole number from 1 on, got 0"),
        ({"members": "8"}, ValueError, "members: expected a whole number from 1 on, got '8'"),
        (
            {"overrides": ["optimizer.lr=0.1,0.2"]},
            ConfigError,
            "optimizer.lr=0.1,0.2: expected one value, for one model",
        ),
        ({"overrides": "seed=1"}, ConfigError, "got one text; put it into a list"),
        ({"overrides": ["optimizer.rl=1"]}, ConfigError, "optimizer.rl"),
    ],
)
def test_settings_that_are_refused(
    settings: dict[str, Any], error: type[Exception], message: str, people: pd.DataFrame, rich: NDArray[Any]
) -> None:
    with pytest.raises(error, match=message) as raised:
        classifier(**settings).fit(people, rich)
    assert isinstance(raised.value, MlpExpError)
    assert isinstance(raised.value, ValueError)


def test_targets_that_are_refused(people: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="y: expected two classes or more, got one class in all rows: 'a'"):
        classifier().fit(people, ["a"] * ROWS)
    with pytest.raises(ValueError, match="y: expected different values, got 3 in all 120 rows"):
        regressor().fit(people, [3] * ROWS)
    with pytest.raises(ValueError, match="y should be a 1d array"):
        classifier().fit(people, np.zeros((ROWS, 2), int))
    for gap in (None, np.nan, pd.NA):
        with pytest.raises(ValueError, match="y: expected a label in each row, and 2 of 120 are missing"):
            classifier().fit(people, pd.Series([gap, gap, *["a", "b"] * 59], dtype=object))
    with pytest.raises(ValueError, match="y: expected a label in each row, and 1 of 120 are missing"):
        classifier().fit(people, [np.nan, "a", *["a", "b"] * 59])
    with pytest.raises(ValueError, match="y: expected a value in each row, and 1 of 240 are missing"):
        regressor().fit(people, [[np.nan, 1.0], *[[1.0, 2.0]] * (ROWS - 1)])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        classifier().fit(people, ["a", "b"])


def test_rows_that_are_not_predicted(fitted: TableClassifier, people: pd.DataFrame) -> None:
    with pytest.raises(NotFittedError, match="This TableClassifier instance is not fitted yet"):
        classifier().predict(people)
    with pytest.raises(NotFittedError, match="not fitted yet"):
        classifier().to_run_folder("folder")
    with pytest.raises(ValueError, match=r"(?s)feature names.*unseen at fit time:\n- years"):
        fitted.predict(people.rename(columns={"age": "years"}))
    with pytest.raises(ValueError, match="column 'since' holds double; expected timestamp") as raised:
        fitted.predict(people.assign(since=1.5))
    assert isinstance(raised.value, DataError)

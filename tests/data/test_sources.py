"""Sources and datasets."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import datasets as sk_datasets
from support.mixed import mixed

from mlp_exp.data.dataset import Dataset, TargetColumn
from mlp_exp.data.sources import bundled, circle, moons, spirals
from mlp_exp.errors import DataError

# sources


def test_circle_is_the_classic_one() -> None:
    state = np.random.get_state()
    try:
        np.random.seed(42)
        points = np.random.randn(1000, 2)
    finally:
        np.random.set_state(state)
    made = circle()
    np.testing.assert_array_equal(made.features, points)
    np.testing.assert_array_equal(made.target, points[:, 0] ** 2 + points[:, 1] ** 2 > 1.5)
    assert made.class_names == ("inside", "outside")
    assert made.feature_names == ("x1", "x2")
    assert made.task == "binary"


@pytest.mark.parametrize(("n_samples", "seed"), [(7, 42), (50, 0), (300, 12345)])
def test_circle_obeys_its_settings_and_leaves_the_global_generator_alone(n_samples: int, seed: int) -> None:
    np.random.seed(5)
    expected = np.random.rand()
    np.random.seed(5)
    made = circle(n_samples, seed)
    assert np.random.rand() == expected
    np.random.seed(seed)
    np.testing.assert_array_equal(made.features, np.random.randn(n_samples, 2))


def test_circle_with_one_point_has_one_class() -> None:
    with pytest.raises(DataError, match=r"^data: the target has 1 class; expected two or more$"):
        circle(n_samples=1)


@pytest.mark.parametrize(("n_samples", "noise", "seed"), [(1000, 0.2, 42), (101, 0.0, 7)])
def test_moons_are_those_of_scikit_learn(n_samples: int, noise: float, seed: int) -> None:
    points, label = sk_datasets.make_moons(n_samples=n_samples, noise=noise, random_state=seed)
    made = moons(n_samples, noise, seed)
    np.testing.assert_array_equal(made.features, points)
    np.testing.assert_array_equal(made.target, label)
    assert made.class_names == ("upper", "lower")


def test_moons_class_names_say_where_they_are() -> None:
    made = moons(noise=0.0)
    upper, lower = (made.features[made.target == code, 1] for code in (0, 1))
    assert upper.mean() > 0.5
    assert lower.mean() < 0


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("turns", [0.5, 2.0])
@pytest.mark.parametrize("seed", [0, 42])
def test_spirals_without_noise_lie_on_archimedean_arms(n_classes: int, turns: float, seed: int) -> None:
    made = spirals(301, n_classes, turns, noise=0.0, seed=seed)
    radius = np.hypot(*made.features.T)
    assert made.features.shape == (301, 2)
    assert made.class_names == tuple(f"arm {i + 1}" for i in range(n_classes))
    assert made.task == ("binary" if n_classes == 2 else "multiclass")
    counts = np.bincount(made.target, minlength=n_classes)
    assert counts.max() - counts.min() <= 1
    assert counts.sum() == 301
    assert radius.min() >= 0.1 - 1e-12
    assert radius.max() <= 1 + 1e-12
    angle = 2 * np.pi * (turns * radius + made.target / n_classes)
    expected = radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    np.testing.assert_allclose(made.features, expected, atol=1e-12)


def test_spirals_noise_is_of_the_angle_with_its_standard_deviation() -> None:
    made = spirals(20_000, noise=0.25, seed=3)
    clean = spirals(20_000, noise=0.0, seed=3)
    np.testing.assert_allclose(np.hypot(*made.features.T), np.hypot(*clean.features.T))
    difference = np.angle((made.features @ [1, 1j]) / (clean.features @ [1, 1j]))
    assert difference.std() == pytest.approx(0.25, rel=0.03)
    assert difference.mean() == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("make", [circle, moons, spirals])
def test_a_drawn_set_depends_on_its_seed_alone(make: Any) -> None:
    first, again, other = make(60, seed=1), make(60, seed=1), make(60, seed=2)
    np.testing.assert_array_equal(first.features, again.features)
    np.testing.assert_array_equal(first.target, again.target)
    assert (first.features != other.features).all()


IRIS = ("setosa", "versicolor", "virginica")
DIGITS = tuple("0123456789")


@pytest.mark.parametrize(
    ("name", "shape", "task", "class_names", "target_name"),
    [
        ("breast_cancer", (569, 30), "binary", ("malignant", "benign"), "class"),
        ("diabetes", (442, 10), "regression", (), "progression"),
        ("digits", (1797, 64), "multiclass", DIGITS, "class"),
        ("iris", (150, 4), "multiclass", IRIS, "class"),
        ("wine", (178, 13), "multiclass", ("class_0", "class_1", "class_2"), "class"),
    ],
)
def test_bundled_sets(
    name: str, shape: tuple[int, int], task: str, class_names: tuple[str, ...], target_name: str
) -> None:
    made = bundled(name)
    bunch = getattr(sk_datasets, f"load_{name}")()
    assert (made.features.shape, made.target.shape) == (shape, shape[:1])
    assert (made.task, made.class_names, made.target_name) == (task, class_names, target_name)
    assert made.features.dtype == np.float64
    assert made.target.dtype == (np.float64 if task == "regression" else np.int64)
    np.testing.assert_array_equal(made.features, bunch.data)
    np.testing.assert_array_equal(made.target, bunch.target)
    assert made.feature_names == tuple(bunch.feature_names)
    assert {type(text) for text in (*made.feature_names, *made.class_names)} == {str}


def test_an_unknown_bundled_set() -> None:
    message = "data.name: expected one of breast_cancer, diabetes, digits, iris, wine, got 'irsi'"
    with pytest.raises(DataError) as error:
        bundled("irsi")
    assert str(error.value) == message


# Dataset.from_arrays

X4 = [[0, 1], [2, 3], [4, 5], [6, 7]]


@pytest.mark.parametrize(
    ("labels", "codes", "names"),
    [
        (["no", "yes", "no", "maybe"], [1, 2, 1, 0], ("maybe", "no", "yes")),
        ([10, -3, 10, 10], [1, 0, 1, 1], ("-3", "10")),
        ([2.5, 0.5, 0.5, 2.5], [1, 0, 0, 1], ("0.5", "2.5")),
        ([True, False, False, True], [1, 0, 0, 1], ("False", "True")),
        (np.array(["b", "a", "d", "c"], dtype=object), [1, 0, 3, 2], ("a", "b", "c", "d")),
    ],
)
def test_labels_are_coded_in_sorted_order(labels: Any, codes: list[int], names: tuple[str, ...]) -> None:
    made = Dataset.from_arrays(X4, labels)
    assert made.target.tolist() == codes
    assert made.target.dtype == np.int64
    assert made.class_names == names
    assert made.task == ("binary" if len(names) == 2 else "multiclass")
    assert made.features.dtype == np.float64
    assert made.features.flags["C_CONTIGUOUS"]


def test_names_default_and_are_kept() -> None:
    made = Dataset.from_arrays(X4, [0, 1, 1, 0])
    assert (made.feature_names, made.target_name) == (("x1", "x2"), "target")
    named = Dataset.from_arrays(
        X4, [0, 1, 1, 0], feature_names=("length", "width"), class_names=("off", "on"), target_name="switch"
    )
    assert (named.feature_names, named.class_names, named.target_name) == (("length", "width"), ("off", "on"), "switch")


def test_a_regression_keeps_its_values() -> None:
    made = Dataset.from_arrays(X4, [1, -2, 1, 1], regression=True)
    assert made.target.tolist() == [1.0, -2.0, 1.0, 1.0]
    assert made.target.dtype == np.float64
    assert (made.task, made.class_names) == ("regression", ())


@pytest.mark.parametrize("regression", [False, True])
@pytest.mark.parametrize(
    ("features", "target", "shapes"),
    [
        ([1.0, 2.0], [0, 1], r"\(2,\) and \(2,\)"),
        (np.zeros((2, 2, 2)), [0, 1], r"\(2, 2, 2\) and \(2,\)"),
        (X4, [0, 1, 0], r"\(4, 2\) and \(3,\)"),
        (X4, [[[0], [1], [0], [1]]], r"\(4, 2\) and \(1, 4, 1\)"),
        (X4, np.zeros((4, 0)), r"\(4, 2\) and \(4, 0\)"),
        (np.zeros((0, 2)), [], r"\(0, 2\) and \(0,\)"),
        (np.zeros((3, 0)), [0, 1, 0], r"\(3, 0\) and \(3,\)"),
    ],
)
def test_shapes_that_do_not_fit(features: Any, target: Any, shapes: str, regression: bool) -> None:
    message = rf"^data: expected features \[N, F\] and a target \[N\] or \[N, T\], got shapes {shapes}$"
    with pytest.raises(DataError, match=message):
        Dataset.from_arrays(features, target, regression=regression)


@pytest.mark.parametrize("regression", [False, True])
@pytest.mark.parametrize(("value", "text"), [(math.nan, "nan"), (math.inf, "inf"), (-math.inf, "-inf")])
@pytest.mark.parametrize(("row", "column"), [(0, 0), (2, 1), (3, 0)])
def test_a_feature_that_is_not_finite(value: float, text: str, row: int, column: int, regression: bool) -> None:
    features = np.array(X4, dtype=float)
    features[row, column] = value
    features[3, 1] = math.nan  # a later one, which is not the one reported
    with pytest.raises(DataError) as error:
        Dataset.from_arrays(features, [0, 1, 0, 1], regression=regression)
    assert str(error.value) == f"data: row {row}, column {column} of the features is {text}, not a finite number"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("row", [0, 2])
def test_a_value_that_is_not_finite(value: float, row: int) -> None:
    target = np.arange(4.0)
    target[row] = value
    with pytest.raises(DataError) as error:
        Dataset.from_arrays(X4, target, regression=True)
    assert str(error.value) == f"data: row {row} of the target is not a finite number"


def test_a_missing_class_label_is_no_class() -> None:
    with pytest.raises(DataError, match=r"^data: .*target"):
        Dataset.from_arrays(X4, [0.0, 1.0, math.nan, 1.0])


def test_labels_that_cannot_be_sorted() -> None:
    with pytest.raises(DataError, match=r"^data: .*target"):
        Dataset.from_arrays(X4, np.array(["a", None, "b", 3], dtype=object))


def test_one_class() -> None:
    with pytest.raises(DataError, match=r"^data: the target has 1 class; expected two or more$"):
        Dataset.from_arrays(X4, ["a"] * 4)


@pytest.mark.parametrize("features", [[["a", 1], ["b", 2]], [[1, 2], [3]], [[None, object()], [1, 2]]])
def test_features_that_are_no_numbers(features: Any) -> None:
    with pytest.raises(DataError, match=r"^data: expected numbers as features, got "):
        Dataset.from_arrays(features, [0, 1])


def test_the_text_that_is_no_number_is_named() -> None:
    with pytest.raises(DataError, match=r"^data: expected numbers as features, got could not convert .*'red'"):
        Dataset.from_arrays([["red"], ["1"]], [0, 1])


def test_a_regression_of_text() -> None:
    with pytest.raises(DataError, match=r"^data: .*target"):
        Dataset.from_arrays(X4, ["high", "low", "high", "low"], regression=True)


@pytest.mark.parametrize("names", [("a",), ("a", "b", "c")])
def test_as_many_class_names_as_classes(names: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match=r"^data: .*class"):
        Dataset.from_arrays(X4, [0, 1, 0, 1], class_names=names)


@pytest.mark.parametrize("names", [("a",), ("a", "b", "c")])
def test_as_many_feature_names_as_features(names: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match=r"^data: .*feature"):
        Dataset.from_arrays(X4, [0, 1, 0, 1], feature_names=names)


# several targets, an order, weights


@pytest.mark.parametrize("names", [(), ("length", "width")])
def test_several_values(names: tuple[str, ...]) -> None:
    made = Dataset.from_arrays(X4, np.array([[1, 2], [3, 4], [5, 6], [7, 8.5]]), regression=True, target_names=names)
    assert (made.task, made.target[3].tolist()) == ("regression", [7.0, 8.5])
    assert made.target.dtype == np.float64
    assert made.targets == tuple(map(TargetColumn, names or ("target 1", "target 2")))
    assert made.target_name == ("length, width" if names else "target 1, target 2")


def test_several_labels() -> None:
    made = Dataset.from_arrays(X4, [["b", "x"], ["a", "y"], ["a", "x"], ["a", "x"]], target_names=("one", "two"))
    assert made.task == "multilabel"
    assert made.target.dtype == np.int64
    assert made.target.tolist() == [[1, 0], [0, 1], [0, 0], [0, 0]]
    assert made.targets == (TargetColumn("one", ("a", "b")), TargetColumn("two", ("x", "y")))
    assert (made.class_names, made.has_classes) == ((), True)


@pytest.mark.parametrize("regression", [False, True])
def test_a_column_is_one_target(regression: bool) -> None:
    made = Dataset.from_arrays(X4, [[0], [1], [1], [0]], regression=regression, target_names=("y",))
    assert made.fingerprint == Dataset.from_arrays(X4, [0, 1, 1, 0], regression=regression, target_name="y").fingerprint


def test_classes_in_order() -> None:
    made = Dataset.from_arrays(X4, [3, 1, 10, 3], ordered=True)
    assert (made.task, made.ordered, made.class_names) == ("ordinal", True, ("1", "3", "10"))
    assert made.target.tolist() == [1, 0, 2, 1]


@pytest.mark.parametrize("regression", [False, True])
def test_weights(regression: bool) -> None:
    made = Dataset.from_arrays(X4, [0, 1, 1, 0], regression=regression, weights=[0, 1, 2.5, 7])
    assert made.weights is not None
    assert made.weights.dtype == np.float64
    assert made.weights.tolist() == [0.0, 1.0, 2.5, 7.0]
    assert Dataset.from_arrays(X4, [0, 1, 1, 0]).weights is None


WRONG: list[tuple[Any, dict[str, Any], str]] = [
    ([0, 1, 0, 1], {"weights": [1, 1, 1]}, "expected a weight of each of 4 rows, got shape (3,)"),
    ([0, 1, 0, 1], {"weights": [[1], [1], [1], [1]]}, "expected a weight of each of 4 rows, got shape (4, 1)"),
    ([0, 1, 0, 1], {"weights": [1, -0.5, 1, -1]}, "row 1 of the weights is -0.5; expected a number, 0 or more"),
    ([0, 1, 0, 1], {"weights": [1, 1, 1, math.nan]}, "row 3 of the weights is nan; expected a number, 0 or more"),
    ([0, 1, 0, 1], {"weights": [math.inf, 1, 1, 1]}, "row 0 of the weights is inf; expected a number, 0 or more"),
    ([0, 1, 0, 1], {"weights": [0, 0, 0, 0]}, "the weights of all 4 rows are 0; expected one above 0"),
    ([0, 1, 0, 1], {"ordered": True}, "the target has 2 classes; expected three or more with an order"),
    ([0, 1, 0, 1], {"ordered": True, "regression": True}, "the target of a regression has no classes to be ordered"),
    ([0, 1, 0, 1], {"target_names": ("a", "b")}, "expected 1 target names, got 2"),
    ([[0, 1]] * 4, {"target_names": ("a",)}, "expected 2 target names, got 1"),
    ([[0, 1], [1, 1]] * 2, {}, "column 1 of the target has 1 class; expected two or more"),
    (
        [[0, 1], [1, 0], [0, 2], [0, 0]],
        {},
        "column 1 of the target has 3 classes; of several each has two",
    ),
    ([[0, 1], [1, math.nan], [0, 1], [0, 0]], {}, "row 1 of column 1 of the target has no label (NaN)"),
    (
        [[0, 1], [1, 0]] * 2,
        {"class_names": ("a", "b")},
        "several targets have labels; names and an order are those of the classes of one",
    ),
    ([[0, 1], [1, math.inf]] * 2, {"regression": True}, "row 1 of the target is not a finite number"),
]


@pytest.mark.parametrize(("target", "options", "message"), WRONG)
def test_targets_and_weights_that_do_not_fit(target: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as error:
        Dataset.from_arrays(X4, target, **options)
    assert str(error.value) == f"data: {message}"


# fingerprints, as saved runs know them

KNOWN: dict[str, tuple[Callable[[], Dataset], str]] = {
    "circle": (lambda: circle(20), "e2909515f4b31160c19e8f4514e95c430aa9a12f3e66b84fdb8697a5126d7f22"),
    "spirals": (lambda: spirals(30), "b58010db7ad757239cd2f8c7b08df4ea2beb41d11a8a8d65002bf0bbe066ff35"),
    "iris": (lambda: bundled("iris"), "997b5b5fc7217ee8cff41e48c531f5dab6ef0bdf90c556a5cf2ef050a560a0b0"),
    "diabetes": (lambda: bundled("diabetes"), "65dc657760f81a2557ba9b63b362f7a7a1376e35b921761e20b8a61eb937df2c"),
    "classes of mixed columns": (mixed, "39a4f4a0ceb5062c5da172f5b269e56ec5f274d15b952d859f8531acc86b0d29"),
    "values of mixed columns": (
        lambda: mixed(regression=True),
        "5e875e987f5da7e9aac941671394a3b35ebcedd7afc655d3d166809e0f9f094d",
    ),
}
"""Computed before there were several targets and weights."""


@pytest.mark.parametrize("name", KNOWN)
def test_fingerprints_of_earlier_versions(name: str) -> None:
    made, expected = KNOWN[name]
    assert made().fingerprint == expected

"""Sources, datasets, splits and preprocessing."""

import math
from typing import Any

import numpy as np
import pytest
from sklearn import datasets as sk_datasets

from mlp_exp.config.errors import DataError
from mlp_exp.data.dataset import Dataset
from mlp_exp.data.preprocessing import Scaling, Standard, Unscaled
from mlp_exp.data.sources import bundled, circle, moons, spirals
from mlp_exp.data.splits import Parts, Shares


def classes(*counts: int, seed: int = 0) -> Dataset:
    """Random features with `counts[c]` rows of class c, shuffled."""
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.repeat(np.arange(len(counts)), counts))
    return Dataset.from_arrays(generator.normal(size=(len(labels), 3)), labels)


def values(rows: int, seed: int = 0) -> Dataset:
    generator = np.random.default_rng(seed)
    return Dataset.from_arrays(generator.normal(3, 5, (rows, 3)), generator.normal(-40, 7, rows), regression=True)


def split(dataset: Dataset, shares: Shares, run_seed: int = 0) -> Parts:
    return shares.parts(dataset, np.random.default_rng(run_seed))


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
        (X4, [[0], [1], [0], [1]], r"\(4, 2\) and \(4, 1\)"),
        (np.zeros((0, 2)), [], r"\(0, 2\) and \(0,\)"),
        (np.zeros((3, 0)), [0, 1, 0], r"\(3, 0\) and \(3,\)"),
    ],
)
def test_shapes_that_do_not_fit(features: Any, target: Any, shapes: str, regression: bool) -> None:
    message = rf"^data: expected features \[N, F\] and a target \[N\], got shapes {shapes}$"
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


# splits

SETS = {
    "two classes": classes(60, 40),
    "rare class": classes(150, 30, 20),
    "ten classes": classes(*range(20, 30)),
    "odd count": classes(71, 66),
    "regression": values(103),
}
SHARES = [
    (0.7, 0.1, 0.2),
    (0.6, 0.2, 0.2),
    (0.8, 0.2, 0.0),
    (0.75, 0.0, 0.25),
    (1.0, 0.0, 0.0),
    (1 / 3, 1 / 3, 1 / 3),
    (0.2, 0.3, 0.5),
]


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize(("train", "val", "test"), SHARES)
def test_parts_are_disjoint_cover_all_rows_and_keep_their_shares(
    name: str, train: float, val: float, test: float
) -> None:
    dataset = SETS[name]
    n = len(dataset.target)
    for seed in range(12):
        parts = split(dataset, Shares(train, val, test, seed=None if seed % 2 else seed), run_seed=seed)
        together = np.concatenate([parts.train, parts.val, parts.test])
        assert sorted(together.tolist()) == list(range(n))
        for rows, share in ((parts.train, train), (parts.val, val), (parts.test, test)):
            assert abs(len(rows) - share * n) <= 1
            assert (len(rows) == 0) == (share == 0)
            assert (np.diff(rows) > 0).all()
        wanted = [part for part, share in (("train", train), ("val", val), ("test", test)) if share]
        assert [part for part, _ in parts.items()] == wanted


@pytest.mark.parametrize("name", [name for name in SETS if name != "regression"])
@pytest.mark.parametrize(("train", "val", "test"), SHARES)
def test_classes_are_stratified_within_a_row(name: str, train: float, val: float, test: float) -> None:
    target = SETS[name].target
    n_classes = target.max() + 1
    counts = np.bincount(target)
    for seed in range(8):
        parts = split(SETS[name], Shares(train, val, test, seed=seed))
        in_train, in_val, in_test = (
            np.bincount(target[rows], minlength=n_classes) for rows in (parts.train, parts.val, parts.test)
        )
        np.testing.assert_array_less(abs(in_test - counts * len(parts.test) / len(target)), 1)
        rest = counts - in_test
        np.testing.assert_array_less(abs(in_val - rest * len(parts.val) / rest.sum()), 1)
        np.testing.assert_array_less(abs(in_train - rest * len(parts.train) / rest.sum()), 1)


def same(first: Parts, second: Parts) -> bool:
    return all(np.array_equal(getattr(first, part), getattr(second, part)) for part in ("train", "val", "test"))


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("seed", [0, 1, 42, 2**32])
def test_a_fixed_split_seed_makes_runs_share_their_split(name: str, seed: int) -> None:
    shares = Shares(0.7, 0.1, 0.2, seed=seed)
    first = split(SETS[name], shares, run_seed=1)
    assert same(first, split(SETS[name], shares, run_seed=2))
    assert same(first, split(SETS[name], shares, run_seed=1))
    assert not same(first, split(SETS[name], Shares(0.7, 0.1, 0.2, seed=seed + 1), run_seed=1))


def test_a_fixed_split_seed_leaves_the_runs_stream_alone() -> None:
    generator = np.random.default_rng(9)
    Shares(0.7, 0.1, 0.2, seed=3).parts(SETS["two classes"], generator)
    assert generator.integers(2**31) == np.random.default_rng(9).integers(2**31)


@pytest.mark.parametrize("name", SETS)
def test_without_a_split_seed_the_run_decides(name: str) -> None:
    shares = Shares(0.7, 0.1, 0.2)
    splits = [split(SETS[name], shares, run_seed=seed) for seed in range(5)]
    for index, first in enumerate(splits):
        assert same(first, split(SETS[name], shares, run_seed=index))
        assert not any(same(first, other) for other in splits[index + 1 :])


@pytest.mark.parametrize(("name", "seed"), [("two classes", 0), ("regression", 5)])
def test_the_test_part_does_not_depend_on_the_validation_share(name: str, seed: int) -> None:
    with_val = split(SETS[name], Shares(0.6, 0.2, 0.2, seed=seed))
    without = split(SETS[name], Shares(0.8, 0.0, 0.2, seed=seed))
    np.testing.assert_array_equal(with_val.test, without.test)


@pytest.mark.parametrize(
    ("dataset", "shares", "message"),
    [
        (
            classes(10, 1),
            (0.7, 0.1, 0.2),
            r"^split\.test: 2 of 11 rows cannot be taken with classes in proportion: .*least populated class",
        ),
        (
            classes(5, 5, 5),
            (0.7, 0.1, 0.2),
            r"^split\.val: 2 of 12 rows cannot be taken with classes in proportion: .*test_size = 2 .*"
            r"number of classes = 3",
        ),
        (
            classes(10, 10),
            (0.98, 0.02, 0.0),
            r"^split\.val: 0\.02 of 20 rows is 0; expected one or more$",
        ),
        (values(10), (0.79, 0.01, 0.2), r"^split\.val: 0\.01 of 10 rows is 0; expected one or more$"),
        (values(3), (0.05, 0.05, 0.9), r"^split\.test: 0\.9 of 3 rows is 3; expected one or more$"),
    ],
)
def test_parts_that_are_too_small(dataset: Dataset, shares: tuple[float, float, float], message: str) -> None:
    for seed in range(5):
        with pytest.raises(DataError, match=message):
            split(dataset, Shares(*shares, seed=seed))


# preprocessing


def kinds() -> list[Dataset]:
    return [classes(30, 20, seed=4), classes(12, 20, 15, seed=5), values(60, seed=6)]


@pytest.mark.parametrize("dataset", kinds(), ids=lambda d: d.task)
@pytest.mark.parametrize("seed", range(4))
def test_standard_features_of_the_training_part(dataset: Dataset, seed: int) -> None:
    train = split(dataset, Shares(0.5, 0.2, 0.3, seed=seed)).train
    scaling = Standard().fit(dataset, train)
    np.testing.assert_allclose(scaling.shift, dataset.features[train].mean(axis=0), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(scaling.scale, dataset.features[train].std(axis=0), rtol=1e-12)
    inputs = scaling.inputs(dataset.features)
    assert inputs.dtype == np.float32
    assert inputs.shape == dataset.features.shape
    np.testing.assert_allclose(inputs[train].mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(inputs[train].std(axis=0), 1, rtol=1e-6)
    assert (abs(inputs.mean(axis=0)) > 1e-4).any(), "fitted on all rows"


@pytest.mark.parametrize("preprocess", [Standard(), Unscaled()], ids=["standard", "none"])
@pytest.mark.parametrize("dataset", kinds(), ids=lambda d: d.task)
def test_figures_are_of_the_training_part_alone(preprocess: Any, dataset: Dataset) -> None:
    parts = split(dataset, Shares(0.5, 0.2, 0.3, seed=1))
    others = np.concatenate([parts.val, parts.test])
    features, target = dataset.features.copy(), dataset.target.copy()
    features[others] = 1e6
    target[others] = 0 if dataset.class_names else -1e9
    changed = Dataset(features, target, dataset.feature_names, dataset.class_names)
    assert preprocess.fit(changed, parts.train).state() == preprocess.fit(dataset, parts.train).state()
    features[parts.train[0]] += 1.0
    if isinstance(preprocess, Standard):
        assert preprocess.fit(changed, parts.train).state() != preprocess.fit(dataset, parts.train).state()


@pytest.mark.parametrize("constant", [0.0, 7.0, -1e6])
def test_a_constant_feature_becomes_zero(constant: float) -> None:
    features = np.column_stack([np.arange(6.0), np.full(6, constant)])
    features[5, 1] = constant + 2  # a row that does not train
    scaling = Standard().fit(Dataset.from_arrays(features, [0, 1, 0, 1, 0, 1]), np.arange(5))
    inputs = scaling.inputs(features)
    assert inputs[:5, 1].tolist() == [0.0] * 5
    assert inputs[5, 1] == 2.0
    assert np.isfinite(inputs).all()


def test_unscaled_leaves_features_as_they_are() -> None:
    dataset = values(20)
    inputs = Unscaled().fit(dataset, np.arange(10)).inputs(dataset.features)
    np.testing.assert_array_equal(inputs, dataset.features.astype(np.float32))


@pytest.mark.parametrize("preprocess", [Standard(), Unscaled()], ids=["standard", "none"])
def test_the_target_of_a_regression_round_trips(preprocess: Any) -> None:
    dataset = values(50, seed=8)
    train = np.arange(0, 50, 2)
    scaling = preprocess.fit(dataset, train)
    assert scaling.target_shift == pytest.approx(dataset.target[train].mean(), rel=1e-12)
    assert scaling.target_scale == pytest.approx(dataset.target[train].std(), rel=1e-12)
    scaled = (dataset.target - scaling.target_shift) / scaling.target_scale
    assert scaled[train].mean() == pytest.approx(0, abs=1e-12)
    assert scaled[train].std() == pytest.approx(1, rel=1e-12)
    np.testing.assert_allclose(scaled * scaling.target_scale + scaling.target_shift, dataset.target, rtol=1e-13)


@pytest.mark.parametrize("preprocess", [Standard(), Unscaled()], ids=["standard", "none"])
def test_targets_that_keep_their_unit(preprocess: Any) -> None:
    scaling = preprocess.fit(classes(5, 5), np.arange(6))
    assert (scaling.target_shift, scaling.target_scale) == (0.0, 1.0)
    constant = Dataset.from_arrays(np.arange(8.0).reshape(4, 2), [3.0, 3.0, 3.0, 9.0], regression=True)
    scaling = preprocess.fit(constant, np.arange(3))
    assert (scaling.target_shift, scaling.target_scale) == (3.0, 1.0)


@pytest.mark.parametrize("preprocess", [Standard(), Unscaled()], ids=["standard", "none"])
@pytest.mark.parametrize("dataset", kinds(), ids=lambda d: d.task)
def test_the_state_is_plain_numbers_and_gives_the_same_inputs(preprocess: Any, dataset: Dataset) -> None:
    scaling = preprocess.fit(dataset, np.arange(20))
    state = scaling.state()
    assert list(state) == ["shift", "scale", "target_shift", "target_scale"]
    for key in ("shift", "scale"):
        assert type(state[key]) is list
        assert [type(value) for value in state[key]] == [float] * 3
    assert type(state["target_shift"]) is float
    assert type(state["target_scale"]) is float
    again = Scaling(np.array(state["shift"]), np.array(state["scale"]), state["target_shift"], state["target_scale"])
    np.testing.assert_array_equal(again.inputs(dataset.features), scaling.inputs(dataset.features))

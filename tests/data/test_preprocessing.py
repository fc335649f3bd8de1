"""Features and targets as the network gets them, by the figures of the training part alone."""

import io
import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.preprocessing import QuantileTransformer
from support.mixed import NAN, SCALINGS, TRAIN, category, mixed, table, with_other_rows_changed

from mlp_exp.data import preprocessing
from mlp_exp.data.dataset import Dataset
from mlp_exp.data.preprocessing import Preprocess, Preprocessing, Scaling
from mlp_exp.data.target_scaling import TargetScaling
from mlp_exp.errors import DataError


def fitted_inputs(dataset: Dataset, train: Any = TRAIN, **settings: Any) -> np.ndarray:
    fitted = Preprocess(**settings).fit(dataset, np.asarray(train))
    return fitted.inputs(dataset.features, dataset.categories)


# ---- scaling


def scaled_by_hand(scaling: Scaling, train: np.ndarray, values: np.ndarray) -> np.ndarray:
    """What a column without gaps becomes."""
    if scaling == "none":
        return values
    if scaling == "standard":
        standard: np.ndarray = (values - train.mean()) / train.std()
        return standard
    if scaling == "robust":
        low, middle, high = np.percentile(train, [25, 50, 75])
        scaled = (values - middle) / (high - low)
        robust: np.ndarray = scaled / np.sqrt(1 + (scaled / 3) ** 2)
        return robust
    count = max(10, min(len(train) // 30, 1000))
    transformer = QuantileTransformer(n_quantiles=count, output_distribution="normal", subsample=None)
    quantile: np.ndarray = transformer.fit(train[:, None]).transform(values[:, None])[:, 0]
    return quantile


@pytest.mark.parametrize("draw", ["normal", "lognormal", "standard_cauchy"])
@pytest.mark.parametrize("rows", [90, 3000])
@pytest.mark.parametrize("scaling", SCALINGS)
def test_scaled_numbers_are_those_of_the_definition(scaling: Scaling, rows: int, draw: str) -> None:
    values = getattr(np.random.default_rng(rows), draw)(size=(rows, 2))
    train = np.arange(0, rows, 2)
    found = fitted_inputs(table(values.T), train, scaling=scaling)
    assert found.dtype == np.float32
    assert found.shape == (rows, 2)
    assert found.flags["C_CONTIGUOUS"]
    for column in range(2):
        expected = scaled_by_hand(scaling, values[train, column], values[:, column])
        np.testing.assert_allclose(found[:, column], expected, rtol=2e-6, atol=1e-6)


SMALL = [0.0, 1.0, 2.0, 3.0, 4.0, 100.0, -50.0]
BY_HAND = {
    "none": SMALL,
    "standard": [(value - 2) / math.sqrt(2) for value in SMALL],
    "robust": [z / math.sqrt(1 + z * z / 9) for z in (-1, -0.5, 0, 0.5, 1, 49, -26)],
    "quantile": [-5.199338, -0.6744898, 0.0, 0.6744898, 5.199338, 5.199338, -5.199338],
}


@pytest.mark.parametrize("scaling", SCALINGS)
def test_scaling_by_hand(scaling: Scaling) -> None:
    """The first five rows train; what lies beyond them is the last two."""
    inputs = fitted_inputs(table([SMALL]), range(5), scaling=scaling)
    np.testing.assert_allclose(inputs[:, 0], BY_HAND[scaling], rtol=1e-6, atol=1e-6)


def test_outliers_are_bent_to_three_quartile_ranges() -> None:
    inputs = fitted_inputs(table([[0, 1, 2, 3, 4, 1e6, -1e9]]), range(5), scaling="robust")
    assert inputs[5:, 0] == pytest.approx([3, -3], abs=1e-6)


def test_a_column_that_is_mostly_one_value_is_scaled_by_its_range() -> None:
    """Its quartiles are equal; Holzmüller et al. (2024) take half the range then."""
    inputs = fitted_inputs(table([[0.0] * 8 + [-1.0, 3.0]]), range(10), scaling="robust")
    expected = [z / math.sqrt(1 + z * z / 9) for z in (-0.5, 1.5)]
    np.testing.assert_allclose(inputs[:, 0], [0] * 8 + expected, rtol=1e-6)


@pytest.mark.parametrize("constant", [0.0, 7.0, -1e6, 0.1])
@pytest.mark.parametrize("scaling", SCALINGS)
def test_a_constant_column_is_zero_everywhere(scaling: Scaling, constant: float) -> None:
    values = np.full(10, constant)
    values[8:] = [constant + 2, NAN]  # rows that do not train
    inputs = fitted_inputs(table([values]), range(8), scaling=scaling)
    as_it_is = [constant] * 8 + [constant + 2, constant]
    assert inputs.shape == (10, 1)
    np.testing.assert_array_equal(inputs[:, 0], np.array(as_it_is, np.float32) if scaling == "none" else np.zeros(10))


@pytest.mark.parametrize("scaling", SCALINGS)
def test_a_column_without_a_training_value_is_zero_with_an_indicator(scaling: Scaling) -> None:
    values = [NAN] * 8 + [5.0, NAN]
    inputs = fitted_inputs(table([values]), range(8), scaling=scaling)
    np.testing.assert_array_equal(inputs, [[0, 1]] * 8 + [[5.0 if scaling == "none" else 0, 0], [0, 1]])


@pytest.mark.parametrize("scaling", SCALINGS)
def test_a_wide_table_is_fitted_in_blocks_with_the_same_figures(
    scaling: Scaling, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = mixed()
    whole = Preprocess(scaling, one_hot_max=12).fit(dataset, TRAIN).state()
    for values in (1, 45 * 3):
        monkeypatch.setattr(preprocessing, "FIT_VALUES", values)
        cut = Preprocess(scaling, one_hot_max=12).fit(dataset, TRAIN).state()
        for name, numbers in whole["numbers"].items():  # a sum in another order differs in its last bit
            np.testing.assert_allclose(cut["numbers"][name], numbers, rtol=1e-14)
        assert {**cut, "numbers": None} == {**whole, "numbers": None}


# ---- ranks beside the numbers


@pytest.mark.parametrize("scaling", SCALINGS)
def test_ranks_stand_beside_the_numbers(scaling: Scaling) -> None:
    dataset = mixed()
    plain = fitted_inputs(dataset, scaling=scaling)
    both = fitted_inputs(dataset, scaling=scaling, ranks=True)
    count = dataset.features.shape[1]
    # a constant column has no rank; without ranks, `none` would leave it as it is
    varies = [c for c in range(count) if not (scaling == "none" and np.nanstd(plain[TRAIN, c]) == 0)]
    np.testing.assert_array_equal(both[:, varies], plain[:, varies])
    np.testing.assert_array_equal(both[:, 2 * count :], plain[:, count:])
    ranks = both[:, count : 2 * count]
    normal = fitted_inputs(dataset, scaling="quantile")[:, :count]
    transformed = 2 * math.sqrt(3) * (torch.special.ndtr(torch.from_numpy(normal)).numpy() - 0.5)
    np.testing.assert_allclose(ranks, transformed, atol=1e-5)


def test_ranks_by_hand() -> None:
    """The second column is constant."""
    inputs = fitted_inputs(table([[*SMALL, NAN], [5.0] * 8]), range(5), scaling="standard", ranks=True)
    root = math.sqrt(3)
    np.testing.assert_allclose(inputs[:, 2], [-root, -root / 2, 0, root / 2, root, root, -root, 0], atol=1e-6)
    assert not inputs[:, [1, 3]].any()


# ---- missing numbers


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("seed", range(3))
def test_a_gap_is_the_median_of_the_training_part(scaling: Scaling, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(5, 3, (90, 3))
    values[rng.random((90, 3)) < 0.2] = NAN
    filled = np.where(np.isnan(values), np.nanmedian(values[TRAIN], axis=0), values)
    inputs = fitted_inputs(table(values.T), scaling=scaling)
    np.testing.assert_array_equal(inputs[:, :3], fitted_inputs(table(filled.T), scaling=scaling))
    np.testing.assert_array_equal(inputs[:, 3:], np.isnan(values))


def test_a_number_has_an_indicator_where_the_training_part_lacks_it() -> None:
    """Nothing can be learned of one that is never 1."""
    values = np.arange(12.0).reshape(3, 4)
    values[0, 0] = values[1, 3] = values[2, 0] = values[2, 3] = NAN
    fitted = Preprocess("none").fit(table(values), np.arange(3))
    assert fitted.indicators == (0, 2)
    inputs = fitted.inputs(values.T)
    np.testing.assert_array_equal(inputs[:, :3], [[1.5, 4, 9.5], [1, 5, 9], [2, 6, 10], [3, 5, 9.5]])
    np.testing.assert_array_equal(inputs[:, 3:], [[1, 1], [0, 0], [0, 0], [0, 1]])


# ---- categories

COLOURS = ["red", "blue", None, "red", "green", "grey", None, "blue"]
"""The first four train: `green` and `grey` are unseen."""


def test_one_hot_columns() -> None:
    colour = category("colour", COLOURS)
    inputs = fitted_inputs(table([range(8)], [colour]), range(4), scaling="none")
    missing, blue, red, unseen = [1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]
    np.testing.assert_array_equal(inputs[:, 0], range(8))
    np.testing.assert_array_equal(inputs[:, 1:], [red, blue, missing, red, unseen, unseen, missing, blue])


def test_a_missing_category_has_a_column_only_where_the_training_part_lacks_it() -> None:
    inputs = fitted_inputs(table([], [category("colour", COLOURS)]), [0, 1, 3])
    blue, red, none = [1, 0], [0, 1], [0, 0]
    np.testing.assert_array_equal(inputs, [red, blue, none, red, none, none, none, blue])


@pytest.mark.parametrize(
    ("distinct", "one_hot_max", "width"), [(5, 5, 5), (6, 5, 1), (1, 0, 1), (12, 12, 12), (13, 12, 1)]
)
def test_many_valued_categories_are_embedded(distinct: int, one_hot_max: int, width: int) -> None:
    """By the values of the training part: the others hold a hundred more."""
    values = [f"v{i % distinct:03}" for i in range(30)] + [f"v{i:03}" for i in range(distinct, 100)]
    dataset = table([], [category("c", values)])
    fitted = Preprocess(one_hot_max=one_hot_max).fit(dataset, np.arange(30))
    assert [v.name for v in fitted.embedded] == ["c"] * (distinct > one_hot_max)
    assert fitted.inputs(dataset.features, dataset.categories).shape == (len(values), width)


def test_codes_of_embeddings() -> None:
    """Each category has rows of one table: unseen, missing, and its texts in the order of the alphabet."""
    first, second = category("first", COLOURS), category("second", ["x", "z", "z", "y", None, "w", "x", "y"])
    between = category("between", list("nnnyynny"))
    dataset = table([range(8)], [first, between, second])
    fitted = Preprocess("none", one_hot_max=2, embedding_width=5).fit(dataset, np.arange(4))
    assert [v.embedded for v in fitted.vocabularies] == [False, False, True]
    fitted = Preprocess("none", one_hot_max=1, embedding_width=5).fit(dataset, np.arange(4))
    assert [v.embedded for v in fitted.vocabularies] == [True, True, True]
    assert [v.size for v in fitted.embedded] == [4, 4, 5]
    assert fitted.embedding_width == 5
    assert fitted.never_trained == [0, 4, 5, 8, 9]
    inputs = fitted.inputs(dataset.features, dataset.categories)
    assert inputs.dtype == np.float32
    expected = [
        [0, 3, 6, 10],
        [1, 2, 6, 12],
        [2, 1, 6, 12],
        [3, 3, 7, 11],
        [4, 0, 7, 9],
        [5, 0, 6, 8],
        [6, 1, 6, 10],
        [7, 2, 7, 11],
    ]
    np.testing.assert_array_equal(inputs, expected)


def test_inputs_are_numbers_then_indicators_then_one_hot_then_codes() -> None:
    values = [[1, 2, NAN, 4], [5, 6, 7, 8]]
    few, many = category("few", ["b", "a", "b", "a"]), category("many", ["k", "l", "m", None])
    inputs = fitted_inputs(table(values, [many, few]), range(4), scaling="none", one_hot_max=2)
    expected = [[1, 5, 0, 0, 1, 2], [2, 6, 0, 1, 0, 3], [2, 7, 1, 0, 1, 4], [4, 8, 0, 1, 0, 1]]
    np.testing.assert_array_equal(inputs, expected)


@pytest.mark.parametrize("regression", [False, True])
@pytest.mark.parametrize("scaling", SCALINGS)
def test_no_training_row_has_a_code_that_is_never_trained_and_each_other_code_has_one(
    scaling: Scaling, regression: bool
) -> None:
    dataset = mixed(regression=regression)
    fitted = Preprocess(scaling, one_hot_max=12).fit(dataset, TRAIN)
    assert [v.name for v in fitted.embedded] == ["many", "some"]
    inputs = fitted.inputs(dataset.features, dataset.categories)
    assert np.isfinite(inputs).all()
    size = sum(v.size for v in fitted.embedded)
    assert sorted({*inputs[TRAIN, -2:].ravel().tolist(), *fitted.never_trained}) == list(range(size))
    assert not set(inputs[TRAIN, -2:].ravel().tolist()) & set(fitted.never_trained)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_a_table_of_categories_alone(scaling: Scaling) -> None:
    dataset = table([], [category("c", list("abcab"))])
    fitted = Preprocess(scaling, one_hot_max=12).fit(dataset, np.arange(4))
    again = Preprocessing.from_state(fitted.state())
    for one in (fitted, again):
        inputs = one.inputs(dataset.features, dataset.categories)
        np.testing.assert_array_equal(inputs, np.eye(3)[[0, 1, 2, 0, 1]])


# ---- the training part alone


@pytest.mark.parametrize("regression", [False, True])
@pytest.mark.parametrize(
    "settings", [{"one_hot_max": 12}, {"one_hot_max": 1, "ranks": True}, {"one_hot_max": 99}], ids=str
)
@pytest.mark.parametrize("scaling", SCALINGS)
def test_everything_is_fitted_on_the_training_part_alone(
    scaling: Scaling, settings: dict[str, Any], regression: bool
) -> None:
    dataset = mixed(regression=regression)
    preprocess = Preprocess(scaling, log_target=regression, **settings)
    fitted = preprocess.fit(dataset, TRAIN)
    inputs = fitted.inputs(dataset.features, dataset.categories)[TRAIN]
    for seed in range(5):
        changed = with_other_rows_changed(dataset, seed)
        again = preprocess.fit(changed, TRAIN)
        assert again.state() == fitted.state()
        found = again.inputs(changed.features, changed.categories)
        np.testing.assert_array_equal(found[TRAIN], inputs)
        assert np.isfinite(found).all()


@pytest.mark.parametrize("scaling", [s for s in SCALINGS if s != "none"])
def test_a_training_row_does_count(scaling: Scaling) -> None:
    dataset = mixed()
    features = dataset.features.copy()
    features[TRAIN[:20], 0] += 10.0
    state = Preprocess(scaling, one_hot_max=12).fit(replace(dataset, features=features), TRAIN).state()
    assert state != Preprocess(scaling, one_hot_max=12).fit(dataset, TRAIN).state()


# ---- the state


def types_in(value: Any) -> set[type]:
    """The types of a value and of all that it holds."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    keys = {type(key) for key in value} if isinstance(value, dict) else set()
    return {type(value), *keys, *(kind for part in inner for kind in types_in(part))}


@pytest.mark.parametrize("regression", [False, True])
@pytest.mark.parametrize("scaling", SCALINGS)
def test_the_state_is_plain_and_gives_the_same_inputs(scaling: Scaling, regression: bool) -> None:
    dataset = mixed(regression=regression)
    fitted = Preprocess(scaling, one_hot_max=12, ranks=regression, log_target=regression, embedding_width=3).fit(
        dataset, TRAIN
    )
    state = fitted.state()
    assert types_in(state) <= {dict, list, str, float, int, bool}
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    read = torch.load(file, weights_only=True)
    assert read == state
    again = Preprocessing.from_state(read)
    assert again.state() == state
    for rows in (dataset, with_other_rows_changed(dataset, 1), mixed(5)):
        inputs = fitted.inputs(rows.features, rows.categories)
        np.testing.assert_array_equal(again.inputs(rows.features, rows.categories), inputs)
    assert again.target == fitted.target
    assert (again.never_trained, again.embedding_width) == (fitted.never_trained, 3)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_fitting_and_applying_leave_the_dataset_alone(scaling: Scaling) -> None:
    dataset, same = mixed(), mixed()
    fitted_inputs(dataset, scaling=scaling)
    np.testing.assert_array_equal(dataset.features, same.features)
    for one, other in zip(dataset.categories, same.categories, strict=True):
        np.testing.assert_array_equal(one.codes, other.codes)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_the_inputs_of_a_row_do_not_depend_on_the_others(scaling: Scaling) -> None:
    dataset = mixed()
    fitted = Preprocess(scaling, one_hot_max=12).fit(dataset, TRAIN)
    inputs = fitted.inputs(dataset.features, dataset.categories)
    for rows in ([3], [80, 3, 3, 41]):
        categories = [replace(c, codes=c.codes[rows]) for c in dataset.categories]
        np.testing.assert_array_equal(fitted.inputs(dataset.features[rows], categories), inputs[rows])


# ---- the target


@pytest.mark.parametrize("log_target", [False, True])
@pytest.mark.parametrize("scaling", SCALINGS)
def test_the_target_of_a_regression_round_trips(scaling: Scaling, log_target: bool) -> None:
    dataset = table([range(90)], target=np.random.default_rng(8).gamma(1.5, 40, 90) - 0.9)
    target = Preprocess(scaling, log_target=log_target).fit(dataset, TRAIN).target
    seen = np.log(1 + dataset.target) if log_target else dataset.target
    assert target.shift == pytest.approx(seen[TRAIN].mean(), rel=1e-12)
    assert target.scale == pytest.approx(seen[TRAIN].std(), rel=1e-12)
    assert target.log is log_target
    scaled = target.scaled(dataset.target)
    np.testing.assert_allclose(scaled, (seen - target.shift) / target.scale, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(target.unit(scaled), dataset.target, rtol=1e-12)


def test_a_log_target_by_hand() -> None:
    dataset = table([range(4)], target=[0.0, math.e - 1, math.e**2 - 1, 1e9])
    target = Preprocess(log_target=True).fit(dataset, np.arange(3)).target
    assert (target.shift, target.scale) == pytest.approx((1.0, math.sqrt(2 / 3)))
    assert target.unit(np.array([0.0])) == pytest.approx([math.e - 1])


@pytest.mark.parametrize("scaling", SCALINGS)
def test_targets_that_keep_their_unit(scaling: Scaling) -> None:
    assert Preprocess(scaling, one_hot_max=12).fit(mixed(), TRAIN).target == TargetScaling(0.0, 1.0, log=False)
    constant = table([[1, 2, 3, 4]], target=[3.0, 3.0, 3.0, 9.0])
    assert Preprocess(scaling, one_hot_max=12).fit(constant, np.arange(3)).target == TargetScaling(3.0, 1.0, log=False)


@pytest.mark.parametrize(("lowest", "shown"), [(-1.0, "-1"), (-2.5, "-2.5"), (-1e9, "-1e+09")])
@pytest.mark.parametrize("place", [0, 3])
def test_a_target_without_a_logarithm(lowest: float, shown: str, place: int) -> None:
    """Also in a row that does not train, named as the source counts it."""
    values = [5.0, -0.5, 2.0, 7.0]
    values[place] = lowest
    dataset = replace(table([range(4)], target=values), kept=np.array([True, False, True, True, False, True]))
    with pytest.raises(DataError) as error:
        Preprocess(log_target=True).fit(dataset, np.arange(3))
    assert str(error.value) == (
        f"preprocess.log_target: 'target', row {[0, 2, 3, 5][place]}, from 0: found {shown}; log(1 + target) needs "
        "targets above -1"
    )


def test_classes_have_no_logarithm() -> None:
    with pytest.raises(DataError) as error:
        Preprocess(log_target=True).fit(mixed(), TRAIN)
    assert str(error.value) == "preprocess.log_target: 'target' has classes; it is for a regression"


# ---- several targets


def several(log: bool = False) -> Dataset:
    draw = np.random.default_rng(3)
    target = np.stack([draw.gamma(2, 3, 90), draw.normal(1e6, 5, 90) if not log else draw.gamma(1, 9, 90)], axis=1)
    return Dataset.from_arrays(draw.normal(size=(90, 2)), target, regression=True, target_names=("a", "b"))


@pytest.mark.parametrize("log", [False, True])
def test_each_of_several_values_is_standardised_alone(log: bool) -> None:
    dataset = several(log)
    fitted = Preprocess(log_target=log).fit(dataset, TRAIN)
    for column in range(2):
        alone = Dataset.from_arrays(dataset.features, dataset.target[:, column], regression=True)
        expected = Preprocess(log_target=log).fit(alone, TRAIN).target
        found = [np.asarray(each)[column] for each in (fitted.target.shift, fitted.target.scale)]
        assert found == pytest.approx([expected.shift, expected.scale], rel=1e-12)
        np.testing.assert_allclose(
            fitted.target.scaled(dataset.target)[:, column], expected.scaled(alone.target), rtol=1e-9, atol=1e-12
        )
    stacked = np.stack([dataset.target] * 3)
    np.testing.assert_allclose(fitted.target.unit(fitted.target.scaled(stacked)), stacked, rtol=1e-12)


@pytest.mark.parametrize("log", [False, True])
def test_the_scaling_of_several_targets_is_saved_as_lists(log: bool) -> None:
    fitted = Preprocess(log_target=log).fit(several(log), TRAIN)
    state = json.loads(json.dumps(fitted.state()))
    assert {name: type(value) for name, value in state["target"].items()} == {"shift": list, "scale": list, "log": bool}
    restored = Preprocessing.from_state(state)
    assert restored.state() == fitted.state()
    np.testing.assert_array_equal(restored.target.scaled(np.ones((4, 2))), fitted.target.scaled(np.ones((4, 2))))


def test_labels_are_not_scaled() -> None:
    labels = Dataset.from_arrays(np.arange(90.0)[:, None], np.stack([np.arange(90) % 2, np.arange(90) % 3 % 2], axis=1))
    assert Preprocess().fit(labels, TRAIN).target == TargetScaling()
    with pytest.raises(DataError) as error:
        Preprocess(log_target=True).fit(labels, TRAIN)
    assert str(error.value) == "preprocess.log_target: 'target 1' has classes; it is for a regression"


def test_the_target_without_a_logarithm_is_named() -> None:
    dataset = several(log=True)
    dataset.target[7, 1] = -3
    with pytest.raises(DataError) as error:
        Preprocess(log_target=True).fit(dataset, TRAIN)
    assert (
        str(error.value)
        == "preprocess.log_target: 'b', row 7, from 0: found -3; log(1 + target) needs targets above -1"
    )

"""A row of weight w counts as w rows do in all that is fitted to the training part."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.mixed import SCALINGS, mixed

from mlp_exp.data.dataset import Dataset
from mlp_exp.data.preprocessing import Preprocess, Scaling
from mlp_exp.data.splits.base import Parts, without_weightless
from mlp_exp.data.statistics import mean_and_scale, quantile, quantiles
from mlp_exp.data.target_scaling import TargetScaling
from mlp_exp.errors import DataError


def drawn(seed: int) -> tuple[Any, Any]:
    """Columns, some rounded or constant, and whole weights, some of them 0."""
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(1, 60))
    values = rng.normal(size=(rows, 3)) * 10.0 ** rng.integers(-6, 6, 3)
    values = values.round(1) if seed % 3 == 0 else values
    values[:, 0] = values[0, 0] if seed % 4 == 0 else values[:, 0]
    weights = rng.integers(0, 5, rows).astype(np.float64)
    weights[rng.integers(rows)] = 3
    return values, weights


@pytest.mark.parametrize("seed", range(40))
def test_statistics_are_those_of_repeated_rows(seed: int) -> None:
    values, weights = drawn(seed)
    repeated = np.repeat(values, weights.astype(int), axis=0)
    for found, expected in zip(mean_and_scale(values, weights), mean_and_scale(repeated), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-15)
    levels = np.random.default_rng(seed).random(9)
    assert np.array_equal(quantile(values, levels, weights), np.quantile(repeated, levels, axis=0))
    np.testing.assert_allclose(quantiles(values, 11, weights), quantiles(repeated, 11), rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("seed", range(10))
def test_values_of_weight_0_have_no_influence(seed: int) -> None:
    values, weights = drawn(seed)
    values[weights == 0] = np.nan
    kept = weights > 0
    assert np.array_equal(quantile(values, [0, 0.3, 1], weights), quantile(values[kept], [0, 0.3, 1], weights[kept]))
    each = np.where(np.isnan(values), 0, weights[:, None])
    assert np.array_equal(quantile(values, [0, 0.3, 1], each), quantile(values, [0, 0.3, 1], weights))


@pytest.mark.parametrize("unit", [1e-300, 1e-9, 0.1, 1.0, 1e18])
def test_quantiles_of_equal_weights_lie_between_the_values_around_them(unit: float) -> None:
    """As those of other weights do, whatever their unit: in the middle where the weights of both sides are equal."""
    values = np.arange(5.0)[:, None]
    assert quantile(values, [0, 0.5, 1], np.full(5, unit))[:, 0].tolist() == [0, 2, 4]
    assert quantile(values, [0, 0.5, 1], unit * np.array([9.0, 1, 1, 2, 6]))[:, 0].tolist() == [0, 1.0, 4]


def test_one_tiny_weight_leaves_the_others_quantiles() -> None:
    values = np.array([[1.0], [2.0], [3.0], [1e9]])
    found = quantile(values, [0, 0.5, 0.99, 1], np.array([1, 1, 1, 1e-9]))
    assert found[:, 0].tolist() == [1, 2, 3, 1e9]


def weighted_and_repeated(*, regression: bool) -> tuple[Dataset, Dataset, Any]:
    """A table of every kind of column, with whole weights and with each row so many times."""
    weights = np.random.default_rng(4).integers(1, 8, 90)
    dataset = mixed(regression=regression)
    rows = np.repeat(np.arange(90), weights)
    repeated = replace(
        dataset,
        features=dataset.features[rows],
        target=dataset.target[rows],
        categories=tuple(replace(each, codes=each.codes[rows]) for each in dataset.categories),
    )
    return replace(dataset, weights=weights.astype(np.float64)), repeated, rows


@pytest.mark.parametrize("regression", [False, True])
@pytest.mark.parametrize("ranks", [False, True])
@pytest.mark.parametrize("scaling", SCALINGS)
def test_inputs_are_those_of_repeated_rows(scaling: Scaling, ranks: bool, regression: bool) -> None:
    preprocess = Preprocess(scaling, ranks, one_hot_max=12, log_target=regression and ranks)
    weighted, repeated, rows = weighted_and_repeated(regression=regression)
    train = np.arange(0, 90, 2)
    found = preprocess.fit(weighted, train)
    expected = preprocess.fit(repeated, np.flatnonzero(rows % 2 == 0))
    assert found.numbers.fill == pytest.approx(expected.numbers.fill, rel=1e-12)
    assert (found.indicators, found.vocabularies) == (expected.indicators, expected.vocabularies)
    np.testing.assert_allclose(
        found.inputs(weighted.features, weighted.categories),
        expected.inputs(weighted.features, weighted.categories),
        rtol=1e-5,
        atol=1e-6,
    )
    scales = [(each.target.shift, each.target.scale) for each in (found, expected)]
    assert scales[0] == pytest.approx(scales[1], rel=1e-12)


def test_each_of_several_targets_is_scaled_by_the_weights() -> None:
    target, weights = np.array([[1.0, 10.0], [3.0, 40.0]]), np.array([1.0, 3.0])
    found = TargetScaling.fit(target, weights=weights)
    expected = TargetScaling.fit(np.repeat(target, [1, 3], axis=0))
    np.testing.assert_allclose(found.shift, expected.shift)
    np.testing.assert_allclose(found.scale, expected.scale)


def test_rows_of_weight_0_are_in_no_part() -> None:
    parts = Parts(np.array([0, 1]), np.array([2]), np.array([3, 4]))
    assert without_weightless(parts, None) is parts
    assert without_weightless(parts, np.ones(5)).fingerprint == parts.fingerprint
    found = without_weightless(parts, np.array([0.0, 1, 0.5, 0, 1]))
    assert [rows.tolist() for rows in (found.train, found.val, found.test)] == [[1], [2], [4]]
    for weights, message in (
        ([0.0, 0, 1, 1, 1], "split: the weights of the train part (2 rows) are all 0 (data.weight)"),
        ([1.0, 0, 0, 1, 1], "split: the weights of the val part (1 row) are all 0 (data.weight)"),
    ):
        with pytest.raises(DataError) as error:
            without_weightless(parts, np.array(weights))
        assert str(error.value) == message

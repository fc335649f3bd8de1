"""To the last bit those of scikit-learn."""

from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import QuantileTransformer, StandardScaler

from mlp_exp.data.statistics import QUANTILE_ROWS, mean_and_scale, quantiles, ranks


def columns(seed: int) -> Any:
    """Of any scale and offset; some rounded, one constant, in either order of memory."""
    rng = np.random.default_rng(seed)
    rows, count = int(rng.integers(1, 300)), int(rng.integers(1, 6))
    offset = 10.0 ** rng.integers(-3, 9, count) * rng.integers(0, 2, count)
    values = rng.normal(size=(rows, count)) * 10.0 ** rng.integers(-12, 12, count) + offset
    values = values.round(1) if seed % 3 == 0 else values
    values[:, 0] = values[0, 0] if seed % 4 == 0 else values[:, 0]
    return np.asfortranarray(values) if seed % 2 else values


def test_means_and_scales() -> None:
    for seed in range(100):
        values = columns(seed)
        expected = StandardScaler().fit(values)
        mean, scale = mean_and_scale(values)
        assert np.array_equal(mean, expected.mean_), seed
        assert np.array_equal(scale, expected.scale_), seed


@pytest.mark.parametrize("distribution", ["uniform", "normal"])
def test_quantiles_and_ranks(distribution: Any) -> None:
    """Ranks of values inside, at the ends and outside."""
    for seed in range(60):
        values = columns(seed)
        count = min(2 + seed % 40, len(values))
        expected = QuantileTransformer(n_quantiles=count, output_distribution=distribution, subsample=QUANTILE_ROWS)
        found = quantiles(values, count)
        assert np.array_equal(found, expected.fit(values).quantiles_), seed
        outside = values.mean(0) + 3 * np.abs(values).max(0) * np.random.default_rng(seed).normal(size=values.shape)
        shown = np.concatenate([values, outside])
        with np.errstate(all="ignore"):
            theirs = expected.transform(shown)
        for column in range(shown.shape[1]):
            assert np.array_equal(ranks(shown[:, column], found[:, column], distribution), theirs[:, column]), seed


def test_quantiles_of_many_rows_are_those_of_a_sample() -> None:
    values = np.random.default_rng(0).normal(size=(QUANTILE_ROWS + 20_000, 1))
    expected = QuantileTransformer(n_quantiles=50, subsample=QUANTILE_ROWS, random_state=0).fit(values).quantiles_
    assert np.array_equal(quantiles(values, 50), expected)

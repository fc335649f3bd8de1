"""Which rows of an estimator validate."""

import numpy as np
import pytest

from mlp_exp.estimators.targets import held_out


def test_a_fraction_validates_with_classes_in_proportion() -> None:
    codes = np.repeat([0, 1], [300, 100])
    found = held_out(400, codes, 0.1, seed=0)
    assert np.bincount(codes[found]).tolist() == [30, 10]
    assert held_out(400, None, 0.1, seed=0).sum() == 40
    assert (held_out(400, codes, 0.1, seed=1) != found).any()


@pytest.mark.parametrize("seed", range(5))
def test_each_class_trains(seed: int) -> None:
    codes = np.append(np.zeros(90, int), np.arange(1, 61))  # more classes than rows to validate
    found = held_out(150, codes, 0.4, seed)
    assert found.sum() == 60
    assert set(codes[~found]) == set(range(61))


@pytest.mark.parametrize(("rows", "fraction"), [(94, 0.1), (400, 0.0), (12, 0.99)])
def test_none_validates_where_it_would_be_chance(rows: int, fraction: float) -> None:
    assert not held_out(rows, np.arange(rows) % 2, fraction, seed=0).any()

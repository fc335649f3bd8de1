"""A part of a dataset: evenly spaced in the order of the target."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.mixed import mixed, table

from mlp_exp.data.dataset import Dataset
from mlp_exp.data.splits.predefined import FileSplit

ROWS = [2, 3, 7, 10, 44, 45, 46, 88, 89]


@pytest.mark.parametrize("regression", [False, True])
@pytest.mark.parametrize("rows", ROWS)
def test_all_that_belongs_to_a_row_stays_with_it(rows: int, regression: bool) -> None:
    whole = mixed(regression=regression)
    whole = replace(whole, aside={"by": np.arange(90) * 3})
    part = whole.at_most(rows)
    chosen = part.source_rows
    assert len(chosen) == len(set(chosen)) == rows == len(part.target)
    assert chosen.tolist() == sorted(chosen)
    np.testing.assert_array_equal(part.features, whole.features[chosen])
    np.testing.assert_array_equal(part.target, whole.target[chosen])
    np.testing.assert_array_equal(part.aside["by"], chosen * 3)
    for before, after in zip(whole.categories, part.categories, strict=True):
        assert (after.name, after.texts) == (before.name, before.texts)
        np.testing.assert_array_equal(after.codes, before.codes[chosen])
    same = ("feature_names", "targets", "ordered", "columns", "unlabelled", "task")
    assert [getattr(part, name) for name in same] == [getattr(whole, name) for name in same]
    assert (part.features.dtype, part.target.dtype) == (whole.features.dtype, whole.target.dtype)
    assert whole.at_most(rows).fingerprint == part.fingerprint != whole.fingerprint


@pytest.mark.parametrize("rows", [None, 90, 91, 10**9])
def test_a_dataset_that_is_small_enough_is_left_as_it_is(rows: int | None) -> None:
    whole = mixed()
    assert whole.at_most(rows) is whole


@pytest.mark.parametrize("rows", [10, 37, 100, 499])
def test_classes_stay_in_proportion(rows: int) -> None:
    labels = np.random.default_rng(0).choice(5, 500, p=[0.5, 0.25, 0.15, 0.07, 0.03])
    part = Dataset.from_arrays(np.arange(500)[:, None], labels).at_most(rows)
    assert part.class_names == ("0", "1", "2", "3", "4")
    expected = np.bincount(labels) * rows / 500
    assert np.abs(np.bincount(part.target, minlength=5) - expected).max() < 2


def test_values_span_their_range() -> None:
    values = np.random.default_rng(0).permutation(1000.0 + np.arange(101))
    part = Dataset.from_arrays(np.arange(101)[:, None], values, regression=True).at_most(11)
    assert sorted(part.target) == [1000, 1010, 1020, 1030, 1040, 1050, 1060, 1070, 1080, 1090, 1100]


def test_a_part_of_a_part_counts_rows_of_the_source() -> None:
    """A table whose rows without a target are left out already."""
    there = np.arange(120) % 4 != 0
    whole = replace(mixed(), kept=there)
    part = whole.at_most(20)
    assert set(part.source_rows) < set(np.flatnonzero(there))
    assert part.kept is not None
    assert (len(part.kept), part.kept.sum()) == (120, 20)
    np.testing.assert_array_equal(
        part.at_most(5).features, whole.features[np.isin(whole.source_rows, part.at_most(5).source_rows)]
    )


def test_files_of_row_numbers_still_name_rows_of_the_source(tmp_path: Path) -> None:
    numbers = np.arange(90.0)
    part = table([numbers], target=numbers[::-1]).at_most(10)
    for name, rows in (("train", range(0, 60)), ("test", range(60, 90))):
        (tmp_path / name).write_text("\n".join(map(str, rows)), encoding="utf-8")
    parts = FileSplit(str(tmp_path / "train"), str(tmp_path / "test")).parts(part, np.random.default_rng(0))
    assert part.features[parts.train, 0].tolist() == [row for row in part.source_rows if row < 60]
    assert part.features[parts.test, 0].tolist() == [row for row in part.source_rows if row >= 60]
    assert len(parts.train) + len(parts.test) == 10


def test_several_targets_are_in_the_order_of_the_first() -> None:
    draw = np.random.default_rng(0)
    target = np.stack([draw.permutation(np.arange(101.0)), draw.normal(size=101)], axis=1)
    weights = draw.uniform(size=101)
    whole = Dataset.from_arrays(np.arange(101)[:, None], target, regression=True, weights=weights)
    part = whole.at_most(11)
    assert sorted(part.target[:, 0]) == [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]
    np.testing.assert_array_equal(part.target, target[part.source_rows])
    assert part.weights is not None
    np.testing.assert_array_equal(part.weights, weights[part.source_rows])
    assert part.targets == whole.targets

"""Which rows train, validate and test."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mlp_exp.data.dataset import Dataset
from mlp_exp.data.splits.base import Parts, Split
from mlp_exp.data.splits.by_fraction import FoldSplit, GroupSplit, RandomSplit, TimeSplit
from mlp_exp.data.splits.predefined import ColumnSplit, FileSplit
from mlp_exp.errors import DataError


def classes(*counts: int, seed: int = 0) -> Dataset:
    """Random features with `counts[c]` rows of class c, shuffled."""
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.repeat(np.arange(len(counts)), counts))
    return Dataset.from_arrays(generator.normal(size=(len(labels), 3)), labels)


def values(rows: int, seed: int = 0) -> Dataset:
    generator = np.random.default_rng(seed)
    return Dataset.from_arrays(generator.normal(3, 5, (rows, 3)), generator.normal(-40, 7, rows), regression=True)


def split(dataset: Dataset, kind: Split, run_seed: int = 0) -> Parts:
    return kind.parts(dataset, np.random.default_rng(run_seed))


# shares

SETS = {
    "two classes": classes(60, 40),
    "rare class": classes(150, 30, 20),
    "ten classes": classes(*range(20, 30)),
    "odd count": classes(71, 66),
    "regression": values(103),
}
TOO_FEW = r"expected one or more, and some left to train with\. Take another share, or more rows"
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
        parts = split(dataset, RandomSplit(train, val, test, seed=None if seed % 2 else seed), run_seed=seed)
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
        parts = split(SETS[name], RandomSplit(train, val, test, seed=seed))
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
    shares = RandomSplit(0.7, 0.1, 0.2, seed=seed)
    first = split(SETS[name], shares, run_seed=1)
    assert same(first, split(SETS[name], shares, run_seed=2))
    assert same(first, split(SETS[name], shares, run_seed=1))
    assert not same(first, split(SETS[name], RandomSplit(0.7, 0.1, 0.2, seed=seed + 1), run_seed=1))


def test_a_fixed_split_seed_leaves_the_runs_stream_alone() -> None:
    generator = np.random.default_rng(9)
    RandomSplit(0.7, 0.1, 0.2, seed=3).parts(SETS["two classes"], generator)
    assert generator.integers(2**31) == np.random.default_rng(9).integers(2**31)


@pytest.mark.parametrize("name", SETS)
def test_without_a_split_seed_the_run_decides(name: str) -> None:
    shares = RandomSplit(0.7, 0.1, 0.2)
    splits = [split(SETS[name], shares, run_seed=seed) for seed in range(5)]
    for index, first in enumerate(splits):
        assert same(first, split(SETS[name], shares, run_seed=index))
        assert not any(same(first, other) for other in splits[index + 1 :])


@pytest.mark.parametrize(("name", "seed"), [("two classes", 0), ("regression", 5)])
def test_the_test_part_does_not_depend_on_the_validation_share(name: str, seed: int) -> None:
    with_val = split(SETS[name], RandomSplit(0.6, 0.2, 0.2, seed=seed))
    without = split(SETS[name], RandomSplit(0.8, 0.0, 0.2, seed=seed))
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
            rf"^split\.val: 0\.02 of 20 rows is 0; {TOO_FEW}$",
        ),
        (values(10), (0.79, 0.01, 0.2), rf"^split\.val: 0\.01 of 10 rows is 0; {TOO_FEW}$"),
        (values(3), (0.05, 0.05, 0.9), rf"^split\.test: 0\.9 of 3 rows is 3; {TOO_FEW}$"),
    ],
)
def test_parts_that_are_too_small(dataset: Dataset, shares: tuple[float, float, float], message: str) -> None:
    for seed in range(5):
        with pytest.raises(DataError, match=message):
            split(dataset, RandomSplit(*shares, seed=seed))


# every kind of split

LONG = [FoldSplit(4, 1, val=0.2, seed=3), RandomSplit(0.6, 0.2, 0.2, seed=3)]
BY_COLUMN = [
    GroupSplit("by", 0.6, 0.2, 0.2, seed=3),
    TimeSplit("by", 0.6, 0.2, 0.2),
]


def with_column(values: Any, dataset: Dataset | None = None) -> Dataset:
    """A dataset with a column `by` that is kept aside."""
    values = np.asarray(values)
    dataset = dataset or classes(len(values) - len(values) // 2, len(values) // 2)
    return replace(dataset, aside={"by": values})


@pytest.mark.parametrize("kind", [*LONG, *BY_COLUMN], ids=lambda kind: type(kind).__name__)
def test_a_split_cuts_the_rows_into_three_parts_and_repeats_itself(kind: Split) -> None:
    dataset = with_column(np.random.default_rng(1).integers(25, size=100))
    parts = split(dataset, kind)
    assert [name for name, _ in parts.items()] == ["train", "val", "test"]
    assert sorted(np.concatenate([parts.train, parts.val, parts.test]).tolist()) == list(range(100))
    for rows in (parts.train, parts.val, parts.test):
        assert rows.dtype == np.int64
        assert (np.diff(rows) > 0).all()
    assert same(parts, split(dataset, kind, run_seed=7))


@pytest.mark.parametrize("kind", [*BY_COLUMN, ColumnSplit("by")], ids=lambda kind: type(kind).__name__)
def test_a_split_by_a_column_needs_a_table(kind: Split) -> None:
    assert kind.aside == "by"
    with pytest.raises(DataError) as error:
        split(classes(5, 5), kind)
    assert str(error.value) == "split.column: this data has no column 'by'; a table has (data=table)"


@pytest.mark.parametrize(
    ("kind", "name"), [(RandomSplit(1, 0, 0), None), (FileSplit("a", "b"), None), (ColumnSplit(3), "3")]
)
def test_what_a_split_keeps_aside(kind: Split, name: str | None) -> None:
    assert kind.aside == name


def test_the_network_sees_the_time_and_no_other_column_to_split_by() -> None:
    assert [kind.aside_is_feature for kind in (TimeSplit, GroupSplit, ColumnSplit, RandomSplit)] == [
        True,
        False,
        False,
        False,
    ]


# folds


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("folds", [2, 5, 7])
@pytest.mark.parametrize("seed", [0, None])
def test_the_folds_partition_the_rows(name: str, folds: int, seed: int | None) -> None:
    dataset = SETS[name]
    every = [split(dataset, FoldSplit(folds, fold, val=0.2, seed=seed), run_seed=4) for fold in range(folds)]
    n = len(dataset.target)
    assert sorted(np.concatenate([parts.test for parts in every]).tolist()) == list(range(n))
    for parts in every:
        assert n // folds <= len(parts.test) <= n // folds + 1
        rest = n - len(parts.test)
        assert len(parts.val) == round(0.2 * rest)
        assert len(parts.train) == rest - len(parts.val)


@pytest.mark.parametrize("name", [name for name in SETS if name != "regression"])
def test_folds_are_stratified_within_a_row(name: str) -> None:
    target = SETS[name].target
    counts = np.bincount(target)
    for fold in range(5):
        parts = split(SETS[name], FoldSplit(5, fold, seed=1))
        np.testing.assert_array_less(abs(np.bincount(target[parts.test]) - counts / 5), 1)
        in_val = np.bincount(target[parts.val], minlength=len(counts))
        rest = counts - np.bincount(target[parts.test])
        np.testing.assert_array_less(abs(in_val - rest * len(parts.val) / rest.sum()), 1)


@pytest.mark.parametrize(("seed", "alike"), [(5, True), (None, False)])
def test_the_seed_of_the_folds_is_their_own_or_the_runs(seed: int | None, alike: bool) -> None:
    first, second = (split(SETS["two classes"], FoldSplit(5, 2, seed=seed), run_seed=run) for run in (1, 2))
    assert same(first, second) is alike
    assert not same(first, split(SETS["two classes"], FoldSplit(5, 2, seed=6), run_seed=1))


def test_folds_without_a_validation_part() -> None:
    parts = split(SETS["odd count"], FoldSplit(3, 0, val=0))
    assert [name for name, _ in parts.items()] == ["train", "test"]
    assert len(parts.train) + len(parts.test) == 137


@pytest.mark.parametrize(
    ("dataset", "kind", "message"),
    [
        (
            classes(3, 3),
            FoldSplit(5, 0),
            r"^split\.folds: 6 rows cannot be cut into 5 folds: n_splits=5 cannot be greater than the number",
        ),
        (values(3), FoldSplit(4, 0), r"^split\.folds: 3 rows cannot be cut into 4 folds: Cannot have number of splits"),
        (
            values(20),
            FoldSplit(5, 0, val=0.01),
            rf"^split\.val: 0\.01 of 16 rows is 0; {TOO_FEW}$",
        ),
    ],
)
def test_folds_that_cannot_be(dataset: Dataset, kind: FoldSplit, message: str) -> None:
    with pytest.raises(DataError, match=message):
        split(dataset, kind)


def test_a_class_with_fewer_rows_than_folds_is_told(caplog: pytest.LogCaptureFixture) -> None:
    parts = split(classes(20, 3), FoldSplit(5, 0, seed=0, val=0))
    assert len(parts.test) == 5
    (record,) = caplog.records
    assert record.getMessage() == (
        "split.folds: The least populated class in y has only 3 members, which is less than n_splits=5."
    )


# groups


@pytest.mark.parametrize("labels", [int, str, float], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("seed", range(6))
def test_no_group_is_in_two_parts(labels: type, seed: int) -> None:
    group = np.random.default_rng(seed).integers(30, size=200)
    dataset = with_column(np.array([labels(g) for g in group], dtype=object if labels is str else None))
    parts = split(dataset, GroupSplit("by", 0.5, 0.2, 0.3, seed=seed))
    in_part = [set(group[rows].tolist()) for rows in (parts.train, parts.val, parts.test)]
    assert [len(groups) for groups in in_part] == [15, 6, 9]
    assert len(set.union(*in_part)) == len(np.unique(group)) == 30
    assert len(parts.train) + len(parts.val) + len(parts.test) == 200


@pytest.mark.parametrize(("seed", "alike"), [(5, True), (None, False)])
def test_the_seed_of_the_groups_is_their_own_or_the_runs(seed: int | None, alike: bool) -> None:
    dataset = with_column(np.arange(60) // 2)
    first, second = (split(dataset, GroupSplit("by", 0.6, 0.2, 0.2, seed=seed), run_seed=run) for run in (1, 2))
    assert same(first, second) is alike


def test_groups_without_a_validation_part() -> None:
    parts = split(with_column(np.arange(60) // 6), GroupSplit("by", 0.7, 0, 0.3, seed=0))
    assert [len(rows) for rows in (parts.train, parts.val, parts.test)] == [42, 0, 18]


@pytest.mark.parametrize(
    ("groups", "shares", "line"),
    [
        (2, (0.7, 0.1, 0.2), "split.test: 0.2 of 2 groups is 0; "),
        (4, (0.7, 0.1, 0.2), "split.val: 0.1 of 4 groups is 0; "),
        (2, (0.1, 0.45, 0.45), "split.val: 0.45 of 2 groups is 1; "),
        (1, (0.2, 0.0, 0.8), "split.test: 0.8 of 1 groups is 1; "),
    ],
)
def test_too_few_groups(groups: int, shares: tuple[float, float, float], line: str) -> None:
    with pytest.raises(DataError) as error:
        split(with_column(np.arange(24) % groups), GroupSplit("by", *shares, seed=0))
    assert str(error.value) == (
        f"{line}expected one or more, and some left to train with. Take another share, or more groups"
    )


# time

DAYS = np.arange("2020-01-01", "2020-04-10", dtype="datetime64[D]")


@pytest.mark.parametrize("times", [DAYS, DAYS.astype("datetime64[us]"), np.arange(100) / 7, np.arange(100)], ids=str)
def test_the_past_trains_and_the_future_tests(times: Any) -> None:
    order = np.random.default_rng(0).permutation(100)
    parts = split(with_column(times[order]), TimeSplit("by", 0.6, 0.25, 0.15))
    assert np.sort(order[parts.train]).tolist() == list(range(60))
    assert np.sort(order[parts.val]).tolist() == list(range(60, 85))
    assert np.sort(order[parts.test]).tolist() == list(range(85, 100))


@pytest.mark.parametrize("seed", range(10))
def test_rows_of_one_time_stay_together_in_the_later_part(seed: int) -> None:
    times = np.random.default_rng(seed).integers(12, size=100)
    parts = split(with_column(times), TimeSplit("by", 0.6, 0.2, 0.2))
    train, val, test = (times[rows] for rows in (parts.train, parts.val, parts.test))
    assert train.max() < val.min()
    assert val.max() < test.min()
    # a row earlier would be one too many
    assert len(test) >= 20
    assert (times > test.min()).sum() < 20
    assert len(val) + len(test) >= 40
    assert (times > val.min()).sum() < 40


@pytest.mark.parametrize(("val", "test"), [(0.0, 0.3), (0.3, 0.0), (0.0, 0.0)])
def test_times_without_a_part(val: float, test: float) -> None:
    parts = split(with_column(np.arange(50)), TimeSplit("by", 1 - val - test, val, test))
    assert [len(parts.val), len(parts.test)] == [round(50 * val), round(50 * test)]
    assert parts.train.tolist() == list(range(50 - len(parts.val) - len(parts.test)))


@pytest.mark.parametrize(
    ("times", "part"),
    [
        ([1] * 10, "train"),
        ([1] * 7 + [2] * 3, "train"),
        ([1] * 6 + [2] * 4, "val"),
        ([1] * 9 + [2], "train"),
        ([1, 2] * 5, "val"),
    ],
)
def test_times_that_leave_a_part_empty(times: list[int], part: str) -> None:
    with pytest.raises(DataError) as error:
        split(with_column(times), TimeSplit("by", 0.6, 0.2, 0.2))
    assert str(error.value) == (
        f"split.{part}: no row of the 10 falls into its share of the time: column 'by' has {len(set(times))} "
        "different values, and equal ones stay together"
    )


def test_texts_are_no_times() -> None:
    """10:00 would come before 9:00."""
    with pytest.raises(DataError) as error:
        split(with_column(np.array(["9:00", "10:00"] * 5, dtype=object)), TimeSplit("by", 0.6, 0.2, 0.2))
    assert str(error.value) == "split.column: 'by', row 0, from 0: expected a date or a number to sort by, found '9:00'"


# a column that says it

WORDS = np.array(["train", "val", "test", "train", "train", "test"], dtype=object)


def test_a_column_names_the_parts() -> None:
    parts = split(with_column(WORDS), ColumnSplit("by"))
    assert [part.tolist() for part in (parts.train, parts.val, parts.test)] == [[0, 3, 4], [1], [2, 5]]
    parts = split(with_column(np.where(WORDS == "val", "test", WORDS)), ColumnSplit("by"))
    assert [part.tolist() for part in (parts.train, parts.val, parts.test)] == [[0, 3, 4], [], [1, 2, 5]]


@pytest.mark.parametrize(
    ("words", "kept", "line"),
    [
        (["train", "Train", "test", "x"], None, "row 1, from 0: expected train, val or test, found 'Train' (2 such)"),
        (["train", "", "test", "val"], None, "row 1, from 0: expected train, val or test, found '' (1 such)"),
        ([0, 1, 2, 0], None, "row 0, from 0: expected train, val or test, found '0' (4 such)"),
        (
            ["train", "dev", "test", "test"],
            [False, True, False, True, True, True],
            "row 3, from 0: expected train, val or test, found 'dev' (1 such)",
        ),
    ],
)
def test_other_words_are_refused(words: list[Any], kept: list[bool] | None, line: str) -> None:
    dataset = replace(with_column(words), kept=None if kept is None else np.array(kept))
    with pytest.raises(DataError) as error:
        split(dataset, ColumnSplit("by"))
    assert str(error.value) == f"split.column: 'by', {line}"


def test_a_column_without_training_rows() -> None:
    with pytest.raises(DataError) as error:
        split(with_column(["test", "val"] * 2), ColumnSplit("by"))
    assert str(error.value) == "split: none of the 4 rows is left to train with"


# files of row numbers


@pytest.fixture
def write(tmp_path: Path) -> Any:
    """Writes a file of row numbers, or of any text or bytes; returns its path."""

    def write_file(name: str, rows: Any) -> str:
        path = tmp_path / name
        if isinstance(rows, bytes):
            path.write_bytes(rows)
        elif name.endswith(".npy"):
            np.save(path, np.asarray(rows), allow_pickle=True)
        else:
            path.write_text(rows if isinstance(rows, str) else "\n".join(map(str, rows)), encoding="utf-8")
        return str(path)

    return write_file


@pytest.mark.parametrize("form", ["a.txt", "a.npy", "a.csv"])
def test_files_name_the_rows(write: Any, form: str) -> None:
    kind = FileSplit(train=write(f"train_{form}", [4, 0, 2]), test=write(f"test_{form}", [5, 1]))
    parts = split(values(8), kind)
    assert [part.tolist() for part in (parts.train, parts.val, parts.test)] == [[0, 2, 4], [], [1, 5]]
    parts = split(values(8), replace(kind, val=write(f"val_{form}", [7])))
    assert [part.tolist() for part in (parts.train, parts.val, parts.test)] == [[0, 2, 4], [7], [1, 5]]


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("a.txt", "2\n0\n1"),
        ("a.txt", "0 1 2\n"),
        ("a.txt", "0.0\n1.0\r\n2e0\n"),
        ("a.txt", b"\xef\xbb\xbf0\n1\n2\n"),
        ("a.npy", [[0], [1], [2]]),
        ("a.npy", [0.0, 1.0, 2.0]),
        ("a.npy", np.array([0, 1, 2], dtype=np.uint8)),
    ],
)
def test_forms_of_row_numbers(write: Any, name: str, rows: Any) -> None:
    assert split(values(8), FileSplit(write(name, rows), write("test.txt", [3]))).train.tolist() == [0, 1, 2]


def test_row_numbers_are_of_the_source_and_rows_without_a_target_fall_out(write: Any) -> None:
    kept = np.array([True, False, True, True, False, True, True, False])
    dataset = replace(values(5), kept=kept)
    assert dataset.source_rows.tolist() == [0, 2, 3, 5, 6]
    parts = split(dataset, FileSplit(write("train", [0, 1, 2, 6]), write("test", [7, 5]), write("val", [3, 4])))
    assert [dataset.source_rows[part].tolist() for part in (parts.train, parts.val, parts.test)] == [
        [0, 2, 6],
        [3],
        [5],
    ]
    with pytest.raises(DataError) as error:
        split(dataset, FileSplit(write("train", [1, 4]), write("test", [0])))
    assert str(error.value) == "split: none of the 5 rows is left to train with"
    with pytest.raises(DataError, match=r"^split\.train: '.*train' names row 8; the table has rows 0 to 7$"):
        split(dataset, FileSplit(write("train", [0, 8]), write("test", [7])))


@pytest.mark.parametrize(
    ("name", "rows", "line"),
    [
        ("a.txt", [0, 8, 9], "'{}' names row 8; the table has rows 0 to 7"),
        ("a.npy", [0, -1], "'{}' names row -1; the table has rows 0 to 7"),
        ("a.txt", [0, 3, 1, 3], "'{}' names row 3 more than once"),
        ("a.txt", [0, 6, 5], "row 6 of '{}' is in the train part too; 2 such"),
        ("a.txt", [0, 1.5], "'{}': expected whole row numbers from 0, found 1.5"),
        ("a.txt", "nan", "'{}': expected whole row numbers from 0, found nan"),
        ("a.txt", "1 inf", "'{}': expected whole row numbers from 0, found inf"),
        ("a.txt", "1e300", "'{}': expected whole row numbers from 0, found 1e+300"),
        ("a.txt", "\n \n", "'{}': expected whole row numbers from 0, found none"),
        ("a.txt", "row\n1", "'{}': expected a row number in each line: could not convert string to float: 'row'"),
        ("a.npy", [True, False], "'{}': expected whole row numbers from 0, found an array of bool"),
        ("a.npy", ["a"], "'{}': expected whole row numbers from 0, found an array of <U1"),
        ("a.npy", [], "'{}': expected whole row numbers from 0, found none"),
        ("a.npy", [None], "'{}': expected a row number in each line: Object arrays cannot be loaded when allow_pickle"),
        ("a.npy", b"", "'{}': expected a row number in each line: EOF: reading magic string, expected 8 bytes got 0"),
        ("a.npy", b"0 1 2\n3 4", "'{}': expected a row number in each line: the magic string is not correct"),
        ("a.txt", b"\xff\xfe0", "'{}': expected a row number in each line: 'utf-8' codec can't decode byte 0xff"),
    ],
)
def test_files_that_name_no_parts(write: Any, name: str, rows: Any, line: str) -> None:
    path = write(name, rows)
    with pytest.raises(DataError) as error:
        split(values(8), FileSplit(write("train", [5, 6]), write("test", [4]), path))
    expected = f"split.val: {line.format(path)}"
    assert str(error.value)[: len(expected)] == expected
    assert "in each line" in line or str(error.value) == expected  # the rest is what NumPy or Python says


def test_a_file_that_is_not_there(write: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for path in ("nowhere.txt", "."):
        with pytest.raises(DataError) as error:
            split(values(8), FileSplit(write("train", [5]), path))
        assert str(error.value) == f"split.test: there is no file '{path}' (seen from {tmp_path})"


# several targets, and classes in order


def labels(rows: int, rare: int, seed: int = 0) -> Dataset:
    """Two labels, of which `rare` rows have both."""
    generator = np.random.default_rng(seed)
    both = np.array([[0, 0], [0, 1], [1, 0]])[np.arange(rows) % 3]
    both[:rare] = 1
    return Dataset.from_arrays(generator.normal(size=(rows, 2)), generator.permutation(both))


def combinations(dataset: Dataset) -> NDArray[np.int64]:
    codes: NDArray[np.int64] = dataset.target[:, 0] * 2 + dataset.target[:, 1]
    return codes


@pytest.mark.parametrize("kind", [RandomSplit(0.6, 0.2, 0.2, seed=3), FoldSplit(5, 2, 0.25, seed=3)])
def test_combinations_of_labels_are_in_proportion(kind: Split) -> None:
    dataset = labels(300, 20)
    codes = combinations(dataset)
    alone = Dataset.from_arrays(dataset.features, codes)
    parts = split(dataset, kind)
    assert parts.fingerprint == split(alone, kind).fingerprint
    for rows, share in ((parts.train, 0.6), (parts.val, 0.2), (parts.test, 0.2)):
        assert np.abs(np.bincount(codes[rows]) - share * np.bincount(codes)).max() <= 1


@pytest.mark.parametrize(
    ("kind", "rare", "lines"),
    [
        (
            RandomSplit(0.6, 0.2, 0.2, seed=3),
            1,
            [
                f"split.{part}: some combination of labels is too rare to be in proportion; rows are random"
                for part in ("test", "val")
            ],
        ),
        (
            FoldSplit(5, 2, 0.0, seed=3),
            4,
            ["split.folds: some combination of labels has fewer rows than folds; rows are random"],
        ),
    ],
)
def test_rows_are_random_where_a_combination_of_labels_is_rare(
    kind: Split, rare: int, lines: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    dataset = labels(300, rare)
    without = Dataset.from_arrays(dataset.features, dataset.target, regression=True)
    with caplog.at_level(logging.INFO):
        assert split(dataset, kind).fingerprint == split(without, kind).fingerprint
    assert caplog.messages == lines


@pytest.mark.parametrize("kind", [RandomSplit(0.7, 0.1, 0.2, seed=3), FoldSplit(5, 2, seed=3)])
def test_classes_in_order_are_split_as_classes(kind: Split) -> None:
    dataset = SETS["rare class"]
    assert split(replace(dataset, ordered=True), kind).fingerprint == split(dataset, kind).fingerprint

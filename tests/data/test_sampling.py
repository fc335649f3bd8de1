"""The rows are those of scikit-learn, and so are its objections."""

import warnings
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

from mlp_exp.data.splits.sampling import fold_of_rows, take

Parts = Sequence[NDArray[np.int64]]


def lists(draw: Callable[[], Parts]) -> list[list[int]] | str:
    """The rows of each part, or why there are none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return [part.tolist() for part in draw()]
    except ValueError as error:
        return str(error)


def table(seed: int) -> tuple[np.random.Generator, int, NDArray[np.int64] | None]:
    """How many rows, and their classes, of every third table none."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2, 200))
    return rng, count, None if seed % 3 == 0 else 3 * rng.integers(0, int(rng.integers(1, 7)), count)


def test_random_rows_are_those_of_scikit_learn() -> None:
    for seed in range(200):
        rng, count, classes = table(seed)
        rows = np.sort(rng.permutation(10 * count)[:count])
        taken = int(rng.integers(1, count))
        expected = lists(partial(train_test_split, rows, test_size=taken, random_state=seed, stratify=classes))
        assert lists(partial(take, rows, taken, classes, seed)) == expected, seed


def test_folds_are_those_of_scikit_learn() -> None:
    def theirs(count: int, folds: int, classes: NDArray[np.int64] | None, seed: int) -> Parts:
        kind = KFold if classes is None else StratifiedKFold
        return [test for _, test in kind(folds, shuffle=True, random_state=seed).split(range(count), classes)]

    def ours(count: int, folds: int, classes: NDArray[np.int64] | None, seed: int) -> Parts:
        found = fold_of_rows(count, folds, classes, seed)
        return [np.flatnonzero(found == fold) for fold in range(folds)]

    for seed in range(200):
        rng, count, classes = table(seed)
        folds = int(rng.integers(2, 12))
        expected = lists(partial(theirs, count, folds, classes, seed))
        found = lists(partial(ours, count, folds, classes, seed))
        assert found == ([sorted(part) for part in expected] if isinstance(expected, list) else expected), seed

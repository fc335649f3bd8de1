"""The rows are those of scikit-learn, and so are its objections."""

import warnings
from collections.abc import Callable, Sequence

import numpy as np
import pytest
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


@pytest.mark.parametrize("seed", range(200))
def test_random_rows_are_those_of_scikit_learn(seed: int) -> None:
    rng, count, classes = table(seed)
    rows = np.sort(rng.permutation(10 * count)[:count])
    taken = int(rng.integers(1, count))
    expected = lists(lambda: train_test_split(rows, test_size=taken, random_state=seed, stratify=classes))
    assert lists(lambda: take(rows, taken, classes, seed)) == expected


@pytest.mark.parametrize("seed", range(200))
def test_folds_are_those_of_scikit_learn(seed: int) -> None:
    rng, count, classes = table(seed)
    folds = int(rng.integers(2, 12))
    kind = KFold if classes is None else StratifiedKFold

    def theirs() -> Parts:
        return [test for _, test in kind(folds, shuffle=True, random_state=seed).split(range(count), classes)]

    def ours() -> Parts:
        found = fold_of_rows(count, folds, classes, seed)
        return [np.flatnonzero(found == fold) for fold in range(folds)]

    expected = lists(theirs)
    found = lists(ours)
    assert found == ([sorted(part) for part in expected] if isinstance(expected, list) else expected)

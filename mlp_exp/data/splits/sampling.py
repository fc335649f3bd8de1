"""Random rows, in proportion to the classes: those that scikit-learn draws, whose import takes longer than a training.

Seeds are those of NumPy's older generator (`RandomState`), which scikit-learn uses.
"""

import numpy as np
from numpy.typing import NDArray

from mlp_exp.data.dataset import Dataset

Rows = NDArray[np.int64]
Codes = NDArray[np.int64]


def strata(dataset: Dataset) -> Rows | None:
    """What parts have in proportion, as codes `[N]`: the class, or the combination of labels; None for values."""
    if not dataset.has_classes:
        return None
    if len(dataset.targets) == 1:
        return dataset.target
    _, codes = np.unique(dataset.target, axis=0, return_inverse=True)
    return codes.reshape(-1)


def take(rows: Rows, count: int, classes: Codes | None, seed: int) -> tuple[Rows, Rows]:
    """The rows that are left, and `count` random ones; both have the classes in proportion, if given.

    The same as scikit-learn's `train_test_split`.

    Raises:
        ValueError: a class has one row alone, or either part has fewer rows than there are classes.
    """
    generator = np.random.RandomState(seed)
    if classes is None:
        order = generator.permutation(len(rows))
        return rows[order[count:]], rows[order[:count]]
    names, codes, sizes = np.unique(classes, return_inverse=True, return_counts=True)
    if sizes.min() < 2:
        raise ValueError(
            f"The least populated classes in y have only 1 member, which is too few. The minimum number of groups for "
            f"any class cannot be less than 2. Classes with too few members are: {names[sizes < 2].tolist()}"
        )
    for name, size in (("train_size", len(rows) - count), ("test_size", count)):
        if size < len(names):
            raise ValueError(f"The {name} = {size} should be greater or equal to the number of classes = {len(names)}")
    left = _shares(sizes, len(rows) - count, generator)
    taken = _shares(sizes - left, count, generator)
    parts: tuple[list[Rows], list[Rows]] = ([], [])
    for members, stay, go in zip(_members(codes, sizes), left, taken, strict=True):
        order = members[generator.permutation(len(members))]
        parts[0].append(order[:stay])
        parts[1].append(order[stay : stay + go])
    first, second = (generator.permutation(np.concatenate(part)) for part in parts)
    return rows[first], rows[second]


def _members(codes: Codes, sizes: Codes) -> list[Rows]:
    """The places of each class, in order."""
    return np.split(np.argsort(codes, kind="stable"), np.cumsum(sizes)[:-1])


def _shares(sizes: Codes, count: int, generator: np.random.RandomState) -> Codes:
    """How many of each class are among `count` rows: its share rounded down, and one more where most is cut off."""
    exact = sizes / sizes.sum() * count
    shares = np.floor(exact)
    missing = int(count - shares.sum())
    for remainder in np.unique(exact - shares)[::-1]:
        if missing <= 0:
            break
        (equal,) = np.where(exact - np.floor(exact) == remainder)
        chosen = generator.choice(equal, size=min(len(equal), missing), replace=False)
        shares[chosen] += 1
        missing -= len(chosen)
    whole: Codes = shares.astype(np.int64)
    return whole


def fold_of_rows(count: int, folds: int, classes: Codes | None, seed: int) -> Codes:
    """The fold of each of `count` rows; each has the classes in proportion, if given.

    The same as scikit-learn's shuffled `KFold` and `StratifiedKFold`.

    Raises:
        ValueError: there are fewer rows, or of every class fewer, than folds.
    """
    generator = np.random.RandomState(seed)
    if folds > count:
        raise ValueError(
            f"Cannot have number of splits n_splits={folds} greater than the number of samples: n_samples={count}."
        )
    found = np.empty(count, np.int64)
    if classes is None:
        order = np.arange(count)
        generator.shuffle(order)
        for fold, rows in enumerate(np.array_split(order, folds)):
            found[rows] = fold
        return found
    _, first, codes, sizes = np.unique(classes, return_index=True, return_inverse=True, return_counts=True)
    if (sizes < folds).all():
        raise ValueError(f"n_splits={folds} cannot be greater than the number of members in each class.")
    appearance = np.argsort(np.argsort(first))  # classes are numbered in the order in which they appear
    codes = appearance[codes]
    in_order = np.sort(codes)
    counts = np.stack([np.bincount(in_order[fold::folds], minlength=len(sizes)) for fold in range(folds)])
    for code in range(len(sizes)):
        numbers = np.arange(folds).repeat(counts[:, code])
        generator.shuffle(numbers)
        found[codes == code] = numbers
    return found

"""What baselines are fitted to: the rows of a dataset as plain matrices, whatever the run's own preprocessing is."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mlp_exp.data.dataset import Category, Dataset
from mlp_exp.data.preprocessing import Preprocess
from mlp_exp.data.splits.base import Rows
from mlp_exp.data.statistics import Floats

FREQUENT = 64
"""Most values of a category that are told apart: its most frequent ones in training; the rest count as missing."""


class BaselineInputs:
    """The inputs of all baselines, fitted to some of the training rows.

    Args:
        dataset: its texts are not read, but stand as:
        encoded: columns of texts as numbers `[N, …]`.
        fitted_to: training rows.
    """

    def __init__(self, dataset: Dataset, encoded: Sequence[NDArray[np.float32]], fitted_to: Rows) -> None:
        categories = tuple(_frequent(category, fitted_to) for category in dataset.categories)
        self._dataset = replace(dataset, categories=categories, texts=(), kept=None)
        self._encoded = encoded
        self._preprocessing = Preprocess(one_hot_max=FREQUENT).fit(self._dataset, fitted_to)

    @property
    def width(self) -> int:
        """Of the wider matrix."""
        return int(self._preprocessing.inputs_width + sum(each.shape[1] for each in self._encoded))

    @property
    def is_category(self) -> list[bool]:
        """Which columns for boosting are codes of categories."""
        others = sum(each.shape[1] for each in self._encoded)
        numbers, categories = self._dataset.features.shape[1], len(self._dataset.categories)
        return [*[False] * numbers, *[True] * categories, *[False] * others]

    def for_linear(self, rows: Rows) -> Floats:
        """Standardised numbers, medians and indicators for gaps, one-hot categories, and texts `[n, W]`."""
        categories = [replace(each, codes=each.codes[rows]) for each in self._dataset.categories]
        numbers = self._preprocessing.inputs(self._dataset.features[rows], categories)
        return np.concatenate([numbers, *(each[rows] for each in self._encoded)], axis=1, dtype=np.float64)

    def for_boosting(self, rows: Rows) -> Floats:
        """Numbers as they are, NaN for gaps, codes of categories, and texts `[n, F]`."""
        codes = [each.codes[rows, None].astype(np.float64) for each in self._dataset.categories]
        categories = [np.where(each < 0, np.nan, each) for each in codes]
        texts = (each[rows] for each in self._encoded)
        return np.concatenate([self._dataset.features[rows], *categories, *texts], axis=1, dtype=np.float64)


def _frequent(category: Category, rows: Rows) -> Category:
    """The category with its most frequent values in these rows alone, by size."""
    counts = np.bincount(category.codes[rows] + 1, minlength=len(category.texts) + 1)[1:]
    kept = np.argsort(-counts, kind="stable")[:FREQUENT]
    kept = kept[counts[kept] > 0]
    codes = np.full(len(category.texts) + 1, -1, np.int32)  # the last for missing values
    codes[kept] = np.arange(len(kept))
    return Category(category.name, codes[category.codes], tuple(category.texts[code] for code in kept))

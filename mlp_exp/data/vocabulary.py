"""Codes of categories, fitted on the training part."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlp_exp.data.dataset import Category

UNSEEN, MISSING, FIRST = 0, 1, 2
"""Codes of a category that is not in the training part, of a missing value, and of the first category in it."""


@dataclass(frozen=True)
class Vocabulary:
    """The values of a categorical feature in the training part.

    Attributes:
        texts: values that occur in the training part, sorted.
        has_missing: whether values are missing there.
        embedded: whether it has learned embeddings; else it is one-hot encoded.
    """

    name: str
    texts: tuple[str, ...]
    has_missing: bool
    embedded: bool

    @property
    def size(self) -> int:
        """Number of codes, including `UNSEEN` and `MISSING`."""
        return FIRST + len(self.texts)

    def codes(self, category: Category) -> NDArray[np.int64]:
        """Codes `[N]`: `UNSEEN`, `MISSING`, or from `FIRST` on in the order of `texts`."""
        known = {text: FIRST + index for index, text in enumerate(self.texts)}
        table = np.array([*(known.get(text, UNSEEN) for text in category.texts), MISSING])
        return table[category.codes]  # a missing value has code -1: the last entry

    @property
    def one_hot_codes(self) -> range:
        """The codes with a one-hot column: those in the training part."""
        return range(MISSING if self.has_missing else FIRST, self.size)

    def one_hot(self, category: Category) -> NDArray[np.bool_]:
        """`[N, C]` with a column for each of `one_hot_codes`; all 0 for an unseen category."""
        hits: NDArray[np.bool_] = self.codes(category)[:, None] == np.array(self.one_hot_codes)
        return hits

    @property
    def never_trained(self) -> list[int]:
        """Codes that are not in the training part."""
        return [UNSEEN] if self.has_missing else [UNSEEN, MISSING]

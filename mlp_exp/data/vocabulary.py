"""Codes of categories, fitted on the training part."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlp_exp.data.dataset import Category

UNSEEN, MISSING, FIRST = 0, 1, 2
"""Codes of a category that the training part did not hold, of a missing one, and of the first that it held."""


@dataclass(frozen=True)
class Vocabulary:
    """What the training part knows of a category.

    Attributes:
        texts: those that occur in the training part, sorted.
        has_missing: whether it lacks values there.
        embedded: whether it has learned embeddings, rather than one-hot columns.
    """

    name: str
    texts: tuple[str, ...]
    has_missing: bool
    embedded: bool

    @property
    def size(self) -> int:
        """How many codes there are, those of unseen and missing among them."""
        return FIRST + len(self.texts)

    def codes(self, category: Category) -> NDArray[np.int64]:
        """Codes `[N]`: `UNSEEN`, `MISSING`, or from `FIRST` on in the order of `texts`."""
        known = {text: FIRST + index for index, text in enumerate(self.texts)}
        table = np.array([*(known.get(text, UNSEEN) for text in category.texts), MISSING])
        return table[category.codes]  # a missing one is -1: the last

    @property
    def one_hot_codes(self) -> range:
        """The codes that have a column each: those that the training part holds."""
        return range(MISSING if self.has_missing else FIRST, self.size)

    def one_hot(self, category: Category) -> NDArray[np.bool_]:
        """`[N, C]`: a column for each of `one_hot_codes`; an unseen category is 0 in all of them."""
        hits: NDArray[np.bool_] = self.codes(category)[:, None] == np.array(self.one_hot_codes)
        return hits

    @property
    def never_trained(self) -> list[int]:
        """Codes that the training part does not hold."""
        return [UNSEEN] if self.has_missing else [UNSEEN, MISSING]

"""Counts of the words and n-grams of texts, hashed into a fixed number of features.

A hash needs no list of the n-grams of the training part, so that what is saved with a model is bounded.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Texts = Sequence[str] | NDArray[np.object_]

WORDS, CHARACTERS = 2048, 6144
"""Features for words and pairs of words, and for three to five characters in a row, which misspellings share."""
FEATURES = WORDS + CHARACTERS
LONGEST = 20_000
"""Characters of a text that are read; a few pages."""
BLOCK = 2**20
"""Characters that are processed at once: each becomes about three n-grams, of some 100 bytes in all."""


def blocks(texts: Texts) -> Iterator[slice]:
    """Slices of `texts`, of at most `BLOCK` characters each or one text."""
    ends = np.cumsum([min(len(text), LONGEST) for text in texts])
    start = 0
    while start < len(texts):
        before = ends[start - 1] if start else 0
        end = max(start + 1, int(np.searchsorted(ends, before + BLOCK, side="right")))
        yield slice(start, end)
        start = end


def counts(texts: Texts) -> Any:
    """A sparse float32 matrix `[N, FEATURES]` in SciPy's CSR form; an empty text has no counts."""
    from scipy import sparse

    read = [text[:LONGEST] for text in texts]
    return sparse.hstack([vectorizer.transform(read) for vectorizer in _vectorizers()], format="csr")


@cache
def _vectorizers() -> tuple[Any, Any]:
    from sklearn.feature_extraction.text import HashingVectorizer

    plain: dict[str, Any] = {"norm": None, "alternate_sign": False, "dtype": np.float32}  # counts, to be weighted
    return (
        HashingVectorizer(n_features=WORDS, ngram_range=(1, 2), **plain),
        HashingVectorizer(n_features=CHARACTERS, analyzer="char_wb", ngram_range=(3, 5), **plain),
    )

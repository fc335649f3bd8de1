"""Fits a column of texts on the training part."""

import logging
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from mlp_exp.data.dataset import TextColumn
from mlp_exp.data.statistics import Floats
from mlp_exp.data.text.encoder import FOLDS, Halves, TextEncoder, folds, weigh
from mlp_exp.data.text.hashing import FEATURES, LONGEST, blocks, counts

log = logging.getLogger(__name__)

FIT_ROWS, FIT_CHARACTERS = 2**15, 2**23
"""Most rows and characters that are fitted to, for memory and time; evenly spaced in the training part."""
MOST_SCORES = 16
"""Scores of a column: one for each class or target. More of them share these, each with random weights."""
REGULARISATION = 1.0
"""Of the scores' ridge regression; texts have length 1. Measured: benchmarks/texts.py."""
PRECISION = 1e-2
"""To which that is solved."""
CONSTANT = 1e-6
"""Numbers that differ by less, from rounding, are constant; texts have length 1."""


def fit_texts(column: TextColumn, train: NDArray[np.int64], wanted: Floats, width: int) -> TextEncoder:
    """Fits `width` topics, or fewer for fewer rows, and S scores.

    Args:
        train: rows of the training part.
        wanted: `[n, S]`, what the scores predict of each of those.
    """
    from sklearn.feature_extraction.text import TfidfTransformer

    chosen = _sample(column, train)
    texts, wanted = column.values[train[chosen]], wanted[chosen]
    with threadpool_limits(1):  # the order of a sum, and so its last bit, would depend on the number of threads
        matrix, fold = _all_counts(texts), folds(texts)
        idf = _halves(TfidfTransformer(sublinear_tf=True).fit(matrix).idf_)
        matrix = weigh(matrix, idf)
        topics = _topics(matrix, min(width, len(texts)))
        scores = _scores(matrix, fold, wanted)
        shift = np.zeros(topics.shape[1] + wanted.shape[1])
        encoder = TextEncoder(column.name, idf, topics, scores, shift, np.ones_like(shift))
        numbers = encoder.unscaled(matrix, fold)
    scale = numbers.std(axis=0, dtype=np.float64)
    scale[: topics.shape[1]] = scale[: topics.shape[1]].max()  # weak topics, which are mostly noise, stay weak
    scale[scale < CONSTANT] = np.inf
    log.info("%s: %d topics and %d scores of %d texts", column.name, topics.shape[1], wanted.shape[1], len(texts))
    return replace(encoder, shift=numbers.mean(axis=0, dtype=np.float64), scale=scale)


def wanted_scores(target: NDArray[Any], n_classes: int) -> Floats:
    """What scores predict, `[N, S]` with mean 0: values, labels, the class of two, or which class it is.

    Args:
        target: `[N]`, or `[N, T]` of several values or labels.
        n_classes: of one target; 0 for values and labels.
    """
    if n_classes > 2:
        codes = np.eye(n_classes)
        if n_classes > MOST_SCORES:
            codes = _random_weights(n_classes)
        values = codes[target]
    else:
        values = target.astype(np.float64).reshape(len(target), -1)
        if values.shape[1] > MOST_SCORES:
            values = values @ _random_weights(values.shape[1])
    centred: Floats = values - values.mean(axis=0)
    spread = centred.std()
    return centred / spread if spread else centred


def _random_weights(count: int) -> Floats:
    """`[count, MOST_SCORES]`, of each class or target in each score."""
    return np.random.default_rng(0).normal(size=(count, MOST_SCORES))


def _sample(column: TextColumn, train: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places in `train`, evenly spaced."""
    characters = sum(min(len(text), LONGEST) for text in column.values[train])
    most = min(FIT_ROWS, len(train), max(1, len(train) * FIT_CHARACTERS // max(1, characters)))
    return np.arange(most) * len(train) // most


def _all_counts(texts: NDArray[np.object_]) -> Any:
    from scipy import sparse

    return sparse.vstack([counts(texts[block]) for block in blocks(texts)], format="csr")


def _topics(matrix: Any, count: int) -> Halves:
    """`[FEATURES, count]`, the main directions of the texts."""
    from sklearn.utils.extmath import randomized_svd  # TruncatedSVD warns where texts do not differ

    _, _, directions = randomized_svd(matrix, count, random_state=0)
    return _halves(directions.T)


def _scores(matrix: Any, fold: NDArray[np.int64], wanted: Floats) -> Halves:
    """Weights `[FEATURES, FOLDS, S]`; those of a fold by ridge regression on the texts of the other folds."""
    from sklearn.linear_model import Ridge

    weights = np.zeros((FEATURES, FOLDS, wanted.shape[1]))
    for number in range(FOLDS):
        others = fold != number
        if others.any():
            ridge = Ridge(REGULARISATION, fit_intercept=False, solver="sparse_cg", tol=PRECISION)
            weights[:, number] = ridge.fit(matrix[others], wanted[others]).coef_.reshape(-1, FEATURES).T
    return _halves(weights)


def _halves(array: Any) -> Halves:
    limit = np.finfo(np.float16).max
    halves: Halves = np.clip(array, -limit, limit).astype(np.float16)
    return halves

"""Texts as numbers, with figures that were fitted to the training part."""

import base64
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlp_exp.data.statistics import Floats
from mlp_exp.data.text.hashing import FEATURES, Texts, blocks, counts

FOLDS = 4
"""Sets of weights of the scores. Each is fitted to three quarters of the texts, and used for the others alone."""
Halves = NDArray[np.float16]
HALF = np.dtype("<f2")
"""As arrays are saved. Training uses the same rounded numbers."""


@dataclass(frozen=True, eq=False)
class TextEncoder:
    """Makes T topics and S scores of each text of a column.

    Topics are the main directions in which texts differ (latent semantic analysis: Deerwester et al., 1990). Scores are
    linear predictions of the target. In the training part, the strongest topic and each score have unit variance.

    A text's own target is never in its scores: the text itself says by which of the `FOLDS` sets of weights it is
    scored, and each set is fitted to the texts that the others score. So scores of training texts are no better than
    those of new ones, and where texts say nothing of the target, scores say nothing.

    Attributes:
        idf: `[FEATURES]`, the weight of each n-gram: large for rare ones.
        topics: `[FEATURES, T]`.
        scores: `[FEATURES, FOLDS, S]`.
        shift, scale: `[T + S]`; an infinite scale makes a constant number 0.
    """

    name: str
    idf: Halves
    topics: Halves
    scores: Halves
    shift: Floats
    scale: Floats

    @property
    def width(self) -> int:
        """How many numbers a text becomes."""
        return len(self.shift)

    def numbers(self, texts: Texts) -> NDArray[np.float32]:
        """Numbers `[N, T + S]` of N texts; those of an empty, that is missing, text are all 0 before shift and scale.

        A text has the same numbers, to the last bit, whatever others it is with.
        """
        found = np.empty((len(texts), self.width), dtype=np.float32)
        for block in blocks(texts):
            weighted = weigh(counts(texts[block]), self.idf)
            found[block] = (self.unscaled(weighted, folds(texts[block])) - self.shift) / self.scale
        return found

    def unscaled(self, weighted: Any, fold: NDArray[np.int64]) -> NDArray[np.float32]:
        """Numbers before shift and scale, of weighted counts `[N, FEATURES]` and the folds that they belong to."""
        columns = np.concatenate([self.topics, self.scores.reshape(FEATURES, -1)], axis=1, dtype=np.float32)
        product = weighted @ columns  # SciPy adds up each row for itself
        count = self.topics.shape[1]
        scores = product[:, count:].reshape(len(fold), FOLDS, -1)[np.arange(len(fold)), fold]
        return np.concatenate([product[:, :count], scores], axis=1)

    def state(self) -> dict[str, Any]:
        """Texts and lists, to be saved with the model; arrays as base64 of float16."""
        arrays = {key: _packed(getattr(self, key)) for key in ("idf", "topics", "scores")}
        return {"name": self.name, **arrays, "shift": self.shift.tolist(), "scale": self.scale.tolist()}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "TextEncoder":
        """Restores what `state` returned; raises ValueError if its parts do not agree."""
        shift, scale = np.array(state["shift"], dtype=np.float64), np.array(state["scale"], dtype=np.float64)
        idf, topics, scores = (_unpacked(state[key]) for key in ("idf", "topics", "scores"))
        count, rest = divmod(len(topics), FEATURES)
        n_scores = len(shift) - count
        if len(idf) != FEATURES or rest or len(scores) != FEATURES * FOLDS * n_scores or len(scale) != len(shift):
            raise ValueError(f"expected weights of {FEATURES} n-grams for {len(shift)} numbers")
        return cls(
            state["name"],
            idf,
            topics.reshape(FEATURES, count),
            scores.reshape(FEATURES, FOLDS, n_scores),
            shift,
            scale,
        )


def weigh(matrix: Any, idf: Halves) -> Any:
    """Counts `[N, FEATURES]` as TF-IDF: their logarithms, weighted, and rows of length 1."""
    from sklearn.feature_extraction.text import TfidfTransformer

    transformer = TfidfTransformer(sublinear_tf=True)
    transformer.idf_ = idf.astype(np.float32)
    return transformer.transform(matrix, copy=False)


def folds(texts: Texts) -> NDArray[np.int64]:
    """`[N]`: which set of weights scores each text, by its checksum; equal texts have equal ones."""
    return np.array([zlib.crc32(text.encode()) % FOLDS for text in texts], dtype=np.int64)


def _packed(array: Halves) -> str:
    return base64.b64encode(array.astype(HALF).tobytes()).decode()


def _unpacked(text: str) -> Halves:
    """Raises ValueError for no base64, half a number, or one that is not finite."""
    found = np.frombuffer(base64.b64decode(text, validate=True), dtype=HALF)
    if not np.isfinite(found).all():
        raise ValueError("expected finite numbers")
    return found.astype(np.float16)

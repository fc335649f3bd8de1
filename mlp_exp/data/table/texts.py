"""Columns of a table that hold texts, as features."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlp_exp.data.dataset import Column
from mlp_exp.data.table.sentences import holds_sentences
from mlp_exp.data.table.values import decode, type_family
from mlp_exp.errors import DataError


def is_text(values: pa.ChunkedArray) -> bool:
    """Whether a column holds texts to be read, by its values; one that the file declares a category does not."""
    if not pa.types.is_string(values.type):
        return False
    return holds_sentences(pc.unique(values).drop_null().to_pylist(), len(values) - values.null_count)


def text_column(name: str, values: pa.ChunkedArray, missing: int) -> Column:
    """What a column of texts is; left out if all are missing or equal. DataError if it holds something else."""
    if missing == len(values):
        return Column(name, "left out", "all missing", missing)
    if type_family(values.type) != "text":
        raise DataError(
            f"data.text: column '{name}' holds {values.type}, which is no text. Take it from data.text, or make it a "
            f"category: data.categorical=['{name}']"
        )
    values = decode(values)
    if pc.count_distinct(values).as_py() == 1 and not missing:
        return Column(name, "left out", "constant")
    lengths = pc.min_max(pc.utf8_length(values)).as_py()
    return Column(name, "text", f"{lengths['min']} … {lengths['max']} characters", missing)


def as_texts(values: pa.ChunkedArray) -> NDArray[np.object_]:
    """The texts `[N]`, empty where missing."""
    texts: NDArray[np.object_] = pc.fill_null(pc.cast(values, pa.string()), "").to_numpy()
    return texts

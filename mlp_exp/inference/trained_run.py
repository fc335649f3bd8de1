"""A run that has trained: its network, its preprocessing, and what it predicts."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import nn

from mlp_exp.data.dataset import Category, Column
from mlp_exp.data.preprocessing import Preprocessing
from mlp_exp.data.statistics import Floats
from mlp_exp.data.table.misfits import Misfits
from mlp_exp.data.table.schema import FeatureSchema
from mlp_exp.engine.batches import EVALUATION_ROWS
from mlp_exp.engine.threads import torch_on_one_thread
from mlp_exp.inference.predictor import Predictor
from mlp_exp.inference.saved_model import SavedReading
from mlp_exp.tasks.head import Head
from mlp_exp.tasks.task import Task

WORTH_THREADS = 2**20
"""Weights of a network from which several threads predict faster; of a smaller one they wait for each other."""


@dataclass(frozen=True, eq=False, repr=False)
class TrainedRun(Predictor):
    """A run that has trained; `mlp_exp.load` reads it from its folder.

    >>> run = load("RUN")
    >>> run.predict({"age": [23, 81], "town": ["a", "b"]})
    array(['low', 'high'], dtype='<U4')
    >>> run.config["model"]["hidden_sizes"]
    [8]

    Attributes:
        module: the network on the CPU, in evaluation mode: preprocessed rows `[N, W]` → logits `[N, O]`.
        head: what stands behind the network.
        training_rows: the `row_hashes` `[n]` of training rows, of `MOST_ROWS` if there are more; none if a model
            was saved before they were kept.
        keep: what has to live as long as this, as the temporary folder of a run that is saved nowhere else.
        feature_schema: as of every `Predictor`; the columns of data that was no table are its features.
    """

    folder: Path
    module: nn.Module
    preprocessing: Preprocessing
    head: Head
    config: dict[str, Any]
    feature_names: tuple[str, ...]
    feature_schema: FeatureSchema
    reading: SavedReading
    training_rows: NDArray[np.int64]
    member: int | None = None
    keep: object = None

    @property
    def task(self) -> Task:
        return self.head.task

    @property
    def networks(self) -> "list[TrainedRun]":
        return [self]

    @property
    def columns(self) -> tuple[Column, ...]:
        return self.feature_schema.columns

    @property
    def inputs_width(self) -> int:
        return self.preprocessing.inputs_width

    def outputs(self, table: pa.Table, misfits: Misfits) -> Floats:
        features, categories, texts = self.feature_schema.features(table, misfits)
        self.count_unseen(categories, misfits)
        encoded = self.preprocessing.encoded(texts)
        return self.outputs_of_inputs(self.preprocessing.inputs(features, categories, encoded))

    def count_unseen(self, categories: Sequence[Category], misfits: Misfits) -> None:
        """Counts the cells of a chunk of a table that hold a category which training did not see."""
        for vocabulary, category in zip(self.preprocessing.vocabularies, categories, strict=True):
            misfits.add_unseen(category.name, category.codes, category.texts, set(vocabulary.texts))

    def logits_of_inputs(self, inputs: NDArray[np.float32]) -> torch.Tensor:
        """Preprocessed rows `[N, W]` → logits `[N, O]`."""
        weights = sum(tensor.numel() for tensor in self.module.parameters())
        alone = torch_on_one_thread() if weights < WORTH_THREADS else nullcontext()
        with torch.inference_mode(), alone:
            chunks = torch.split(torch.from_numpy(inputs), EVALUATION_ROWS)
            return torch.cat([self.module(chunk) for chunk in chunks])

    def outputs_of_inputs(self, inputs: NDArray[np.float32]) -> Floats:
        """Preprocessed rows `[N, W]` → answers `[N, A]`."""
        return self.head.answers(self.logits_of_inputs(inputs))

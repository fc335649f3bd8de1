"""Learned embeddings of categories before a network."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class EmbeddedNetwork(nn.Module):
    """A network whose last inputs are categories, as rows of one table of embeddings (Guo & Berkhahn, 2016).

    Args:
        network: takes rows of `in_features - columns + columns · width` numbers.
        columns: number of inputs, the last ones, that are row numbers of the table.
        rows, width: of the table.
        never_trained: rows that do not occur in the training part; they are set to 0.
    """

    def __init__(
        self, network: nn.Module, columns: int, rows: int, width: int, never_trained: Sequence[int] = ()
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(rows, width)
        with torch.no_grad():
            self.embedding.weight[list(never_trained)] = 0.0
        self.network = network
        self.columns = columns

    def forward(self, x: Tensor) -> Tensor:
        """`[B, in_features]` → logits `[B, out_features]`."""
        embedded = self.embedding(x[:, -self.columns :].long()).flatten(1)
        logits: Tensor = self.network(torch.cat([x[:, : -self.columns], embedded], dim=1))
        return logits

"""The multilayer perceptron as an ordinary module."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mlp_exp.model.activations import ACTIVATIONS
from mlp_exp.model.number_embedding import NumberEmbedding, PeriodicEmbedding, PiecewiseLinearEmbedding

NORMS = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}


class Block(nn.Module):
    """A hidden layer: linear, normalisation, activation, dropout; with `skip`, its input is added to the output."""

    def __init__(
        self, in_features: int, width: int, dropout: float, activation: str, norm: str | None, skip: bool
    ) -> None:
        super().__init__()
        self.linear = nn.Linear(in_features, width)
        self.norm = NORMS[norm](width) if norm else nn.Identity()
        self.activation = ACTIVATIONS[activation]()
        self.dropout = nn.Dropout(dropout)
        self.skip = skip

    def forward(self, x: Tensor) -> Tensor:
        """`[B, in_features]` → `[B, width]`."""
        y: Tensor = self.dropout(self.activation(self.norm(self.linear(x))))
        return x + y if self.skip else y


class MLP(nn.Module):
    """A multilayer perceptron that returns logits.

    Args:
        in_features, out_features: width of the inputs and of the logits.
        hidden_sizes: width of each hidden layer; an empty sequence gives a linear model.
        dropout: a rate in [0, 1) for all hidden layers, or one for each (Srivastava et al., 2014).
        activation: a key of `ACTIVATIONS`.
        norm: `batch` (Ioffe & Szegedy, 2015), `layer` (Ba et al., 2016) or None, before the activation.
        residual: adds the input of a hidden layer to its output where both have the same width, except in the first
            (He et al., 2016).
        numbers: how many of the first inputs are scaled numbers.
        number_embedding: `periodic`, `piecewise_linear` (see `number_embedding`) or `none`: what is learned of each
            number, put before the inputs.
        embedding_hidden, embedding_width: of it, in h(x) and after that.
        frequency_scale: standard deviation of the first frequencies of a periodic embedding.
        most_embedded: of more numbers than these, none is embedded, since each costs `embedding_hidden` cosines a row.
        scale_inputs: one learned factor for each input of the first linear layer, starting at 1.

    >>> MLP(2, 3, hidden_sizes=[64, 32], dropout=0.1, activation="gelu")(torch.randn(8, 2)).shape
    torch.Size([8, 3])
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        hidden_sizes: Sequence[int] = (64, 32),
        dropout: float | Sequence[float] = 0.0,
        activation: str = "relu",
        norm: str | None = None,
        residual: bool = False,
        *,
        numbers: int = 0,
        number_embedding: str = "none",
        embedding_hidden: int = 16,
        embedding_width: int = 3,
        frequency_scale: float = 0.1,
        most_embedded: int = 64,
        scale_inputs: bool = False,
    ) -> None:
        super().__init__()
        self.number_embedding: NumberEmbedding | None = None
        if 0 < numbers <= most_embedded and number_embedding == "periodic":
            self.number_embedding = PeriodicEmbedding(numbers, embedding_hidden, embedding_width, frequency_scale)
        elif 0 < numbers <= most_embedded and number_embedding == "piecewise_linear":
            self.number_embedding = PiecewiseLinearEmbedding(numbers, embedding_hidden, embedding_width)
        if self.number_embedding is not None:
            in_features += numbers * embedding_width
        self.scale = nn.Parameter(torch.ones(in_features)) if scale_inputs else None
        rates = [dropout] * len(hidden_sizes) if isinstance(dropout, int | float) else list(dropout)
        widths = [in_features, *hidden_sizes]
        self.activation = activation
        self.norm = norm
        self.blocks = nn.ModuleList(
            # no skip from the inputs: they are features, not a hidden representation
            Block(before, width, rate, activation, norm, residual and index > 0 and before == width)
            for index, (before, width, rate) in enumerate(zip(widths, widths[1:], rates, strict=False))
        )
        self.head = nn.Linear(widths[-1], out_features)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, in_features]` → logits `[B, out_features]`."""
        if self.number_embedding is not None:
            x = self.number_embedding(x)
        if self.scale is not None:
            x = x * self.scale
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.head(x)
        return logits

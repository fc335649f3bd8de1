"""Learned embeddings of scaled numbers (Gorishniy et al., 2022)."""

import math
from abc import ABC, abstractmethod

import numpy as np
import torch
from torch import Tensor, nn


class NumberEmbedding(nn.Module, ABC):
    """Puts learned numbers before a row: `width` for each of its first `numbers`, `V h(x) + v`, each with its own V, v.

    Args:
        numbers: how many there are, as n below.
        hidden: length H of h(x).
        width: W.
    """

    def __init__(self, numbers: int, hidden: int, width: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(hidden)
        self.weight = nn.Parameter(torch.empty(numbers, hidden, width).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(numbers, width).uniform_(-bound, bound))

    @abstractmethod
    def hidden(self, x: Tensor) -> Tensor:
        """h of numbers `[n, B, 1]`: `[n, B, H]`."""

    def forward(self, x: Tensor) -> Tensor:
        """`[B, F]` → `[B, n · W + F]`: what is learned of the first number, of the second, …, and the row itself."""
        numbers = x[:, : len(self.weight)].T.unsqueeze(2)
        embedded = torch.matmul(self.hidden(numbers), self.weight) + self.bias.unsqueeze(1)
        return torch.cat([embedded.transpose(0, 1).flatten(1), x], dim=1)


class PeriodicEmbedding(NumberEmbedding):
    """h(x) = cos(2π w x + b) with w ~ N(0, frequency_scale²), b ~ U(-π, π) (Holzmüller et al., 2024).

    >>> PeriodicEmbedding(2, hidden=16, width=3, frequency_scale=0.1)(torch.randn(8, 5)).shape
    torch.Size([8, 11])
    """

    def __init__(self, numbers: int, hidden: int, width: int, frequency_scale: float) -> None:
        super().__init__(numbers, hidden, width)
        self.frequency = nn.Parameter(torch.normal(0.0, frequency_scale, (numbers, hidden)))
        self.phase = nn.Parameter(torch.empty(numbers, hidden).uniform_(-math.pi, math.pi))

    def hidden(self, x: Tensor) -> Tensor:
        return torch.cos(2 * math.pi * self.frequency.unsqueeze(1) * x + self.phase.unsqueeze(1))


class PiecewiseLinearEmbedding(NumberEmbedding):
    """h(x): for each of H bins between quantiles of the training rows, the part of it that lies below x.

    That is `clip(slope · x + offset, 0, 1)`, with `slope` and `offset` `[n, H]` of the bin; a bin without width has 0.
    """

    slope: Tensor
    offset: Tensor

    def __init__(self, numbers: int, hidden: int, width: int) -> None:
        super().__init__(numbers, hidden, width)
        self.register_buffer("slope", torch.zeros(numbers, hidden))
        self.register_buffer("offset", torch.zeros(numbers, hidden))

    def hidden(self, x: Tensor) -> Tensor:
        return (self.slope.unsqueeze(1) * x + self.offset.unsqueeze(1)).clamp(0.0, 1.0)

    def fit(self, rows: Tensor) -> None:
        """Sets the bins from training rows `[N, F]`, whose first n are the numbers."""
        numbers, bins = self.slope.shape
        levels = np.linspace(0.0, 1.0, bins + 1)
        edges = torch.from_numpy(np.quantile(rows[:, :numbers].double().numpy(), levels, axis=0).T)
        slope = (1 / edges.diff(dim=1)).to(self.slope.dtype)
        offset = (-edges[:, :-1] * slope).to(self.slope.dtype)
        wide = slope.isfinite() & offset.isfinite()
        self.slope.copy_(torch.where(wide, slope, 0.0))
        self.offset.copy_(torch.where(wide, offset, 0.0))

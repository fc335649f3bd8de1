"""Initial weights and biases."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


class DefaultInit:
    """Keeps the initial values from each layer's constructor (for `nn.Linear`, uniform in ±1/√in_features)."""

    def apply(self, module: nn.Module) -> None:
        pass


@dataclass(frozen=True)
class WeightInit:
    """Initialises every linear layer: weights `[out, in]` by a function of `torch.nn.init`, biases with a constant.

    >>> WeightInit(nn.init.kaiming_normal_).apply(nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1)))
    """

    weight: Callable[[Tensor], Tensor]
    bias: float = 0.0

    def apply(self, module: nn.Module) -> None:
        for layer in module.modules():
            if isinstance(layer, nn.Linear):
                with torch.no_grad():
                    self.weight(layer.weight)
                    if layer.bias is not None:
                        layer.bias.fill_(self.bias)

"""First values of weights and biases."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


class DefaultInit:
    """Leaves what each layer's own constructor drew (for `nn.Linear`, uniform within 1/√in_features)."""

    def apply(self, module: nn.Module) -> None:
        pass


@dataclass(frozen=True)
class WeightInit:
    """One of torch's `nn.init` functions for the weights of every linear layer, a constant for its biases.

    Attributes:
        weight: fills a `[out, in]` tensor in place.
        bias: the constant.
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

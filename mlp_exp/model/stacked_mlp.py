"""K multilayer perceptrons of one shape, trained as one without autograd."""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from mlp_exp.model.activations import ACTIVATIONS
from mlp_exp.model.mlp import MLP
from mlp_exp.model.mlp import Block as PlainBlock
from mlp_exp.model.network import Network
from mlp_exp.model.stacked_layers import BatchNorm, Block, LayerNorm, Linear


class StackedMLP(Network):
    """A stack of `MLP` modules; they may differ in weights and dropout rates.

    Every member's numbers are those of its plain module under autograd, within rounding, and do not depend on K.
    """

    def __init__(self, modules: Sequence[MLP], device: torch.device) -> None:
        self._design = modules[0]
        super().__init__(modules, device)
        drops = any(m.p > 0 for module in modules for m in module.modules() if isinstance(m, nn.Dropout))
        if drops:
            self.dropout_widths = tuple(block.linear.weight.shape[1] for block in self._blocks)

    def _bind(self) -> None:
        values = self._parameter_rows.views(self.parameters)
        gradients = self._parameter_rows.views(self.gradients)
        buffers = self._buffer_rows.views(self.buffers)
        self._blocks = []
        for index, plain in enumerate(self._design.blocks):
            name = f"blocks.{index}.norm"
            norm: LayerNorm | BatchNorm | None = None
            if self._design.norm == "layer":
                norm = LayerNorm(name, values, gradients)
            elif self._design.norm == "batch":
                norm = BatchNorm(name, values, gradients, buffers)
            linear = Linear(f"blocks.{index}.linear", values, gradients)
            skip = cast(PlainBlock, plain).skip
            self._blocks.append(Block(linear, norm, ACTIVATIONS[self._design.activation], skip))
        self._head = Linear("head", values, gradients)

    def forward(self, inputs: Tensor, masks: Sequence[Tensor], valid: Tensor) -> Tensor:
        x = inputs
        for index, block in enumerate(self._blocks):
            x = block.forward(x, masks[index] if masks else None, valid)
        return self._head.forward(x)

    def backward(self, gradient: Tensor) -> None:
        g = self._head.backward(gradient, first=not self._blocks)
        for index in reversed(range(len(self._blocks))):
            g = self._blocks[index].backward(g, first=index == 0)

    def predict(self, inputs: Tensor) -> Tensor:
        x = inputs
        for block in self._blocks:
            x = block.predict(x)
        return self._head.predict(x)

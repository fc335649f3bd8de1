"""K multilayer perceptrons of one shape, trained as one without autograd."""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from mlp_exp.engine.network import Network
from mlp_exp.engine.stacked_layers import BatchNorm, Block, Embedding, LayerNorm, Linear
from mlp_exp.model.activations import ACTIVATIONS
from mlp_exp.model.embedding import EmbeddedNetwork
from mlp_exp.model.mlp import MLP
from mlp_exp.model.mlp import Block as PlainBlock


def stacks(module: nn.Module) -> bool:
    """Whether `StackedMLP` can train the module: an `MLP`, with or without embeddings in front, all of it trained."""
    body = module.network if type(module) is EmbeddedNetwork else module
    # a frozen parameter has no row in the stack's matrices
    return type(body) is MLP and all(p.requires_grad for p in module.parameters())


class StackedMLP(Network):
    """A stack of modules that it `stacks`; they may differ in weights and dropout rates.

    Every member's numbers are those of its plain module under autograd, within rounding, and do not depend on K.
    """

    def __init__(self, modules: Sequence[nn.Module], device: torch.device) -> None:
        first = modules[0]
        self._embedded = first if isinstance(first, EmbeddedNetwork) else None
        self._design = cast(MLP, first.network if isinstance(first, EmbeddedNetwork) else first)
        super().__init__(modules, device)
        drops = any(m.p > 0 for module in modules for m in module.modules() if isinstance(m, nn.Dropout))
        if drops:
            self.dropout_widths = tuple(block.linear.weight.shape[1] for block in self._blocks)

    def _bind(self) -> None:
        values = self._parameter_rows.views(self.parameters)
        gradients = self._parameter_rows.views(self.gradients)
        buffers = self._buffer_rows.views(self.buffers)
        prefix = "network." if self._embedded else ""
        self._embedding = Embedding(self._embedded.columns, values, gradients) if self._embedded else None
        self._blocks = []
        for index, plain in enumerate(self._design.blocks):
            name = f"{prefix}blocks.{index}.norm"
            norm: LayerNorm | BatchNorm | None = None
            if self._design.norm == "layer":
                norm = LayerNorm(name, values, gradients)
            elif self._design.norm == "batch":
                norm = BatchNorm(name, values, gradients, buffers)
            linear = Linear(f"{prefix}blocks.{index}.linear", values, gradients)
            skip = cast(PlainBlock, plain).skip
            self._blocks.append(Block(linear, norm, ACTIVATIONS[self._design.activation], skip))
        self._head = Linear(f"{prefix}head", values, gradients)

    def forward(self, inputs: Tensor, masks: Sequence[Tensor], valid: Tensor) -> Tensor:
        x = self._embedding.forward(inputs) if self._embedding else inputs
        for index, block in enumerate(self._blocks):
            x = block.forward(x, masks[index] if masks else None, valid)
        return self._head.forward(x)

    def backward(self, gradient: Tensor) -> None:
        no_one_below = self._embedding is None
        g = self._head.backward(gradient, first=no_one_below and not self._blocks)
        for index in reversed(range(len(self._blocks))):
            g = self._blocks[index].backward(g, first=no_one_below and index == 0)
        if self._embedding:
            self._embedding.backward(g)

    def predict(self, inputs: Tensor) -> Tensor:
        x = self._embedding.predict(inputs) if self._embedding else inputs
        for block in self._blocks:
            x = block.predict(x)
        return self._head.predict(x)

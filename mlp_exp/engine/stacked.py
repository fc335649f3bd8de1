"""K multilayer perceptrons of one shape, trained as one without autograd."""

from collections.abc import Sequence
from typing import cast

import torch
from torch import nn

from mlp_exp.engine.arrays import Array, arrays_of
from mlp_exp.engine.batches import Batch
from mlp_exp.engine.layers import BatchNorm, Embedding, Hidden, LayerNorm, Linear, Views, ones_below
from mlp_exp.engine.network import Network
from mlp_exp.engine.number_embedding import NumberEmbedding, Periodic, PiecewiseLinear
from mlp_exp.engine.scaled_linear import ScaledLinear
from mlp_exp.model.embedding import EmbeddedNetwork
from mlp_exp.model.mlp import MLP
from mlp_exp.model.mlp import Block as PlainBlock
from mlp_exp.model.number_embedding import PeriodicEmbedding


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
        self._xp = arrays_of(device)
        self._embedded = first if isinstance(first, EmbeddedNetwork) else None
        self._design = cast(MLP, first.network if isinstance(first, EmbeddedNetwork) else first)
        self._prefix = "network." if self._embedded else ""
        self.takes_ones = self._embedded is None
        super().__init__(modules, device)
        if any(m.p > 0 for module in modules for m in module.modules() if isinstance(m, nn.Dropout)):
            self.dropout_widths = tuple(cast(PlainBlock, block).linear.out_features for block in self._design.blocks)

    def _transposed(self, name: str) -> bool:
        return name.endswith(("linear.weight", "head.weight"))

    def _bind(self) -> None:
        self._layers: dict[int, _Layers] = {}

    def _layers_for(self, inputs: Array) -> "_Layers":
        rows = inputs.shape[1]
        if rows not in self._layers:
            self._layers[rows] = self._build(inputs)
        return self._layers[rows]

    def _build(self, inputs: Array) -> "_Layers":
        """The layers with buffers for inputs of this shape."""
        xp, rows = self._xp, inputs.shape[1]
        values, gradients, buffers = (
            {name: xp.view(view if view.dim() > 2 else view.unsqueeze(2)) for name, view in views.items()}
            for views in (
                self.parameter_rows.views(self.parameters),
                self.parameter_rows.views(self.gradients),
                self.buffer_rows.views(self.buffers),
            )
        )
        embedding, features = None, inputs.shape[2] - self.takes_ones
        if self._embedded:
            tables = values["embedding.weight"], gradients["embedding.weight"]
            embedding = Embedding(xp, self._embedded.columns, *tables, inputs.shape[2], rows)
            features = embedding.out.shape[2] - 1
        numbers, needed = None, None
        if plain_numbers := self._design.number_embedding:
            cls = Periodic if isinstance(plain_numbers, PeriodicEmbedding) else PiecewiseLinear
            name = f"{self._prefix}number_embedding."
            numbers = cls(xp, name, values, gradients, buffers, features, rows)
            needed = None if embedding else numbers.width
        hidden = []
        for index, plain in enumerate(self._design.blocks):
            name = f"blocks.{index}"
            y = ones_below(xp, inputs, cast(PlainBlock, plain).linear.out_features, rows)
            linear = self._linear(f"{name}.linear", values, gradients, y[:, :-1], needed, first=index == 0)
            norm: LayerNorm | BatchNorm | None = None
            if self._design.norm == "layer":
                norm = LayerNorm(xp, f"{self._prefix}{name}.norm", values, gradients, linear.z)
            elif self._design.norm == "batch":
                norm = BatchNorm(xp, f"{self._prefix}{name}.norm", values, gradients, buffers, linear.z)
            hidden.append(Hidden(xp, y, linear, norm, self._design.activation, cast(PlainBlock, plain).skip))
        logits = xp.empty_like(inputs, len(inputs), self._design.head.out_features, rows)
        head = self._linear("head", values, gradients, logits, needed, first=not hidden)
        return _Layers(embedding, numbers, hidden, head)

    def _linear(
        self, name: str, values: Views, gradients: Views, z: Array, needed: int | None, *, first: bool
    ) -> Linear:
        """A layer with its bias folded in; `needed` is of the first one, before which the inputs are scaled."""
        weight, gradient = (
            self._xp.view(self.parameter_rows.folded(matrix, self._prefix + name))
            for matrix in (self.parameters, self.gradients)
        )
        scale = f"{self._prefix}scale"
        if not first:
            return Linear(self._xp, weight, gradient, z)
        if scale not in values:
            return Linear(self._xp, weight, gradient, z, needed)
        return ScaledLinear(self._xp, weight, gradient, z, needed, values[scale], gradients[scale])

    def forward(self, batch: Batch) -> Array:
        self._latest = self._layers_for(batch.inputs)
        return self._latest.forward(batch)

    def backward(self, gradient: Array) -> None:
        self._latest.backward(gradient)

    def predict(self, inputs: Array) -> Array:
        return self._layers_for(inputs).predict(inputs)


class _Layers:
    """The layers of a stack with buffers for one number of rows."""

    def __init__(
        self, embedding: Embedding | None, numbers: NumberEmbedding | None, hidden: list[Hidden], head: Linear
    ) -> None:
        self.embedding = embedding
        self.numbers = numbers
        self.hidden = hidden
        self.head = head

    def _enter(self, inputs: Array) -> Array:
        return self.embedding.forward(inputs) if self.embedding else inputs.swapaxes(1, 2)

    def forward(self, batch: Batch) -> Array:
        x = self._enter(batch.inputs)
        if self.numbers:
            x = self.numbers.forward(x)
        for index, layer in enumerate(self.hidden):
            x = layer.forward(x, batch.masks[index] if batch.masks else None, batch.valid)
        return self.head.forward(x)

    def backward(self, gradient: Array) -> None:
        no_one_below = self.embedding is None and self.numbers is None
        g = self.head.backward(gradient, first=no_one_below and not self.hidden)
        for index in reversed(range(len(self.hidden))):
            g = self.hidden[index].backward(g, first=no_one_below and index == 0)
        if self.numbers:
            g = self.numbers.backward(g)
        if self.embedding:
            self.embedding.backward(g)

    def predict(self, inputs: Array) -> Array:
        x = self._enter(inputs)
        if self.numbers:
            x = self.numbers.predict(x)
        for layer in self.hidden:
            x = layer.predict(x)
        return self.head.forward(x)

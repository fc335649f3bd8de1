"""Embeddings of numbers of K members at once, with their gradients in closed form (see `layers` for shapes)."""

import math
from abc import ABC, abstractmethod

from mlp_exp.engine.arrays import Array, Arrays
from mlp_exp.engine.layers import Views
from mlp_exp.engine.scaled_linear import Factors

TURN = 2 * math.pi


class NumberEmbedding(ABC):
    """Puts `V h(x) + v` of each of the first n inputs before them: `[K, F + 1, B]` → `[K, n · W + F + 1, B]`.

    h is a function of a line through x for each of H hidden units, and those are one product: the factors `[H, 2]` of a
    number times its values and ones `[2, B]`.

    Args:
        name: of the parameters, with a dot behind it.
        features: F.
        rows: B.
        factors: of the inputs of the next layer; those of what is embedded are applied here.

    Attributes:
        needs_lines: whether the gradients of h need the lines.
    """

    needs_lines: bool

    def __init__(
        self,
        xp: Arrays,
        name: str,
        values: Views,
        gradients: Views,
        buffers: Views,
        features: int,
        rows: int,
        factors: Factors | None,
    ) -> None:
        self.xp = xp
        self._bind(name, values, gradients, buffers)
        weight = values[f"{name}weight"]
        self.weight, self.bias = weight, values[f"{name}bias"][..., None]
        members, numbers, hidden, width = weight.shape
        self.weight_gradient = gradients[f"{name}weight"]
        self.bias_gradient = gradients[f"{name}bias"].reshape(members, numbers * width, 1)
        self.shape = members, numbers, hidden, rows
        self.width = numbers * width
        self.out = xp.empty_like(weight, members, self.width + features + 1, rows)
        self.inputs = self.out[:, self.width :]
        self.scaled = self.out[:, : self.width]
        self.scale = factors.of_first(self.width) if factors else None
        self.unscaled = xp.empty_like(weight, *self.scaled.shape) if factors else self.scaled
        self.embedded = self.unscaled.reshape(members, numbers, width, rows)
        self.lines = xp.empty_like(weight, members, numbers, 2, rows)
        self.lines[:, :, 1] = 1.0
        self.factors = xp.empty_like(weight, members, numbers, hidden, 2)
        self.ones = xp.empty_like(weight, members, rows, 1)
        self.ones[...] = 1.0
        self._buffers: tuple[Array, Array] | None = None

    def forward(self, x: Array) -> Array:
        if self._buffers is None:  # evaluation has no need of them
            line = self.xp.empty_like(self.weight, *self.shape)
            hidden = self.xp.empty_like(self.weight, *self.shape) if self.needs_lines else line
            self._buffers = line, hidden
        self._enter(x)
        self._embed(slice(None), *self._buffers)
        return self.out

    def predict(self, x: Array) -> Array:
        """One member after the other, since there may be many rows."""
        line = self.xp.empty_like(self.weight, 1, *self.shape[1:])
        self._enter(x)
        for member in range(self.shape[0]):
            self._embed(slice(member, member + 1), line, line)
        return self.out

    def _enter(self, x: Array) -> None:
        self.xp.copy(self.inputs, x)
        self.xp.copy(self.lines[:, :, 0], self.inputs[:, : self.shape[1]])
        self._set_factors()

    def _embed(self, members: slice, line: Array, hidden: Array) -> None:
        xp, embedded = self.xp, self.embedded[members]
        xp.matmul(self.factors[members], self.lines[members], out=line)
        self._hidden(line, hidden)
        xp.matmul(self.weight[members].swapaxes(2, 3), hidden, out=embedded)
        xp.add(embedded, self.bias[members], out=embedded)
        if self.scale:
            xp.multiply(self.unscaled[members], self.scale.values[members], out=self.scaled[members])

    def backward(self, g: Array) -> Array:
        """From the gradient at the output, without the ones; returns that at the inputs behind what is embedded."""
        xp, own = self.xp, g[:, : self.width]
        assert self._buffers is not None
        line, hidden = self._buffers
        if self.scale:
            xp.multiply(self.unscaled, own, out=self.unscaled)
            xp.matmul(self.unscaled, self.ones, out=self.scale.gradient)
            xp.multiply(own, self.scale.values, out=own)
        at_embedded = own.reshape(self.embedded.shape)
        xp.matmul(hidden, at_embedded.swapaxes(2, 3), out=self.weight_gradient)
        xp.matmul(own, self.ones, out=self.bias_gradient)
        self._below(at_embedded, line, hidden)
        return g[:, self.width :]

    @abstractmethod
    def _bind(self, name: str, values: Views, gradients: Views, buffers: Views) -> None:
        """Keeps the views of what h has of its own, by name."""

    @abstractmethod
    def _set_factors(self) -> None:
        """Fills `factors`."""

    @abstractmethod
    def _hidden(self, line: Array, out: Array) -> None:
        """h of lines `[…, H, B]`; `out` may be `line`."""

    @abstractmethod
    def _below(self, g: Array, line: Array, hidden: Array) -> None:
        """Fills the gradients of what h has of its own; may overwrite `line` and `hidden`."""


class Periodic(NumberEmbedding):
    """h = cos(2π w x + b); the gradients are db = Σ -sin · dh and dw = 2π Σ -sin · dh · x."""

    needs_lines = True

    def _bind(self, name: str, values: Views, gradients: Views, buffers: Views) -> None:
        self.frequency, self.phase = values[f"{name}frequency"], values[f"{name}phase"]
        self.frequency_gradient, self.phase_gradient = gradients[f"{name}frequency"], gradients[f"{name}phase"]

    def _set_factors(self) -> None:
        self.xp.multiply(self.frequency, TURN, out=self.factors[..., 0])
        self.xp.copy(self.factors[..., 1], self.phase)

    def _hidden(self, line: Array, out: Array) -> None:
        self.xp.cos(line, out=out)

    def _below(self, g: Array, line: Array, hidden: Array) -> None:
        xp = self.xp
        xp.matmul(self.weight, g, out=hidden)
        xp.sin(line, out=line)
        xp.multiply(line, hidden, out=line)
        xp.matmul(line, self.lines.swapaxes(2, 3), out=self.factors)
        xp.multiply(self.factors[..., 0], -TURN, out=self.frequency_gradient)
        xp.negative(self.factors[..., 1], out=self.phase_gradient)


class PiecewiseLinear(NumberEmbedding):
    """h = clip(slope · x + offset, 0, 1), which has nothing to learn."""

    needs_lines = False

    def _bind(self, name: str, values: Views, gradients: Views, buffers: Views) -> None:
        self.slope, self.offset = buffers[f"{name}slope"], buffers[f"{name}offset"]

    def _set_factors(self) -> None:
        self.xp.copy(self.factors[..., 0], self.slope)
        self.xp.copy(self.factors[..., 1], self.offset)

    def _hidden(self, line: Array, out: Array) -> None:
        self.xp.maximum(line, 0.0, out=out)
        self.xp.minimum(out, 1.0, out=out)

    def _below(self, g: Array, line: Array, hidden: Array) -> None:
        pass

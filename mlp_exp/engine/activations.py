"""Activation functions with their slopes, on arrays."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from mlp_exp.engine.arrays import Array, Arrays

SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946
LEAKY_SLOPE = 0.01


@dataclass(frozen=True)
class Work:
    """Buffers for what an activation computes on its way, all of the shape of its values.

    Attributes:
        x, y: numbers.
        positive: truth values.
    """

    x: Array
    y: Array
    positive: Array


Activation = Callable[[Arrays, Array, Array, Array, Work], None]
"""Fills `a`, which may be `z` itself, with the values of `z`, and `slope` with the derivatives there:
`(xp, z, a, slope, work)`.
"""


def _positive(xp: Arrays, z: Array, out: Array, work: Work) -> None:
    """1 where z is positive, else 0."""
    xp.greater(z, 0.0, out=work.positive)
    xp.copy(out, work.positive)


def _sigmoid(xp: Arrays, z: Array, out: Array) -> None:
    xp.negative(z, out=out)
    xp.exp(out, out=out)  # infinite for z below -88, and the result 0
    xp.add(out, 1.0, out=out)
    xp.reciprocal(out, out=out)


def _softplus(xp: Arrays, z: Array, out: Array, work: Array) -> None:
    """log(1 + exp(z)), which does not overflow."""
    xp.absolute(z, out=work)
    xp.negative(work, out=work)
    xp.exp(work, out=work)
    xp.log1p(work, out=work)
    xp.maximum(z, 0.0, out=out)
    xp.add(out, work, out=out)


def relu(xp: Arrays, z: Array, a: Array, slope: Array, work: Work) -> None:
    _positive(xp, z, slope, work)
    xp.multiply(z, slope, out=a)  # twice as fast as a maximum


def dropped_relu(xp: Arrays, z: Array, a: Array, slope: Array, work: Work, kept: Array, scale: Array) -> None:
    """ReLU and dropout at once: units that are dropped are those that are not positive."""
    xp.greater(z, 0.0, out=work.positive)
    xp.logical_and(work.positive, kept, out=work.positive)
    xp.copy(slope, work.positive)
    xp.multiply(slope, scale, out=slope)
    xp.multiply(z, slope, out=a)


def leaky_relu(xp: Arrays, z: Array, a: Array, slope: Array, work: Work) -> None:
    _positive(xp, z, slope, work)
    xp.multiply(slope, 1.0 - LEAKY_SLOPE, out=slope)
    xp.add(slope, LEAKY_SLOPE, out=slope)
    xp.multiply(z, slope, out=a)


def elu(xp: Arrays, z: Array, a: Array, slope: Array, work: Work) -> None:
    xp.minimum(z, 0.0, out=slope)
    xp.exp(slope, out=slope)
    xp.maximum(z, 0.0, out=a)
    xp.add(a, slope, out=a)
    xp.subtract(a, 1.0, out=a)


def selu(xp: Arrays, z: Array, a: Array, slope: Array, work: Work) -> None:
    """scale · z, and below zero scale · alpha · (exp(z) - 1) (Klambauer et al., 2017)."""
    xp.minimum(z, 0.0, out=work.x)
    xp.exp(work.x, out=work.x)
    xp.multiply(work.x, SELU_SCALE * SELU_ALPHA, out=work.x)
    _positive(xp, z, slope, work)
    xp.maximum(z, 0.0, out=a)
    xp.multiply(a, SELU_SCALE, out=a)
    xp.add(a, work.x, out=a)
    xp.subtract(a, SELU_SCALE * SELU_ALPHA, out=a)
    # work.x is scale · alpha where z is positive
    xp.multiply(slope, SELU_SCALE * (1.0 - SELU_ALPHA), out=slope)
    xp.add(slope, work.x, out=slope)


def tanh(xp: Arrays, z: Array, a: Array, slope: Array, work: Work) -> None:
    xp.tanh(z, out=a)
    xp.multiply(a, a, out=slope)
    xp.negative(slope, out=slope)
    xp.add(slope, 1.0, out=slope)


def sigmoid(xp: Arrays, z: Array, a: Array, slope: Array, work: Work) -> None:
    _sigmoid(xp, z, a)
    xp.multiply(a, a, out=slope)
    xp.subtract(a, slope, out=slope)


def silu(xp: Arrays, z: Array, a: Array, slope: Array, work: Work) -> None:
    """z · s with s = sigmoid(z); the slope is s + a · (1 - s)."""
    _sigmoid(xp, z, slope)
    xp.multiply(z, slope, out=a)
    xp.multiply(a, slope, out=work.x)
    xp.subtract(a, work.x, out=work.x)
    xp.add(slope, work.x, out=slope)


def softplus(xp: Arrays, z: Array, a: Array, slope: Array, work: Work) -> None:
    _sigmoid(xp, z, slope)
    _softplus(xp, z, a, work.x)


def mish(xp: Arrays, z: Array, a: Array, slope: Array, work: Work) -> None:
    """z · t with t = tanh(softplus(z)); the slope is t + z · (1 - t²) · sigmoid(z) (Misra, 2019)."""
    _softplus(xp, z, work.y, work.x)
    xp.tanh(work.y, out=work.y)
    _sigmoid(xp, z, slope)
    xp.multiply(slope, z, out=slope)
    xp.multiply(z, work.y, out=a)
    xp.multiply(work.y, work.y, out=work.x)
    xp.multiply(work.x, slope, out=work.x)
    xp.subtract(slope, work.x, out=slope)
    xp.add(slope, work.y, out=slope)


def gelu(xp: Arrays, z: Array, a: Array, slope: Array, work: Work) -> None:
    """z · Φ(z), with the normal distribution's Φ; the slope is Φ(z) + z · φ(z) (Hendrycks & Gimpel, 2016)."""
    xp.multiply(z, math.sqrt(0.5), out=work.x)
    xp.erf(work.x, out=slope)
    xp.add(slope, 1.0, out=slope)
    xp.multiply(slope, 0.5, out=slope)
    xp.multiply(work.x, work.x, out=work.x)
    xp.negative(work.x, out=work.x)
    xp.exp(work.x, out=work.x)
    xp.multiply(work.x, z, out=work.x)
    xp.multiply(work.x, 1 / math.sqrt(2 * math.pi), out=work.x)
    xp.multiply(z, slope, out=a)
    xp.add(slope, work.x, out=slope)


SLOPED: dict[str, Activation] = {
    each.__name__: each for each in (relu, gelu, silu, tanh, leaky_relu, selu, elu, mish, sigmoid, softplus)
}
"""By the name that `model.activation` has."""

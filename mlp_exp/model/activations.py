"""Activation functions: the module for a plain network, forward and backward functions for a stack.

All are torch's own kernels; the backward functions are those that autograd calls.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

aten = torch.ops.aten

SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


@dataclass(frozen=True)
class Activation:
    """One activation function.

    Attributes:
        module: class of the module, which takes no arguments.
        forward: `z → a`.
        backward: `(dL/da, z, a) → dL/dz`.
        by_sign: whether `backward` only depends on where `a` is positive; then dropout may overwrite `a`.
    """

    module: type[nn.Module]
    forward: Callable[[Tensor], Tensor]
    backward: Callable[[Tensor, Tensor, Tensor], Tensor]
    by_sign: bool = False


ACTIVATIONS: dict[str, Activation] = {
    "relu": Activation(nn.ReLU, torch.relu, lambda g, z, a: aten.threshold_backward(g, a, 0), by_sign=True),
    "gelu": Activation(nn.GELU, functional.gelu, lambda g, z, a: aten.gelu_backward(g, z)),
    "silu": Activation(nn.SiLU, functional.silu, lambda g, z, a: aten.silu_backward(g, z)),
    "tanh": Activation(nn.Tanh, torch.tanh, lambda g, z, a: aten.tanh_backward(g, a)),
    "leaky_relu": Activation(
        nn.LeakyReLU, functional.leaky_relu, lambda g, z, a: aten.leaky_relu_backward(g, z, 0.01, False)
    ),
    "selu": Activation(
        nn.SELU, torch.selu, lambda g, z, a: aten.elu_backward(g, SELU_ALPHA, SELU_SCALE, 1.0, False, z)
    ),
    "elu": Activation(nn.ELU, functional.elu, lambda g, z, a: aten.elu_backward(g, 1.0, 1.0, 1.0, False, z)),
    "mish": Activation(nn.Mish, functional.mish, lambda g, z, a: aten.mish_backward(g, z)),
    "sigmoid": Activation(nn.Sigmoid, torch.sigmoid, lambda g, z, a: aten.sigmoid_backward(g, a)),
    "softplus": Activation(nn.Softplus, functional.softplus, lambda g, z, a: aten.softplus_backward(g, z, 1.0, 20.0)),
}

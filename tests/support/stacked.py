"""A pass of a stack of networks beside that of each of its modules under autograd."""

import copy
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from mlp_exp.engine.arrays import Array
from mlp_exp.engine.batches import Batch, Mask
from mlp_exp.engine.stacked import StackedMLP
from mlp_exp.model.embedding import EmbeddedNetwork
from mlp_exp.model.mlp import MLP

CPU = torch.device("cpu")
Network = MLP | EmbeddedNetwork

FEATURES = 4
OUTPUTS = 3
BATCH = 32
KEPT = 0.6
"""Of units, with dropout."""
ROWS = (21, 32, 9)
"""Rows of each member's batch; the rest of the 32 is padding."""


def batch(k: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs and gradients at the logits, and which rows are valid."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(k, BATCH, FEATURES, generator=generator)
    gradient = torch.randn(k, BATCH, OUTPUTS, generator=generator)
    valid = torch.zeros(k, BATCH, 1)
    for member in range(k):
        valid[member, : ROWS[member]] = 1
        inputs[member, ROWS[member] :] = inputs[member, :1]
    return inputs, gradient * valid, valid


def units_first(tensor: Tensor) -> Array:
    """`[K, B, O]` as the layers have it."""
    return tensor.mT.contiguous().numpy()


def entered(stack: StackedMLP, inputs: Tensor) -> Array:
    """Inputs as the stack takes them."""
    ones = torch.ones(*inputs.shape[:2], int(stack.takes_ones))
    return torch.cat([inputs, ones], dim=2).numpy()


def forward(stack: StackedMLP, inputs: Tensor, masks: Sequence[Tensor], valid: Tensor) -> Tensor:
    """Logits `[K, B, O]`."""
    unused = units_first(valid)
    scale = np.full((len(inputs), 1, 1), 1 / KEPT)
    layers = [Mask(units_first(mask) > 0, scale) for mask in masks]
    batch = Batch(entered(stack, inputs), unused, unused, units_first(valid), layers)
    return torch.from_numpy(stack.forward(batch)).mT.clone()


def predict(stack: StackedMLP, inputs: Tensor) -> Tensor:
    return torch.from_numpy(stack.predict(entered(stack, inputs))).mT.clone()


def random_masks(k: int, hidden: tuple[int, ...]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [(torch.rand(k, BATCH, width, generator=generator) < KEPT).double() / KEPT for width in hidden]


def reference(module: Network, inputs: Tensor, gradient: Tensor, masks: Sequence[Tensor]) -> tuple[Network, Tensor]:
    """A copy of the module after one forward and backward pass, and its logits."""
    module = copy.deepcopy(module).train()
    blocks = module.get_submodule("network.blocks" if isinstance(module, EmbeddedNetwork) else "blocks").children()
    hooks = [
        block.get_submodule("dropout").register_forward_hook(lambda _, args, __, mask=mask: args[0] * mask)
        for block, mask in zip(blocks, masks, strict=False)
    ]
    logits = module(inputs)
    logits.backward(gradient)
    for hook in hooks:
        hook.remove()
    return module, logits.detach()


def rows_of(network: StackedMLP, matrix: Tensor, member: int) -> dict[str, Tensor]:
    """A member's row of a matrix of parameters, by name."""
    return {name: view[member] for name, view in network.parameter_rows.views(matrix).items()}


def close(found: Tensor, expected: Tensor | None) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-10)


def check_member(
    stack: StackedMLP, member: int, plain: Network, given: tuple[Tensor, Tensor, Sequence[Tensor]], logits: Tensor
) -> Network:
    """A member's logits and gradients are those of its module, which is returned as it is after the pass."""
    inputs, gradient, masks = given
    n = ROWS[member]
    module, expected = reference(plain, inputs[member, :n], gradient[member, :n], [mask[member, :n] for mask in masks])
    close(logits[member, :n], expected)
    gradients = rows_of(stack, stack.gradients, member)
    assert set(gradients) == {name for name, _ in module.named_parameters()}
    for name, parameter in module.named_parameters():
        close(gradients[name], parameter.grad)
    return module

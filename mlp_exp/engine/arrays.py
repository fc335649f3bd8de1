"""What NumPy and torch share: functions that write into a buffer, so that a layer is written once for both.

A stack steps on NumPy on the CPU, where a call costs a third of torch's, and on torch elsewhere. Both are called as
`xp.add(a, b, out=c)`; the first argument is an array, the second an array or a Python number (a NumPy scalar would turn
float32 into float64).
"""

from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

Array = Any
"""A NumPy array on the CPU, a torch tensor elsewhere."""

ALIKE = (
    *("add", "subtract", "multiply", "divide", "matmul", "negative", "absolute", "reciprocal", "sqrt"),
    *("exp", "log", "log1p", "tanh", "cos", "sin", "greater", "logical_and"),
)
"""Functions that both have by the same name."""


class Arrays:
    """The functions of one of the two: those that are `ALIKE`, and others by a name of ours.

    Attributes:
        copy: `copy(target, source)`, which may change the type.
        maximum, minimum: of an array and a number.
        largest, total: over an axis that is kept: `largest(a, axis)`.
        take: rows of a table by their numbers.
        erf: the error function.
        view: a tensor as an array that shares its memory.
        tensor: an array as a tensor that shares its memory.
    """

    def __init__(self, module: ModuleType, **others: Any) -> None:
        vars(self).update({name: getattr(module, name) for name in ALIKE}, **others)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)

    def empty_like(self, array: Array, *shape: int) -> Array:
        """A new buffer of the type and on the device of an array."""
        return array.new_empty(shape) if isinstance(array, Tensor) else np.empty(shape, array.dtype)

    def truths_like(self, array: Array) -> Array:
        """A new buffer of truth values of the shape of an array."""
        return torch.empty_like(array, dtype=torch.bool) if isinstance(array, Tensor) else np.empty_like(array, bool)


def _numpy_erf(x: Array, out: Array) -> None:
    """NumPy has none; torch's gives the same bits at any length."""
    torch.erf(torch.from_numpy(x), out=torch.from_numpy(out))


def _same(array: Array) -> Array:
    return array


NUMPY = Arrays(
    np,
    copy=np.copyto,
    maximum=np.maximum,
    minimum=np.minimum,
    largest=partial(np.maximum.reduce, keepdims=True),
    total=partial(np.add.reduce, keepdims=True),
    take=partial(np.take, axis=0, mode="clip"),  # bounds are checked otherwise, at twice the price
    erf=_numpy_erf,
    view=Tensor.numpy,
    tensor=torch.from_numpy,
)
TORCH = Arrays(
    torch,
    copy=Tensor.copy_,
    maximum=lambda a, number, out=None: torch.clamp(a, min=number, out=out),
    minimum=lambda a, number, out=None: torch.clamp(a, max=number, out=out),
    largest=partial(torch.amax, keepdim=True),
    total=partial(torch.sum, keepdim=True),
    take=lambda table, rows: table.index_select(0, rows),
    erf=torch.erf,
    view=_same,
    tensor=_same,
)


def arrays_of(device: torch.device) -> Arrays:
    """What a stack on the device steps on."""
    return NUMPY if device.type == "cpu" else TORCH

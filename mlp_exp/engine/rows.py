"""The tensors of K modules of one shape as a matrix, one row a member."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from mlp_exp.errors import TrainingError

ALIGNMENT = 32
"""Rows are padded to a multiple of this, and so are batches whose size depends on the member.

A row then never ends in a tail: torch's kernels treat each member of a stack as they treat it alone, to the last bit.
"""


def padded(length: int) -> int:
    """The next multiple of `ALIGNMENT`."""
    return -(-length // ALIGNMENT) * ALIGNMENT


class Rows:
    """K members' tensors, flattened and side by side.

    What concerns a member as a whole (an optimizer's step, a gradient's norm, keeping the best weights, leaving the
    stack) is then an operation on rows, whatever the network looks like.

    Args:
        transposed: tells of a name whether its matrix stands transposed in the row.

    Attributes:
        values: `[K, W]`, W padded; the padding is zero.
    """

    def __init__(
        self,
        members: Sequence[Mapping[str, Tensor]],
        device: torch.device,
        transposed: Callable[[str], bool] = lambda name: False,
    ) -> None:
        self._shapes = {name: tensor.shape for name, tensor in members[0].items()}
        self._transposed = {name for name in self._shapes if transposed(name)}
        self._starts: dict[str, int] = {}
        width = 0
        for name, shape in self._shapes.items():
            self._starts[name] = width
            width += shape.numel()
        self.values = torch.zeros(len(members), padded(width), device=device)
        for index, tensors in enumerate(members):
            for name, view in self.views(self.values[index : index + 1]).items():
                view[0].copy_(tensors[name].detach())

    def views(self, matrix: Tensor) -> dict[str, Tensor]:
        """Views `[K, *shape]` by name of any matrix laid out as `values` is."""
        return {name: self._view(matrix, name) for name in self._shapes}

    def _view(self, matrix: Tensor, name: str) -> Tensor:
        shape, start = self._shapes[name], self._starts[name]
        stored = shape[::-1] if name in self._transposed else shape
        view = matrix[:, start : start + shape.numel()].view(len(matrix), *stored)
        return view.transpose(1, 2) if name in self._transposed else view

    def folded(self, matrix: Tensor, name: str) -> Tensor:
        """A transposed weight with the bias that follows it as one matrix: `[K, in + 1, out]`."""
        out, width = self._shapes[f"{name}.weight"]
        start = self._starts[f"{name}.weight"]
        return matrix[:, start : start + (width + 1) * out].view(len(matrix), width + 1, out)


def copy_row(matrix: Tensor, row: int) -> Tensor:
    """A member's row `[W]`, on the CPU."""
    return matrix[row].detach().to("cpu", copy=True)


def set_row(matrix: Tensor, row: int, saved: object) -> None:
    """Puts back what `copy_row` gave.

    Raises:
        TrainingError: it is not the row of such a matrix.
    """
    if not isinstance(saved, Tensor) or saved.shape != matrix.shape[1:] or saved.dtype != matrix.dtype:
        found = f"{list(saved.shape)} of {saved.dtype}" if isinstance(saved, Tensor) else type(saved).__name__
        raise TrainingError(f"a saved state does not fit: expected {matrix.shape[1]} numbers, got {found}")
    matrix[row] = saved

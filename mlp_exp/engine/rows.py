"""The tensors of K modules of one shape as a matrix, one row a member."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from mlp_exp.errors import TrainingError

ALIGNMENT = 32
"""Rows and batches are padded to a multiple of this.

A row then starts on a cache line and never ends in a tail: BLAS and vectorised kernels treat each member of a stack as
they treat it alone, and the results are the same to the last bit.
"""


def padded(length: int) -> int:
    """The next multiple of `ALIGNMENT`."""
    return -(-length // ALIGNMENT) * ALIGNMENT


class Rows:
    """K members' tensors, flattened and side by side.

    What concerns a member as a whole (an optimizer's step, a gradient's norm, keeping the best weights, leaving the
    stack) is then an operation on rows, whatever the network looks like.

    Attributes:
        values: `[K, W]`, W padded; the padding is zero.
    """

    def __init__(self, members: Sequence[Mapping[str, Tensor]], device: torch.device) -> None:
        self._shapes = {name: tensor.shape for name, tensor in members[0].items()}
        width = padded(sum(shape.numel() for shape in self._shapes.values()))
        self.values = torch.zeros(len(members), width, device=device)
        for index, tensors in enumerate(members):
            for name, view in self.views(self.values[index : index + 1]).items():
                view[0].copy_(tensors[name].detach())

    def views(self, matrix: Tensor) -> dict[str, Tensor]:
        """Views `[K, *shape]` by name of any matrix laid out as `values` is."""
        views, start = {}, 0
        for name, shape in self._shapes.items():
            size = shape.numel()
            views[name] = matrix[:, start : start + size].view(len(matrix), *shape)
            start += size
        return views


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

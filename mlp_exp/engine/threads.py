"""How many threads a product takes, in torch and in the BLAS that NumPy calls."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from mlp_exp.processes.blas import blas


def set_threads(count: int) -> None:
    """Sets the CPU threads of this process, on which the last bits of a training depend."""
    torch.set_num_threads(count)
    blas().limit(limits=count)


@contextmanager
def torch_on_one_thread() -> Iterator[None]:
    """Leaves the other threads to the BLAS: torch's wait for work actively, and steps took six times as long."""
    count = torch.get_num_threads()
    if count == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(count)

"""How many threads a product takes, in torch and in the BLAS that NumPy calls."""

import functools

import torch
from threadpoolctl import ThreadpoolController


@functools.cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")  # takes milliseconds to find the libraries


def set_threads(count: int) -> None:
    """Sets the CPU threads of this process, on which the last bits of a training depend."""
    torch.set_num_threads(count)
    _blas().limit(limits=count)

"""Numbers below the smallest normal float, which a processor computes with many times slower."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def flushed_denormals() -> Iterator[None]:
    """Has torch's operations take denormal numbers for zero, as XLA does, where they run on one thread.

    Gradients of rows that are very sure and moments of units that have died reach them; a stack with large learning
    rates trained at half its speed. Other threads of torch would keep the setting that they began with, so that numbers
    would depend on when they began.
    """
    flushed = not torch.tensor(1e-39).mul(0.5)  # torch does not say how it is set
    if flushed or torch.get_num_threads() > 1:
        yield
        return
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)

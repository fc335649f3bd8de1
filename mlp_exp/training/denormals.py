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
    alone = torch.get_num_threads() == 1
    if alone:
        torch.set_flush_denormal(True)
    try:
        yield
    finally:
        if alone:
            torch.set_flush_denormal(False)

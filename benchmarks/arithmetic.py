"""What a step would take if it were arithmetic alone."""

import time
from functools import cache

import torch
from work import Work


@cache
def matrix_rate() -> float:
    """Floating-point operations a second of one core in a product of two large matrices."""
    a, b = torch.rand(1024, 1024), torch.rand(1024, 1024)
    times = []
    for _ in range(10):
        start = time.perf_counter()
        torch.mm(a, b)
        times.append(time.perf_counter() - start)
    return 2 * 1024**3 / min(times)


def least_microseconds(work: Work, members: int = 1) -> float:
    """Of a step at that rate."""
    return work.operations * members / matrix_rate() * 1e6

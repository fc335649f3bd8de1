"""What tests of stacked networks have in common."""

from collections.abc import Iterator

import pytest
import torch

from mlp_exp.engine.threads import set_threads


@pytest.fixture
def double_precision() -> Iterator[None]:
    """Stack and modules take the default type; in double precision, what is not rounding is an error."""
    threads = torch.get_num_threads()
    torch.set_default_dtype(torch.float64)
    set_threads(1)
    yield
    set_threads(threads)
    torch.set_default_dtype(torch.float32)

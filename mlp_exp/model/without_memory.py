"""Networks of which only the shapes are wanted."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


@contextmanager
def without_memory() -> Iterator[None]:
    """Tensors that are made here have a shape and a type, and neither memory nor values.

    >>> with without_memory():
    ...     torch.nn.Embedding(10**6, 10**6).weight.device
    device(type='meta')
    """
    with torch.device("meta"), _NothingDrawn():
        yield


class _NothingDrawn(TorchFunctionMode):
    """Draws no normal numbers: for those without memory torch imports its compiler, which takes more than a second."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        named = kwargs or {}
        return named["tensor"] if func is torch.nn.init.normal_ else func(*args, **named)

"""A CUDA graph, acted out on the CPU."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

WAITS = ("_local_scalar_dense", "nonzero", "item", "is_nonzero", "equal", "masked_select")
"""Operations for which a device has to be waited for, which cannot be captured."""


class RecordedGraph:
    """Repeats the operations of a function, with the numbers and at the places that they had when it was captured.

    As with a CUDA graph, capturing changes nothing, and a replay does nothing that torch was not told of.
    """

    def __init__(self, function: Callable[[], None]) -> None:
        recorder = _Recorder()
        with recorder:
            function()
        recorder.undo()
        self._calls = recorder.calls

    def replay(self) -> None:
        for function, args, kwargs, outputs in self._calls:
            for recorded, found in zip(outputs, _tensors(function(*args, **kwargs)), strict=True):
                if _place(recorded) != _place(found):
                    recorded.copy_(found)


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: list[tuple[Any, Any, Any, list[Tensor]]] = []
        self._before: dict[int, tuple[Tensor, Tensor]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = func.overloadpacket.__name__
        assert name not in WAITS, f"{name} waits for the device"
        assert name != "_to_copy" or "device" not in kwargs, "a copy to another device waits for it"
        made = {_place(tensor) for *_, outputs in self.calls for tensor in outputs}
        for tensor in _tensors((args, kwargs)):
            if _place(tensor) not in made and _place(tensor) not in self._before:
                whole = torch.empty(0, dtype=torch.uint8).set_(tensor.untyped_storage())
                self._before[_place(tensor)] = whole, whole.clone()
        result = func(*args, **kwargs)
        self.calls.append((func, args, kwargs, _tensors(result)))
        return result

    def undo(self) -> None:
        """Puts back what was there before."""
        for whole, content in self._before.values():
            whole.copy_(content)


def _tensors(nested: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(nested) if isinstance(leaf, Tensor)]


def _place(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()

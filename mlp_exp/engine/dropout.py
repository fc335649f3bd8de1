"""Dropout layers of a user's module that take their masks instead of drawing them."""

import copy
import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

PER_VALUE: tuple[type[nn.Module], ...] = (nn.Dropout, nn.AlphaDropout)
PER_CHANNEL: dict[type[nn.Module], int | None] = {
    nn.Dropout1d: 3,
    nn.Dropout2d: 4,
    nn.Dropout3d: 5,
    nn.FeatureAlphaDropout: None,
}
"""Layers that drop whole channels `[B, C, …]`, with the number of dimensions that their input must have."""
DROPOUT: frozenset[type[nn.Module]] = frozenset((*PER_VALUE, *PER_CHANNEL))
ALPHA = -1.7580993408473766
"""What a dropped value becomes in alpha dropout: -scale · alpha of SELU (Klambauer et al., 2017)."""


class Call(NamedTuple):
    """A call of a dropout layer in a forward pass.

    Attributes:
        layer: the layer's name in the module.
        shape: of its mask.
    """

    layer: str
    shape: tuple[int, ...]

    @property
    def width(self) -> int:
        """Numbers of the mask for one row."""
        return math.prod(self.shape[1:])


class Masks:
    """What the dropout layers of one module share: the masks of a forward pass, in the order of their calls.

    Attributes:
        calls: of the latest pass that was recorded.
    """

    def __init__(self) -> None:
        self._given: Iterator[tuple[Tensor, Tensor]] | None = None
        self._records = False
        self.calls: list[Call] = []

    def record(self) -> None:
        """The next pass drops nothing, and notes its calls."""
        self._given, self._records, self.calls = None, True, []

    def give(self, masks: Iterable[tuple[Tensor, Tensor]] | None) -> None:
        """Of each call of the next pass, the mask, which is 0 or the scale, and the scale; None to drop nothing."""
        self._given, self._records = None if masks is None else iter(masks), False

    def next(self, layer: str, shape: tuple[int, ...]) -> tuple[Tensor, Tensor] | None:
        """The mask of a call; None where nothing is dropped."""
        if self._records:
            self.calls.append(Call(layer, shape))
        return None if self._given is None else next(self._given)


class MaskedDropout(nn.Module):
    """One of torch's dropout layers, with masks that are given."""

    def __init__(self, name: str, layer: nn.Module, masks: Masks) -> None:
        super().__init__()
        self._name = name
        self._alpha = isinstance(layer, nn.AlphaDropout | nn.FeatureAlphaDropout)
        self._per_channel = type(layer) in PER_CHANNEL
        self._masks = masks

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        shape = (*x.shape[:2], *[1] * (x.ndim - 2)) if self._per_channel else tuple(x.shape)
        given = self._masks.next(self._name, shape)
        if given is None:
            return x
        mask, scale = given
        if not self._alpha:
            return x * mask
        kept, rate = mask / scale, 1 - 1 / scale
        a = ((1 - rate) * (1 + rate * ALPHA**2)).rsqrt()
        return a * (x * kept + ALPHA * (1 - kept)) - a * ALPHA * rate


def with_masks(module: nn.Module) -> tuple[nn.Module, Masks]:
    """A copy of a module whose dropout layers take their masks from what is returned with it.

    Raises:
        Exception: the module cannot be copied.
    """
    copied, masks = copy.deepcopy(module), Masks()
    if type(copied) in DROPOUT:
        return MaskedDropout("", copied, masks), masks
    for name, layer in list(copied.named_modules(remove_duplicate=False)):
        if type(layer) in DROPOUT:
            parent, _, own = name.rpartition(".")
            copied.get_submodule(parent)._modules[own] = MaskedDropout(name, layer, masks)
    return copied, masks


def rate_of(module: nn.Module, name: str) -> float:
    """The rate of a dropout layer of a module, by its name."""
    layer = module.get_submodule(name)
    assert isinstance(layer, _DropoutNd)
    return layer.p

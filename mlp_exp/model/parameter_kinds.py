"""Of which kind each parameter of a network is: what factors of learning rate and weight decay go by."""

import math
from typing import NamedTuple

from torch import nn


class ParameterKind(NamedTuple):
    """What decides over the factors of a parameter.

    Attributes:
        kind: embedding, scale, bias or weight.
        inputs: of the linear layer whose weight it is; 1 for any other parameter.
    """

    kind: str
    inputs: int = 1

    @property
    def ntk_factor(self) -> float:
        """Of its rate in the NTK form `x W / √inputs` (Jacot et al., 2018), whose steps of W Adam makes as large."""
        return 1 / math.sqrt(self.inputs)


def parameter_kinds(module: nn.Module) -> dict[str, ParameterKind]:
    """The kind of each trained parameter, by name.

    All that belongs to a module whose class, or a base of it, is an `…Embedding` is of kind `embedding`. Elsewhere
    `scale` is what has this name, `bias` what has it in its name, and all others are weights, also those of a norm.

    >>> parameter_kinds(nn.Linear(4, 2))
    {'weight': ParameterKind(kind='weight', inputs=4), 'bias': ParameterKind(kind='bias', inputs=1)}
    """
    parts = dict(module.named_modules())
    embeddings = tuple(f"{path}." for path, part in parts.items() if path and _embeds(part))
    found = {}
    for name, parameter in module.named_parameters():
        if not parameter.requires_grad:
            continue
        path, _, own = name.rpartition(".")
        kind = "embedding" if name.startswith(embeddings) else _by_name(name)
        owner = parts[path]
        of_linear = isinstance(owner, nn.Linear) and own == "weight" and kind == "weight"
        found[name] = ParameterKind(kind, owner.in_features if of_linear else 1)
    return found


def _embeds(module: nn.Module) -> bool:
    return any(cls.__name__.endswith("Embedding") for cls in type(module).__mro__)


def _by_name(name: str) -> str:
    if "scale" in name.split("."):
        return "scale"
    return "bias" if "bias" in name.rpartition(".")[2] else "weight"

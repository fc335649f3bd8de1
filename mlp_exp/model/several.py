"""The tensors of several networks of one shape in one mapping."""

from collections.abc import Iterable, Mapping

from torch import Tensor, nn


def joined(modules: Iterable[nn.Module]) -> dict[str, Tensor]:
    """Copies of the tensors of modules: of one by its own names, of several as `0.head.weight`, `1.head.weight` …"""
    states = [module.state_dict() for module in modules]
    if len(states) == 1:
        return {name: tensor.clone() for name, tensor in states[0].items()}
    return {f"{number}.{name}": tensor.clone() for number, state in enumerate(states) for name, tensor in state.items()}


def by_module(tensors: Mapping[str, Tensor], count: int) -> list[dict[str, Tensor]]:
    """What `joined` gave, as the state of each of `count` modules; of names that are none of theirs, they lack some."""
    if count == 1:
        return [dict(tensors)]
    found: list[dict[str, Tensor]] = [{} for _ in range(count)]
    for name, tensor in tensors.items():
        number, _, own = name.partition(".")
        if number.isdecimal() and int(number) < count:
            found[int(number)][own] = tensor
    return found

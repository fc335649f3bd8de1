"""Whether modules of a user's own can train as one through `torch.func`: they are tried, before any training."""

import random
import weakref
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from mlp_exp.engine.arrays import NUMPY
from mlp_exp.engine.batches import Batch, Mask
from mlp_exp.engine.dropout import DROPOUT, rate_of, with_masks
from mlp_exp.engine.functional import TRIED_ROWS, FunctionalNetwork, some_rows
from mlp_exp.errors import ConfigError
from mlp_exp.model.embedding import EmbeddedNetwork

CAUSES = {
    ".item()": "it reads the value of a tensor (.item(), float())",
    "data-dependent control flow": "its control flow depends on values of a tensor",
    "dynamic shape": "the shape of what it computes depends on values of a tensor",
    "random operation": "it draws random numbers that are not those of dropout layers",
    "autograd.Function": "an autograd.Function of it has no rule for vmap",
}
"""By words of torch's messages."""
STEP_ROWS = 8
"""In the step that is tried."""
MOST_ROWS = 1024
"""From which they are chosen."""
OWN_OF_MODULES = frozenset(vars(nn.Module()))


class Tried(NamedTuple):
    """What the trial of a network shows.

    Attributes:
        parameters: how many are trained.
        values: how many numbers its layers make of a row.
        rounding: parameters whose gradient is 0 but for rounding, as that of a bias in front of a batch normalisation.
    """

    parameters: int
    values: int
    rounding: tuple[str, ...]


class _NotStackableError(Exception):
    """Why modules cannot train as one."""


def check_stackable(modules: Sequence[nn.Module], rows: Tensor) -> Tried:
    """Tries a step of two modules of one configuration, with different weights, as `FunctionalNetwork` takes it.

    Args:
        rows: `[N, F]`, as the network sees them.

    Raises:
        ConfigError: they cannot train in a stack; says why, and what to do.
    """
    first = modules[0]
    name = type(first.network if isinstance(first, EmbeddedNetwork) else first).__name__
    try:
        return _tried(modules, rows)
    except Exception as error:  # the user's own code may raise anything
        raise ConfigError(
            [
                f"model.stack: {name} cannot train in a stack: {_cause(error)}. Say model.stack=false: each run then "
                "trains alone"
            ]
        ) from error


def _cause(error: Exception) -> str:
    text = str(error).strip()
    if isinstance(error, _NotStackableError):
        return text
    for words, cause in CAUSES.items():
        if words in text:
            return cause
    _, rule, operation = text.partition("Batching rule not implemented for aten::")
    if rule:
        return f"torch.func has no rule for its operation {operation.partition('.')[0].partition(';')[0]}"
    first = text.partition("\n")[0].partition(". ")[0].rstrip(".")
    return f"{type(error).__name__}: {first[:200]}"


def _tried(modules: Sequence[nn.Module], rows: Tensor) -> Tried:
    try:
        template, masks = with_masks(modules[0])
    except Exception as error:
        raise _NotStackableError(f"copy.deepcopy refuses it ({type(error).__name__}: {error})") from error
    sizes: list[int] = []
    for layer in template.modules():
        if not list(layer.children()):
            layer.register_forward_hook(lambda *call: sizes.extend(_sizes(call[2])))
    shapes = []
    for count in TRIED_ROWS:
        sizes.clear()
        masks.record()
        before = _generators()
        with torch.no_grad():
            template.train()(some_rows(rows, count))
        if _generators() != before:
            raise _NotStackableError(CAUSES["random operation"])
        shapes.append([(call.layer, *call.shape) for call in masks.calls])
    _check_dropout(modules[0], shapes)
    for module in modules[1:]:
        if difference := _difference(modules[0], module):
            raise _NotStackableError(difference)
    values = sum(sizes) // TRIED_ROWS[-1]
    rounding = _check_step(modules, _different(rows))
    return Tried(sum(p.numel() for p in modules[0].parameters()), values, rounding)


def _different(rows: Tensor) -> Tensor:
    """Some rows that differ, where there are any: a norm makes large numbers of the rounding of equal ones."""
    found = torch.unique(rows[:MOST_ROWS], dim=0)
    return some_rows(found[:: -(-len(found) // STEP_ROWS)], STEP_ROWS)


def _sizes(output: Any) -> list[int]:
    if isinstance(output, list | tuple):
        return [size for each in output for size in _sizes(each)]
    return [output.numel()] if isinstance(output, Tensor) else []


def _generators() -> tuple[object, ...]:
    return random.getstate(), repr(np.random.get_state(legacy=False)), torch.get_rng_state().tolist()


def _check_dropout(module: nn.Module, shapes: Sequence[Sequence[tuple[Any, ...]]]) -> None:
    """Raises _NotStackableError unless each call has a mask for each row of a batch."""
    few, more = shapes
    by_row = [(layer, *rest) for layer, _, *rest in few] == [(layer, *rest) for layer, _, *rest in more]
    if not by_row or any(call[1] != count for calls, count in zip(shapes, TRIED_ROWS, strict=True) for call in calls):
        raise _NotStackableError("a dropout layer of it gets something else than rows of the batch")
    if any(rate_of(module, layer) >= 1 for layer, *_ in few):
        raise _NotStackableError("a dropout layer of it drops everything")


def _difference(first: nn.Module, other: nn.Module) -> str | None:
    """In what two modules differ that all members of a stack have in common."""
    ours, theirs = (dict(module.named_modules()) for module in (first, other))
    if [(name, type(each)) for name, each in ours.items()] != [(name, type(each)) for name, each in theirs.items()]:
        return "its layers differ from run to run"
    for name, layer in ours.items():
        a, b = vars(layer), vars(theirs[name])
        for key in a.keys() | b.keys():
            if key in OWN_OF_MODULES or (key == "p" and type(layer) in DROPOUT):
                continue
            if not _same(a.get(key), b.get(key)):
                where = f"{name}.{key}".lstrip(".")
                return (
                    f"{where.removeprefix('network.') if isinstance(first, EmbeddedNetwork) else where} differs from "
                    "run to run and is no parameter and no buffer (register_buffer makes it one)"
                )
    return None


def _same(a: Any, b: Any) -> bool:
    """Whether two attributes are equal, as far as can be seen."""
    if a is b or type(a) is not type(b):
        return a is b
    for kinds, equal in EQUAL:
        if isinstance(a, kinds):
            return equal(a, b)
    kind: Any = type(a)
    by_identity = kind.__eq__ is object.__eq__
    return _same(vars(a), vars(b)) if by_identity and hasattr(a, "__dict__") else by_identity or bool(a == b)


def _same_function(a: FunctionType, b: FunctionType) -> bool:
    cells = [[cell.cell_contents for cell in each.__closure__ or ()] for each in (a, b)]
    return a.__code__ == b.__code__ and _same(a.__defaults__, b.__defaults__) and _same(*cells)


EQUAL: tuple[tuple[Any, Callable[[Any, Any], bool]], ...] = (
    (
        nn.Parameter | nn.Module | weakref.ref,
        lambda a, b: True,
    ),  # they are compared, or stacked, as parts of the module
    (Tensor, torch.equal),
    (np.ndarray, np.array_equal),
    (Mapping, lambda a, b: a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)),
    (list | tuple, lambda a, b: len(a) == len(b) and all(map(_same, a, b))),
    (FunctionType, _same_function),
)
"""How attributes of a type are compared."""


def _check_step(modules: Sequence[nn.Module], rows: Tensor) -> tuple[str, ...]:
    """Raises _NotStackableError unless logits, gradients and buffers are those of each module alone; returns the
    parameters whose gradients are rounding alone.
    """
    cpu = torch.device("cpu")
    network = FunctionalNetwork(modules, cpu, rows)
    draw = np.random.default_rng(0)
    shape = (len(modules), len(rows))
    rates = network.dropout_rates(modules)
    masks = [
        Mask(draw.random((shape[0], width, shape[1])) >= 0.5, (1 / (1 - rate)).float().numpy()[:, None, None])
        for width, rate in zip(network.dropout_widths, rates, strict=True)
    ]
    ones = np.ones((shape[0], 1, shape[1]), np.float32)
    batch = Batch(NUMPY.view(rows.expand(len(modules), *rows.shape).clone()), ones, ones, ones, masks)
    logits = NUMPY.tensor(network.forward(batch))
    slopes = torch.from_numpy(draw.standard_normal(logits.shape).astype(np.float32))
    network.backward(NUMPY.view(slopes))
    gradients = network.parameter_rows.views(network.gradients)
    statistics = network.buffer_rows.views(network.buffers)
    rounding = dict.fromkeys(gradients, True)
    for row, module in enumerate(modules):
        template, own = with_masks(module)
        dropped = network.masks_of(batch)
        given = [each[row] for each in dropped]
        own.give(zip(given[::2], given[1::2], strict=True) if given else None)
        with torch.enable_grad():
            alone = template.train()(rows.clone())
            alone.backward(slopes[row].T)
        trained = {name: p.grad for name, p in template.named_parameters() if p.requires_grad}
        norm = sum(float(g.norm()) for g in trained.values() if g is not None)
        buffers = dict(template.named_buffers())
        same = _close(logits[row].T, alone.detach(), 0.0)
        same &= all(
            _close(gradients[name][row], torch.zeros(()) if g is None else g, norm) for name, g in trained.items()
        )
        same &= all(_close(view[row], buffers[name], 0.0) for name, view in statistics.items())
        if not same:
            raise _NotStackableError("under torch.func it computes something else than alone")
        for name, g in trained.items():
            rounding[name] &= g is not None and 0 < float(g.norm()) < 1e-6 * norm
    return tuple(name for name, found in rounding.items() if found)


def _close(found: Tensor, expected: Tensor, scale: float) -> bool:
    """Whether they are equal within rounding, relative to their own size or a part of the scale."""
    return float((found - expected).norm()) <= 1e-3 * float(expected.norm()) + 1e-5 * scale + 1e-6

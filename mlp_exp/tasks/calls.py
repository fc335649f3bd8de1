"""How a user's function or module is called for the loss of each row: found by calling it on a few random rows."""

import copy
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mlp_exp.errors import ConfigError

Function = Callable[[Tensor, Tensor], Any]
Rows = tuple[Tensor, Tensor]
"""Logits `[N, O]` and targets `[N, …]`."""


@dataclass(frozen=True)
class RowCall(ABC):
    """A function of the logits and targets of N rows, and how it gives the loss of each."""

    function: Function

    @abstractmethod
    def losses(self, logits: Tensor, target: Tensor) -> Tensor:
        """`[N]`."""


class ForRows(RowCall):
    """It returns a loss for each row, or for each element."""

    def losses(self, logits: Tensor, target: Tensor) -> Tensor:
        values: Tensor = self.function(logits, target)
        return values.mean(-1) if values.ndim == 2 else values


class AllAtOnce(RowCall):
    """It returns the mean or the sum over rows, so that of a row alone it is the loss of that row."""

    def losses(self, logits: Tensor, target: Tensor) -> Tensor:
        values: Tensor = torch.func.vmap(self.function)(logits[:, None], target[:, None])
        return values


class RowByRow(RowCall):
    """Likewise, of a function that `torch.func.vmap` cannot call."""

    def losses(self, logits: Tensor, target: Tensor) -> Tensor:
        rows = zip(torch.split(logits, 1), torch.split(target, 1), strict=True)
        return torch.stack([self.function(*row) for row in rows])


class OfBatch(RowCall):
    """It returns a number that belongs to a batch as a whole, as a correlation does; it stands for each row."""

    def losses(self, logits: Tensor, target: Tensor) -> Tensor:
        value: Tensor = self.function(logits, target)
        return value.expand(len(logits))


@dataclass(frozen=True)
class _OfVectors:
    """Calls a function that takes vectors `[N]`."""

    function: Function

    def __call__(self, logits: Tensor, target: Tensor) -> Any:
        return self.function(logits.squeeze(-1), target.squeeze(-1))


def row_call(function: Function, name: str, example: Callable[[int], Rows]) -> RowCall:
    """How a function is called; `example` draws so many rows, whose logits require gradients.

    Raises:
        ConfigError: it refuses such rows, or returns neither a loss for each row nor one number.
    """
    with _trials():
        trial = _copied(function)
        if _takes_vectors_alone(trial, example(2)):
            trial, function = _OfVectors(trial), _OfVectors(function)
        shapes = {_checked_shape(trial, name, *example(rows)) for rows in (2, 5, 37)}
        if shapes == {()}:
            return _of_one_number(trial, [example(8), example(5)])(function)
    return ForRows(function)


@contextmanager
def _trials() -> Iterator[None]:
    """What is tried inside leaves torch's random numbers as they are, and warns nobody."""
    with torch.enable_grad(), torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _copied(function: Function) -> Function:
    """A copy that may remember what it is tried with."""
    try:
        return copy.deepcopy(function)
    except Exception:  # the user's own may refuse it
        return function


def _takes_vectors_alone(function: Function, rows: Rows) -> bool:
    """Whether it refuses `[N, 1]`, and takes `[N]`."""
    if not all(each.ndim == 2 and each.shape[1] == 1 for each in rows):
        return False
    try:
        function(*rows)
    except Exception:  # the user's own code may raise anything
        try:
            _OfVectors(function)(*rows)
        except Exception:
            return False
        return True
    return False


def _checked_shape(function: Function, name: str, logits: Tensor, target: Tensor) -> tuple[int, ...]:
    """The shape of what it returns.

    Raises:
        ConfigError: it refuses the rows, or returns something else than a loss for each row or one number.
    """
    rows, width = logits.shape
    try:
        found = function(logits, target)
    except Exception as error:  # the user's own code may raise anything
        raise ConfigError([f"loss: {name} refuses logits [{rows}, {width}]: {error}"]) from error
    expected = f"loss: expected {name} to return a loss for each row, of {rows} rows [{rows}], or one number, got"
    if not isinstance(found, Tensor):
        raise ConfigError([f"{expected} {type(found).__name__}"])
    if tuple(found.shape) not in {(), (rows,), (rows, 1), (rows, width)}:
        raise ConfigError([f"{expected} {list(found.shape)}"])
    if not found.requires_grad:
        raise ConfigError([f"{expected} one without a gradient: it is detached from the logits"])
    return tuple(found.shape)


def _of_one_number(function: Function, examples: Sequence[Rows]) -> type[RowCall]:
    """What the number is that it returns: the mean or sum over rows, or something of the whole batch."""
    try:
        together = torch.stack([function(*rows) for rows in examples])
        alone = [RowByRow(function).losses(*rows) for rows in examples]
    except Exception:  # it may need more than one row
        return OfBatch
    sums = torch.stack([losses.sum() for losses in alone])
    means = torch.stack([losses.mean() for losses in alone])
    if not (_alike(together, means) or _alike(together, sums)):
        return OfBatch
    return AllAtOnce if _at_once(function, *examples[0]) else RowByRow


def _at_once(function: Function, logits: Tensor, target: Tensor) -> bool:
    """Whether one call for all rows gives what a call for each gives."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # torch warns of what it would compute slowly
            found = AllAtOnce(function).losses(logits, target)
            (gradient,) = torch.autograd.grad(found.sum(), logits)
    except Exception:  # not every function of torch can be called so
        return False
    expected = RowByRow(function).losses(logits, target)
    return _alike(found, expected) and _alike(gradient, *torch.autograd.grad(expected.sum(), logits))


def _alike(found: Tensor, expected: Tensor) -> bool:
    return found.shape == expected.shape and torch.allclose(found, expected, rtol=1e-4, atol=1e-6, equal_nan=True)

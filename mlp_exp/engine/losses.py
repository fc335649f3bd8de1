"""Losses on arrays: the value of each row, and the gradient at the logits.

Most of our own losses in closed form; any other through its `value` and `gradient` on tensors.
Logits are `[..., O, B]` and targets `[..., E, B]`, as layers compute them.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable

from torch import Tensor
from torch.nn import functional

from mlp_exp.engine.arrays import Array, Arrays
from mlp_exp.engine.rows import padded
from mlp_exp.tasks.losses import (
    BinaryCrossEntropy,
    CrossEntropy,
    Gamma,
    Huber,
    Loss,
    Ordinal,
    Poisson,
    Quantile,
    SquaredError,
)
from mlp_exp.tasks.losses.values import LARGEST_LOGIT
from mlp_exp.tasks.rowwise import is_rowwise


class ArrayLoss(ABC):
    """A loss for K members at once.

    Attributes:
        rowwise: whether rows are independent (`is_rowwise`); else the loss serves one member, with real rows alone.
    """

    def __init__(self, xp: Arrays, loss: Loss) -> None:
        self.xp = xp
        self.loss = loss
        self.rowwise = is_rowwise(loss)

    @abstractmethod
    def gradient(self, logits: Array, target: Array, out: Array) -> None:
        """Writes the derivative of each row's loss, `[K, O, B]`, into `out`."""

    @abstractmethod
    def values(self, logits: Array, target: Array) -> Array:
        """The loss of each row, `[..., B]`; for the history, so that it may take new memory."""


class _CrossEntropy(ArrayLoss):
    def gradient(self, logits: Array, target: Array, out: Array) -> None:
        xp = self.xp
        xp.subtract(logits, xp.largest(logits, 1), out=out)
        xp.exp(out, out=out)
        xp.divide(out, xp.total(out, 1), out=out)
        xp.subtract(out, target, out=out)

    def values(self, logits: Array, target: Array) -> Array:
        xp = self.xp
        centred = logits - xp.largest(logits, -2)
        logs = centred - xp.log(xp.total(xp.exp(centred), -2))
        return -xp.total(target * logs, -2)[..., 0, :]


class _MeanLoss(ArrayLoss):
    """The mean over the O logits of a loss of each: over several targets, thresholds or quantiles."""

    @abstractmethod
    def gradient_each(self, logits: Array, target: Array, out: Array) -> None:
        """Writes the derivative of each logit's own loss, `[K, O, B]`, into `out`."""

    @abstractmethod
    def values_each(self, logits: Array, target: Array) -> Array:
        """The loss of each logit, `[..., O, B]`."""

    def gradient(self, logits: Array, target: Array, out: Array) -> None:
        self.gradient_each(logits, target, out)
        if self.loss.out_features > 1:
            self.xp.multiply(out, 1 / self.loss.out_features, out=out)

    def values(self, logits: Array, target: Array) -> Array:
        values = self.values_each(logits, target)
        if self.loss.out_features > 1:
            values = self.xp.total(values, -2) * (1 / self.loss.out_features)
        return values[..., 0, :]


class _BinaryCrossEntropy(_MeanLoss):
    """Of one logit, of several targets, and of the thresholds of ordered classes."""

    def gradient_each(self, logits: Array, target: Array, out: Array) -> None:
        xp = self.xp
        xp.negative(logits, out=out)
        xp.exp(out, out=out)
        xp.add(out, 1.0, out=out)
        xp.reciprocal(out, out=out)
        xp.subtract(out, target, out=out)

    def values_each(self, logits: Array, target: Array) -> Array:
        xp = self.xp
        # max(x, 0) - x · t + log(1 + exp(-|x|)), which does not overflow
        tail = xp.log1p(xp.exp(xp.negative(xp.absolute(logits))))
        return xp.maximum(logits, 0.0) - logits * target + tail


class _SquaredError(_MeanLoss):
    def gradient_each(self, logits: Array, target: Array, out: Array) -> None:
        self.xp.subtract(logits, target, out=out)
        self.xp.multiply(out, 2.0, out=out)

    def values_each(self, logits: Array, target: Array) -> Array:
        error = logits - target
        return error * error


class _Huber(_MeanLoss):
    loss: Huber

    def gradient_each(self, logits: Array, target: Array, out: Array) -> None:
        self.xp.subtract(logits, target, out=out)
        self.xp.minimum(out, self.loss.delta, out=out)
        self.xp.maximum(out, -self.loss.delta, out=out)

    def values_each(self, logits: Array, target: Array) -> Array:
        distance = self.xp.absolute(logits - target)
        near = self.xp.minimum(distance, self.loss.delta)
        return near * (distance - near * 0.5)


class _Quantile(_MeanLoss):
    loss: Quantile
    _levels: Array = None

    def _column(self, logits: Array) -> Array:
        """The levels `[O, 1]`."""
        if self._levels is None:
            self._levels = self.xp.empty_like(logits, self.loss.out_features, 1)
            for place, level in enumerate(self.loss.levels):
                self._levels[place] = level
        return self._levels

    def gradient_each(self, logits: Array, target: Array, out: Array) -> None:
        self.xp.copy(out, self.xp.greater(logits, target))
        self.xp.subtract(out, self._column(logits), out=out)

    def values_each(self, logits: Array, target: Array) -> Array:
        error = target - logits
        return error * self._column(logits) + self.xp.maximum(self.xp.negative(error), 0.0)


class _Poisson(_MeanLoss):
    def gradient_each(self, logits: Array, target: Array, out: Array) -> None:
        self.xp.minimum(logits, LARGEST_LOGIT, out=out)
        self.xp.exp(out, out=out)
        self.xp.subtract(out, target, out=out)

    def values_each(self, logits: Array, target: Array) -> Array:
        return _exp(self.xp, logits) - target * logits


class _Gamma(_MeanLoss):
    def gradient_each(self, logits: Array, target: Array, out: Array) -> None:
        xp = self.xp
        xp.negative(logits, out=out)
        xp.minimum(out, LARGEST_LOGIT, out=out)
        xp.exp(out, out=out)
        xp.multiply(out, target, out=out)
        xp.negative(out, out=out)
        xp.add(out, 1.0, out=out)

    def values_each(self, logits: Array, target: Array) -> Array:
        return logits + target * _exp(self.xp, self.xp.negative(logits))


def _exp(xp: Arrays, logits: Array) -> Array:
    """The exponential, which goes on linearly beyond `LARGEST_LOGIT`."""
    return xp.exp(xp.minimum(logits, LARGEST_LOGIT)) * (xp.maximum(logits - LARGEST_LOGIT, 0.0) + 1.0)


class _TensorLoss(ArrayLoss):
    """Any loss that is computed on tensors.

    Where its rows are independent, it gets them padded to a length at which torch computes each member of a stack as
    it computes it alone.
    """

    def _padded(self, logits: Array, target: Array) -> tuple[Tensor, Tensor]:
        """Both as `[..., rows, O]`, padded with zeros."""
        rows = padded(logits.shape[-1]) if self.rowwise else logits.shape[-1]
        turned = (self.xp.tensor(array).transpose(-1, -2) for array in (logits, target))
        first, second = (functional.pad(each, (0, 0, 0, rows - each.shape[-2])) for each in turned)
        return first.contiguous(), second.contiguous()

    def gradient(self, logits: Array, target: Array, out: Array) -> None:
        found = self.loss.gradient(*self._padded(logits, target)).detach()[..., : logits.shape[-1], :]
        self.xp.copy(out, self.xp.view(found.transpose(-1, -2)))

    def values(self, logits: Array, target: Array) -> Array:
        return self.xp.view(self.loss.value(*self._padded(logits, target)).detach()[..., : logits.shape[-1]])


IN_CLOSED_FORM: dict[type[Loss], Callable[[Arrays, Loss], ArrayLoss]] = {
    BinaryCrossEntropy: _BinaryCrossEntropy,
    Ordinal: _BinaryCrossEntropy,
    CrossEntropy: _CrossEntropy,
    SquaredError: _SquaredError,
    Huber: _Huber,
    Quantile: _Quantile,
    Poisson: _Poisson,
    Gamma: _Gamma,
}


def array_loss(xp: Arrays, loss: Loss) -> ArrayLoss:
    """The loss on arrays: in closed form where it is ours, and not a class that is derived from ours."""
    return IN_CLOSED_FORM.get(type(loss), _TensorLoss)(xp, loss)

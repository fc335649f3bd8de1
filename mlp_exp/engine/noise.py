"""Which units dropout keeps, for K members at once, from random numbers that each draws from its own stream."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlp_exp.data.statistics import Floats
from mlp_exp.engine.rows import padded

NOISE_LEVELS = 2**16


def dropout_levels(rates: Tensor) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
    """Of dropout rates `[..., K]`: the signed 16-bit numbers below which noise drops a unit `[..., K]`, and by how much
    the others are scaled `[..., K, 1, 1]`.
    """
    dropped = (rates * NOISE_LEVELS).round().clamp(max=NOISE_LEVELS - 1)
    # by the rate that is really used, so that the expectation is exact
    scales = (1 / (1 - dropped / NOISE_LEVELS)).float()[..., None, None]
    return (dropped - NOISE_LEVELS // 2).numpy().astype(np.int16), scales.numpy()


class Noise:
    """The dropout noise of the batches of an epoch.

    Args:
        generators: of each member, from which it draws as much for each step, whatever its company is.
        widths, rates: of the L dropout layers, and of each member there `[L, K]`.

    Attributes:
        factors: of the rates in the current epoch, `[steps, K]`, or `[1, K]` for all steps.
    """

    def __init__(self, generators: Sequence[np.random.Generator], widths: Sequence[int], rates: Tensor) -> None:
        self._generators = list(generators)
        self._widths = widths
        self._rates = rates
        self.factors: Floats = np.empty((0, 0))

    def begin(self, factors: Floats) -> None:
        """Begins an epoch."""
        if not np.array_equal(factors, self.factors):
            self.factors = factors
            self._thresholds, self._scales = dropout_levels(self._rates * torch.from_numpy(factors)[:, None])

    def steps(self, start: int, shape: tuple[int, ...]) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.float32]]]:
        """Of steps from `start`, with batches of shape `[S, K, B]`: for each dropout layer whether a unit is kept
        `[S, K, width, B]`, and by how much those are scaled, `[S, K, 1, 1]` or `[1, K, 1, 1]` for all steps.
        """
        own = self.own(start, shape[0])
        scales = self._scales[own].swapaxes(0, 1)
        return zip(self._kept(shape, self._thresholds[own]), scales, strict=True)

    def own(self, start: int, steps: int) -> slice:
        """The rows of `factors` that are those of so many steps from `start`."""
        return slice(start, start + steps) if len(self.factors) > 1 else slice(None)

    def _kept(self, shape: tuple[int, ...], thresholds: NDArray[np.int16]) -> list[NDArray[np.bool_]]:
        if not self._widths:
            return []
        steps, members, batch = shape
        kept = [np.empty((steps, members, width, batch), dtype=np.bool_) for width in self._widths]
        rows = padded(batch)  # so that the noise of a step is a whole number of draws
        units = rows * sum(self._widths)
        ends = np.cumsum([rows * width for width in self._widths])[:-1].tolist()
        for member, generator in enumerate(self._generators):
            own = thresholds[:, :, member].T[..., None, None]  # [L, S, 1, 1]
            noise = generator.bit_generator.random_raw(steps * units // 4).view(np.int16).reshape(steps, units)
            for layer, out, threshold in zip(np.split(noise, ends, axis=1), kept, own, strict=True):
                units_last = layer.reshape(steps, rows, out.shape[2])[:, :batch]
                np.greater_equal(units_last.swapaxes(1, 2), threshold, out=out[:, member])
        return kept

    def select(self, rows: Sequence[int]) -> None:
        """Forgets all members but these."""
        self._generators = [self._generators[row] for row in rows]
        self._rates = self._rates[:, list(rows)]
        self.factors = np.empty((0, 0))

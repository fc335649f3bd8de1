"""Curves over a training: factors of the learning rate, of the weight decay or of dropout, of each step."""

from abc import ABC, abstractmethod

import numpy as np

from mlp_exp.data.statistics import Floats


class Curve(ABC):
    """A factor that depends on how much of a training is over."""

    @abstractmethod
    def at(self, t: Floats) -> Floats:
        """The factors where the parts `t` of a training are over, each from 0 to 1."""

    def of_epoch(self, epoch: int, epochs: int, steps: int) -> Floats:
        """The factors `[steps]` in the middle of each step of an epoch, from 1, of a training of so many epochs."""
        return self.at(((epoch - 1) * steps + np.arange(steps) + 0.5) / (epochs * steps))


class LogCosine(Curve):
    """`½ (1 - cos(2π log2(1 + (2^cycles - 1) t)))`: waves from 0 up to 1 and back, each twice as long as the one before
    (Holzmüller et al., 2024).

    The middle of a step is never where the factor is 0.

    >>> LogCosine(cycles=1).at(np.array([0.0, 2**0.5 - 1])).round(6).tolist()
    [0.0, 1.0]
    """

    def __init__(self, cycles: int = 4) -> None:
        self.cycles = cycles

    def at(self, t: Floats) -> Floats:
        waves: Floats = 0.5 * (1 - np.cos(2 * np.pi * np.log2(1 + (2**self.cycles - 1) * t)))
        return waves


class FlatCosine(Curve):
    """1 for the first half of a training, then half a cosine down to 0 (Holzmüller et al., 2024).

    >>> FlatCosine().at(np.array([0.0, 0.5, 0.75, 1.0])).tolist()
    [1.0, 1.0, 0.5, 0.0]
    """

    def at(self, t: Floats) -> Floats:
        cosine: Floats = 0.5 * (1 + np.cos(np.pi * np.maximum(2 * t - 1, 0.0)))
        return cosine


CURVES: dict[str, Curve | None] = {"constant": None, "flat_cosine": FlatCosine()}
"""Schedules of weight decay and of dropout by name; None where the factor is 1."""

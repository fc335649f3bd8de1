"""A run's random numbers: one independent stream for each purpose, all from its seed."""

from typing import Any

import numpy as np

from mlp_exp.errors import TrainingError

MEMBERS = 2**20
"""Spawn key below which the streams of an ensemble's further members lie, apart from those of the first."""


class Streams:
    """Streams of a seed (`numpy.random.SeedSequence.spawn`), so that no use of one shifts another.

    Args:
        member: place of a network in an ensemble, from 0; the first has the streams of a run by itself.

    Attributes:
        split, shuffle, dropout, ensemble: NumPy generators.
        weights: seed for torch's own generator, from which the network's first weights are drawn.
        module: seed for what a user's own module draws while it trains.
        device: key of what a GPU draws for the run, in the place of `shuffle` and `dropout`.
    """

    def __init__(self, seed: int, member: int = 0) -> None:
        key = (MEMBERS, member) if member else ()
        children = np.random.SeedSequence(seed, spawn_key=key).spawn(7)
        split, shuffle, weights, dropout, module, device, ensemble = children
        self.split = np.random.default_rng(split)
        self.ensemble = np.random.default_rng(ensemble)
        self.shuffle = np.random.default_rng(shuffle)
        self.dropout = np.random.default_rng(dropout)
        self.weights = int(weights.generate_state(1, np.uint64)[0] >> np.uint64(1))
        self.module = int(module.generate_state(1, np.uint64)[0] >> np.uint64(1))
        self.device = int(device.generate_state(1, np.uint64)[0] >> np.uint64(1))

    def restore(self, shuffle: Any, dropout: Any) -> None:
        """Takes up the states of these two generators (`bit_generator.state`).

        Raises:
            TrainingError: they are none.
        """
        try:
            self.shuffle.bit_generator.state, self.dropout.bit_generator.state = shuffle, dropout
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise TrainingError(f"a saved state does not fit the generators of random numbers: {error!r}") from error

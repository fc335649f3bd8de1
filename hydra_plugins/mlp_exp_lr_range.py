"""Hydra's door to the learning-rate range test of mlp_exp: `hydra/sweeper=lr_range`.

Hydra imports this file in every program of the environment, so that it imports the rest when a sweep begins.
"""

from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper


class LrRangeSweeper(BasicSweeper):
    """A sweep over learning rates, a few epochs each, whose losses are drawn."""

    def __init__(self, low: float, high: float, rates: int, epochs: int) -> None:
        super().__init__(max_batch_size=None)
        self._range = low, high, rates, epochs

    def sweep(self, arguments: list[str]) -> Any:
        from mlp_exp.hpo.lr_range import overrides, write_curves

        assert self.config is not None
        done = super().sweep([*arguments, *overrides(*self._range, arguments)])
        write_curves(self.config.hydra.sweep.dir)
        return done

"""Hydra's door to stacks on a Ray cluster: `hydra/launcher=ray`; its settings are in `conf/hydra/launcher`.

Hydra imports this file in every program of the environment, so that it imports the rest when a sweep begins.
"""

from hydra_plugins.mlp_exp_stacked import StackedLauncher


class RayLauncher(StackedLauncher):
    """Trains the runs of a sweep together on a cluster."""

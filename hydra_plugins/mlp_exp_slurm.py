"""Hydra's door to Slurm: `hydra/launcher=slurm`, whose settings are in `conf/hydra/launcher/slurm.yaml`.

Hydra imports this file in every program of the environment, so that it holds no more than the door.
"""

from hydra_plugins.mlp_exp_stacked import StackedLauncher


class SlurmLauncher(StackedLauncher):
    """Trains the runs of a sweep as jobs of Slurm; the jobs of any other program one after another, in its process."""

"""Runs that train together, as plain data."""

from dataclasses import dataclass

from mlp_exp.experiment.checkpoint import Checkpoint
from mlp_exp.experiment.spec import RunSpec


@dataclass(frozen=True)
class StackTask:
    """Runs that train as one stack, from where each is up to an epoch.

    Attributes:
        number: of the task, by which its events name it.
        starts: for each run the checkpoint that it continues from, all of one epoch; None for one that begins.
        end_epoch: after which the task ends; runs that are not over then are paused. None: all train to their ends.
    """

    number: int
    specs: tuple[RunSpec, ...]
    starts: tuple[Checkpoint | None, ...]
    end_epoch: int | None = None

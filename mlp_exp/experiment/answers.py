"""What the networks of a run answer, in the target's own unit: together, and of the rows that each held out."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlp_exp.data.splits.base import Rows
from mlp_exp.data.statistics import Floats
from mlp_exp.experiment.run import Run
from mlp_exp.tasks.head import Head
from mlp_exp.training.loop import evaluating, logits_of


def answers_of(run: Run, rows: Rows) -> Floats:
    """The answers `[n, A]` for rows; of an ensemble the mean over its networks."""
    return together(run.head, [logits_of(trainee, rows) for trainee in run.trainees])


def answers_to(run: Run, inputs: Tensor) -> Floats:
    """Likewise for rows as the network sees them, `[n, W]`."""
    logits = []
    for trainee in run.trainees:
        with evaluating(trainee) as module:
            logits.append(module(inputs))
    return together(run.head, logits)


def together(head: Head, logits: list[Tensor]) -> Floats:
    """The answers `[n, A]` of networks with these logits `[n, O]` each."""
    return head.task.mean([head.answers(each) for each in logits])


@dataclass(frozen=True)
class HeldOut:
    """What a run says of rows that the network which is asked has not trained with.

    Attributes:
        rows: in order, each once.
        member: of each row the number of the one network that held it out; -1 where several did, who are averaged.
        own: the logits `[n, O]` of each network for the rows that it held out, in their order.
        logits: for each group of rows, those with the same networks: their places among the rows, and the logits
            `[n, O]` of each of these networks.
    """

    rows: Rows
    member: NDArray[np.int64]
    own: list[Tensor]
    logits: list[tuple[NDArray[np.int64], list[Tensor]]]

    @property
    def finite(self) -> bool:
        return all(bool(torch.isfinite(each).all()) for each in self.own)

    def answers(self, head: Head) -> Floats:
        """`[n, A]`, by a head of the run."""
        found = np.empty((len(self.rows), head.task.answers_width))
        for places, logits in self.logits:
            found[places] = together(head, logits)
        return found


def held_out_logits(run: Run) -> HeldOut | None:
    """The logits of all rows that were held out; None if none were."""
    own, rows = [trainee.data.val for trainee in run.trainees], run.plan.held_out_rows
    if not len(rows):
        return None
    places = [np.searchsorted(rows, each) for each in own]
    held = np.zeros((len(rows), len(own)), dtype=np.bool_)
    for number, each in enumerate(places):
        held[each, number] = True
    logits = [logits_of(trainee, each) for trainee, each in zip(run.trainees, own, strict=True)]
    one = held[:1], np.zeros(len(rows), np.int64)
    patterns, group = np.unique(held, axis=0, return_inverse=True) if len(own) > 1 else one
    groups = []
    for code, pattern in enumerate(patterns):
        inside = np.flatnonzero(group.reshape(-1) == code)
        members = np.flatnonzero(pattern)
        groups.append((inside, [logits[m][np.searchsorted(places[m], inside)] for m in members]))
    member = np.where(held.sum(axis=1) == 1, held.argmax(axis=1), -1)
    return HeldOut(rows, member, logits, groups)


def held_out(run: Run) -> tuple[Rows, Floats]:
    """Rows that were held out, and the answers `[n, A]` for them; none without a validation part."""
    found = held_out_logits(run)
    if found is None:
        return np.zeros(0, np.int64), np.zeros((0, run.head.task.answers_width))
    return found.rows, found.answers(run.head)

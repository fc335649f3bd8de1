"""Metrics of the validation part after each epoch, of all members of a stack at once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mlp_exp.data.statistics import Floats
from mlp_exp.data.target_scaling import TargetScaling
from mlp_exp.engine.engine import Evaluation
from mlp_exp.tasks.head import Head


@dataclass(frozen=True)
class Validation:
    """What the history says of a member's validation part.

    Attributes:
        head: turns logits into answers; its task knows the metrics.
        metrics: the names of those that are computed.
        target: the truth of the n rows, as `Task.predictions` takes it.
        weights: of the rows `[n]`; None where all count alike.
    """

    head: Head
    metrics: tuple[str, ...]
    target: NDArray[Any]
    weights: Floats | None = None

    def first(self, rows: int) -> "Validation":
        """That of the first rows alone."""
        weights = None if self.weights is None else self.weights[:rows]
        return replace(self, target=self.target[:rows], weights=weights)

    @property
    def kind(self) -> tuple[object, ...]:
        """What is equal for members whose metrics can be computed at once."""
        task, scaling = self.head.task, self.head.scaling
        of_scaling = scaling.log, scaling.low is None
        return type(task), task.targets, self.metrics, self.target.shape, self.weights is None, of_scaling


def history_metrics(members: Sequence[Validation], found: Evaluation) -> list[dict[str, float]]:
    """The metrics of each member, by their columns in the history; members are those of the evaluation."""
    values: list[dict[str, float]] = [{} for _ in members]
    groups: dict[object, list[int]] = {}
    for row, member in enumerate(members):
        groups.setdefault(member.kind, []).append(row)
    with torch.no_grad(), np.errstate(all="ignore"):
        for rows in groups.values():
            logits = torch.from_numpy(found.logits if len(rows) == len(members) else found.logits[rows])
            own = [members[row] for row in rows]
            for name, of_members in _computed(own, logits, found.counted[rows[0]]).items():
                for row, value in zip(rows, of_members.tolist(), strict=True):
                    values[row][f"val_{name}"] = value
    return values


def _computed(members: Sequence[Validation], logits: torch.Tensor, counted: NDArray[np.bool_]) -> dict[str, Floats]:
    """The metrics `[K]` by name, of K members that are alike, from logits `[K, V, O]`."""
    first = members[0]
    head = replace(first.head, scaling=_together([member.head.scaling for member in members]))
    # padded, so that torch computes each member as it computes it alone
    answers = head.answers(logits)[:, counted]
    target = np.stack([member.target for member in members])
    weights = None if first.weights is None else np.stack([m.weights for m in members if m.weights is not None])
    predictions = head.task.predictions(target, answers, weights)
    return {name: head.task.metrics[name].compute(predictions) for name in first.metrics}


def _together(scalings: Sequence[TargetScaling]) -> TargetScaling:
    """Those of K members as one, whose figures are `[K, 1, 1]`, of several targets `[K, 1, T]`."""
    first = scalings[0]
    figures: dict[str, Any] = {
        name: np.stack([np.atleast_1d(getattr(scaling, name)) for scaling in scalings])[:, None]
        for name in ("shift", "scale", "low", "high")
        if getattr(first, name) is not None
    }
    return replace(first, **figures)

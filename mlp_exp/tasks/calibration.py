"""What is fitted to the validation part after training: a temperature, and thresholds of decisions."""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlp_exp.data.statistics import Floats
from mlp_exp.data.target_scaling import TargetScaling
from mlp_exp.errors import ConfigError
from mlp_exp.tasks.head import Head
from mlp_exp.tasks.task import Task

log = logging.getLogger(__name__)

WIDEST = math.log(100)
"""Of the logarithm of a temperature, on both sides of 0."""
OF_DECISIONS = (
    *("accuracy", "balanced_accuracy", "precision", "recall", "f1", "f1_macro", "f1_micro", "f1_weighted"),
    *("matthews_corrcoef", "cohen_kappa"),
)
"""Metrics that depend on thresholds; of several targets the same for each."""
CANDIDATES = 200
"""Thresholds that are tried, at equal distances in rank."""


@dataclass(frozen=True)
class Inference:
    """What a model answers after training.

    Attributes:
        calibrate: whether the logits of classes get a temperature with the least log loss (Guo et al., 2017).
        threshold: the metric for which thresholds of two classes are chosen; None for 0.5.
        clip: whether values are kept within the range of the training part's targets, as quantiles and the mean of a
            distribution are; also while it trains.

    The first two are fitted to the validation part.
    """

    calibrate: bool = False
    threshold: str | None = None
    clip: bool = False

    @property
    def fits(self) -> bool:
        """Whether anything is fitted."""
        return self.calibrate or self.threshold is not None

    def check(self, task: Task, *, validates: bool) -> None:
        """Raises ConfigError unless the task and the parts allow what was asked for."""
        problems = []
        if self.calibrate and not task.has_classes:
            problems.append(f"inference.calibrate: is for classes, and the task is {task.name}; use false")
        if self.threshold is not None and not task.thresholds:
            problems.append(f"inference.threshold: is for two classes, and the task is {task.name}; use null")
        elif self.threshold is not None and self.threshold not in OF_DECISIONS:
            known = ", ".join(OF_DECISIONS)
            problems.append(f"inference.threshold: expected one of {known}, got '{self.threshold}'")
        if self.clip and task.has_classes:
            problems.append(f"inference.clip: is for a regression, and the task is {task.name}; use false")
        asked = "calibrate" if self.calibrate else "threshold"
        if self.fits and not validates and not problems:
            problems.append(f"inference.{asked}: needs a validation part, and split.val is 0")
        if problems:
            raise ConfigError(problems)

    def bounded(self, scaling: TargetScaling, target: NDArray[Any]) -> TargetScaling:
        """The scaling with the range of the training part's targets `[n]` or `[n, T]`, if that is asked for."""
        return scaling.within(target) if self.clip else scaling

    def fit(
        self, head: Head, answers_by: Callable[[Head], Floats], target: NDArray[Any], weights: Floats | None
    ) -> Head:
        """The head with what was asked for, fitted to rows of which a head gives these answers `[n, A]`."""
        if self.calibrate:

            def log_loss(log_temperature: float) -> float:
                answers = answers_by(replace(head, temperature=math.exp(log_temperature)))
                return float(head.task.known["log_loss"].compute(head.task.predictions(target, answers, weights)))

            from scipy.optimize import minimize_scalar  # it takes longer than many a training

            found = minimize_scalar(log_loss, bounds=(-WIDEST, WIDEST), method="bounded")
            if found.fun < min(map(log_loss, (-WIDEST, WIDEST))):
                head = replace(head, temperature=math.exp(found.x))
            else:  # of rows without a mistake, larger logits are better still, as far as numbers tell
                log.warning("inference.calibrate: no temperature, since the validation part tells nothing of it")
        if self.threshold is not None:
            answers = answers_by(head)
            head = replace(head, task=_with_thresholds(head.task, self.threshold, target, answers, weights))
        return head


def _with_thresholds(task: Task, metric: str, target: NDArray[Any], answers: Floats, weights: Floats | None) -> Task:
    """The task with the best thresholds for a metric, each chosen by itself.

    They lie between two probabilities: one computed anew, in other batches, may differ from that of a row by rounding.
    """
    single = len(task.thresholds) == 1
    thresholds = []
    for place in range(len(task.thresholds)):
        measure = task.known[metric if single else f"{metric}_{task.targets[place].name}"]
        edges = np.concatenate([[0], np.unique(answers[:, -1 if single else place]), [1]])
        between = (edges[:-1] + edges[1:]) / 2
        ranks = np.linspace(0, len(between) - 1, min(CANDIDATES, len(between))).round().astype(int)
        best, at = -math.inf, 0.5
        for candidate in (0.5, *between[ranks].tolist()):
            decided = task.decided_at([candidate] * len(task.thresholds))
            value = float(measure.compute(decided.predictions(target, answers, weights)))
            value = value if measure.larger_is_better else -value
            if value > best:  # of equally good ones 0.5, or the lowest
                best, at = value, candidate
        thresholds.append(at)
    return task.decided_at(thresholds)

"""Tasks with classes: one of two, one of several, one of several in order."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlp_exp.data.statistics import Floats
from mlp_exp.tasks.metrics import (
    CLASS_DEFAULTS,
    CLASS_METRICS,
    ORDINAL_DEFAULTS,
    ORDINAL_METRICS,
    ClassPredictions,
    Metric,
    decide,
)
from mlp_exp.tasks.task import Column, Task, deviation_of


class Classification(Task):
    """Which of several classes a row belongs to; answers are probabilities `[..., n, C]`."""

    has_classes = True
    answers_name = "probabilities"
    headlines: tuple[str, ...] = ("accuracy", "log_loss")
    history_metric = "accuracy"
    ranking = "log_loss"

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.targets[0].class_names

    @property
    def defaults(self) -> Sequence[str]:
        return CLASS_DEFAULTS

    def _known(self) -> Mapping[str, Metric[Any]]:
        return CLASS_METRICS

    def predictions(self, target: NDArray[Any], answers: Floats, weights: Floats | None = None) -> ClassPredictions:
        return ClassPredictions(target, answers, weights, *self.thresholds)

    @property
    def example(self) -> ClassPredictions:
        codes = np.tile(np.arange(len(self.class_names)), 2)
        return self.predictions(codes, (np.eye(len(self.class_names)) + 1)[codes])

    @property
    def answer_names(self) -> list[str]:
        return list(self.class_names)

    def columns(self, answers: Floats) -> Mapping[str, Column]:
        codes = decide(answers, *self.thresholds)
        names = [f"probability_{name}" for name in self.class_names]
        return {"prediction": np.array(self.class_names)[codes], **dict(zip(names, answers.T, strict=True))}

    def spread(self, answers: Sequence[Floats], weights: Sequence[float]) -> Mapping[str, Floats]:
        codes = decide(self.mean(answers, weights), *self.thresholds)
        rows = np.arange(len(codes))
        return {"spread": deviation_of([each[rows, codes] for each in answers], weights)}


class BinaryClassification(Classification):
    """Two classes: the logit is evidence for the second."""

    name = "binary"
    thresholds = (0.5,)


class MulticlassClassification(Classification):
    """Three classes or more, with a logit each."""

    name = "multiclass"


class OrdinalClassification(Classification):
    """Three classes or more in order, with a logit for each border between two of them."""

    name = "ordinal"
    headlines: tuple[str, ...] = ("accuracy", "mean_absolute_class_error", "quadratic_kappa")
    history_metric = "mean_absolute_class_error"
    ranking = "mean_absolute_class_error"

    @property
    def defaults(self) -> Sequence[str]:
        return ORDINAL_DEFAULTS

    def _known(self) -> Mapping[str, Metric[Any]]:
        return ORDINAL_METRICS

"""The figures of a run."""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mlp_exp.data.statistics import Floats
from mlp_exp.display import figures
from mlp_exp.display.curves import Plane
from mlp_exp.experiment.answers import answers_of, answers_to
from mlp_exp.experiment.importance import importance_of
from mlp_exp.experiment.run import Run
from mlp_exp.processes.helper import IN_PLACE, Helper
from mlp_exp.tasks.classification import Classification
from mlp_exp.tasks.metrics.uncertain import LEVELS, Z
from mlp_exp.tasks.regression import DistributionRegression, QuantileRegression
from mlp_exp.tasks.several import Multilabel, SeveralValues
from mlp_exp.tasks.task import Task

FEWEST_RESIDUALS = 10
"""Rows that have a distribution."""


def draw(run: Run, helper: Helper = IN_PLACE) -> None:
    """Draws the figures that fit the task; the helper does so, unless matplotlib may have been set up here."""
    begin_drawing(run, helper)()


def begin_drawing(run: Run, helper: Helper) -> Callable[[], None]:
    """Like `draw`, at the same time as what is done here; what is returned waits for the end, and is to be called."""
    if not run.best_epoch:
        return lambda: None
    draws = IN_PLACE if "matplotlib" in sys.modules else helper
    format = run.components.config.get("plots", {}).get("format", "png")
    return draws.ask(figures.write, run.folder.path, _figures(run), format)


def _figures(run: Run) -> figures.Figures:
    dataset, test = run.dataset, run.parts.test
    history = dict(zip(run.columns, zip(*run.history, strict=True), strict=True))
    found: figures.Figures = {"loss": (history, run.best_epoch)}
    if dataset.features.shape[1] == 2 and not (dataset.categories or dataset.texts) and len(dataset.targets) == 1:
        plane = Plane.around(dataset.features)
        found["decision_boundary"] = dataset, test, plane, _predict_points(run, plane.points), *run.head.task.thresholds
    answers = answers_of(run, test) if len(test) else None
    if answers is not None and np.isfinite(answers).all():
        found |= of_test_part(run.head.task, dataset.target[test], answers)
        if "decision_boundary" not in found and (importance := importance_of(run)):
            found["importance"] = importance
    return found


def _predict_points(run: Run, points: Floats) -> Any:
    """Probabilities `[n, C]`, or values `[n]`."""
    answers = answers_to(run, torch.from_numpy(run.plan.preprocessing.inputs(points)))
    task = run.head.task
    return answers if task.has_classes else task.columns(answers)["prediction"]


def of_test_part(task: Task, target: NDArray[Any], answers: Floats) -> figures.Figures:
    """The figures that show the test part, from the truth and the answers `[n, A]`."""
    found: figures.Figures
    shown: tuple[str, ...]
    name = task.targets[0].name
    if isinstance(task, Classification):
        of_classes = target, answers, task.class_names
        found = {"confusion_matrix": (target, task.predictions(target, answers).predicted, task.class_names)}
        shown = ("roc", "precision_recall", "calibration") if _varies(target) else ("calibration",)
        return found | dict.fromkeys(shown, of_classes)
    if isinstance(task, Multilabel):
        shown = ("roc_of_labels", "precision_recall_of_labels", "calibration_of_labels")
        return dict.fromkeys(shown if _varies(target) else shown[2:], (target, answers, task.names))
    if isinstance(task, SeveralValues):
        return {"predicted_of_several": (target, answers, task.names)}
    values = target, task.columns(answers)["prediction"], name
    found = {"predicted_actual": values}
    if len(target) >= FEWEST_RESIDUALS:
        found["residuals"] = values
    if isinstance(task, QuantileRegression):
        found["coverage"] = task.levels, (target[:, None] <= answers).mean(axis=0).tolist(), len(target)
    if isinstance(task, DistributionRegression):
        z = (target - answers[:, 0]) / answers[:, 1]
        found["coverage"] = LEVELS, [float((z <= quantile).mean()) for quantile in Z], len(target)
    return found


def _varies(target: NDArray[Any]) -> bool:
    """Whether any target has several classes; others have neither false nor true positives to draw."""
    return bool((target != target[0]).any())

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
from mlp_exp.experiment.run import Run
from mlp_exp.processes.helper import IN_PLACE, Helper
from mlp_exp.tasks.classification import Classification
from mlp_exp.tasks.metrics.uncertain import LEVELS, Z
from mlp_exp.tasks.regression import DistributionRegression, QuantileRegression
from mlp_exp.tasks.several import Multilabel, SeveralValues
from mlp_exp.tasks.task import Task


def draw(run: Run, helper: Helper = IN_PLACE) -> None:
    """Draws the figures that fit the task; the helper does so, unless matplotlib may have been set up here."""
    begin_drawing(run, helper)()


def begin_drawing(run: Run, helper: Helper) -> Callable[[], None]:
    """Like `draw`, at the same time as what is done here; what is returned waits for the end, and is to be called."""
    if not run.best_epoch:
        return lambda: None
    draws = IN_PLACE if "matplotlib" in sys.modules else helper
    return draws.ask(figures.write, run.folder.path, _figures(run))


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
    return found


def _predict_points(run: Run, points: Floats) -> Any:
    """Probabilities `[n, C]`, or values `[n]`."""
    answers = answers_to(run, torch.from_numpy(run.plan.preprocessing.inputs(points)))
    task = run.head.task
    return answers if task.has_classes else task.columns(answers)["prediction"]


def of_test_part(task: Task, target: NDArray[Any], answers: Floats) -> figures.Figures:
    """The figures that show the test part, from the truth and the answers `[n, A]`."""
    name = task.targets[0].name
    if isinstance(task, Classification):
        names = task.class_names
        return {
            "confusion_matrix": (target, task.predictions(target, answers).predicted, names),
            "roc": (target, answers, names),
            "calibration": (target, answers, names),
        }
    if isinstance(task, Multilabel):
        return dict.fromkeys(("roc_of_labels", "calibration_of_labels"), (target, answers, task.names))
    if isinstance(task, SeveralValues):
        return {"predicted_of_several": (target, answers, task.names)}
    found: figures.Figures = {"predicted_actual": (target, task.columns(answers)["prediction"], name)}
    if isinstance(task, QuantileRegression):
        found["coverage"] = task.levels, (target[:, None] <= answers).mean(axis=0).tolist()
    if isinstance(task, DistributionRegression):
        z = (target - answers[:, 0]) / answers[:, 1]
        found["coverage"] = LEVELS, [float((z <= quantile).mean()) for quantile in Z]
    return found

"""Figures of runs. Each function takes plain arrays and returns a matplotlib figure."""

from collections.abc import Callable

from matplotlib.figure import Figure

from mlp_exp.display.plots.classes import (
    calibration,
    calibration_of_labels,
    confusion_matrix,
    precision_recall,
    precision_recall_of_labels,
    roc,
    roc_of_labels,
)
from mlp_exp.display.plots.importance import importance
from mlp_exp.display.plots.plane import decision_boundary
from mlp_exp.display.plots.saving import encoded
from mlp_exp.display.plots.training import losses
from mlp_exp.display.plots.values import coverage, predicted_against_actual, predicted_of_several, residuals

__all__ = [
    "FIGURES",
    "calibration",
    "calibration_of_labels",
    "confusion_matrix",
    "coverage",
    "decision_boundary",
    "encoded",
    "importance",
    "losses",
    "precision_recall",
    "precision_recall_of_labels",
    "predicted_against_actual",
    "predicted_of_several",
    "residuals",
    "roc",
    "roc_of_labels",
]

FIGURES: dict[str, Callable[..., Figure]] = {
    "loss": losses,
    "decision_boundary": decision_boundary,
    "confusion_matrix": confusion_matrix,
    "roc": roc,
    "precision_recall": precision_recall,
    "calibration": calibration,
    "roc_of_labels": roc_of_labels,
    "precision_recall_of_labels": precision_recall_of_labels,
    "calibration_of_labels": calibration_of_labels,
    "predicted_actual": predicted_against_actual,
    "predicted_of_several": predicted_of_several,
    "residuals": residuals,
    "coverage": coverage,
    "importance": importance,
}
"""By the names of their files."""

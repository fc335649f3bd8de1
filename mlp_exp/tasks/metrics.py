"""Metrics: all of them by scikit-learn at the end of a run, the one of the history by torch every epoch."""

import math

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics as sk
from torch import Tensor


def row_scores(logits: Tensor, targets: Tensor, *, regression: bool) -> Tensor:
    """For each row of `[..., O]`: 1 for a hit and 0 for a miss, whose mean is accuracy; or the squared error."""
    if regression:
        return (logits - targets).square_().squeeze(-1)
    if logits.shape[-1] == 1:
        return ((logits > 0) == (targets > 0.5)).squeeze(-1).float()
    return (logits.argmax(-1) == targets.argmax(-1)).float()


def history_metric(*, regression: bool) -> str:
    """The name of the metric that `row_scores` gives."""
    return "rmse" if regression else "accuracy"


def evaluate_classes(target: NDArray[np.int64], probabilities: NDArray[np.float64]) -> dict[str, float | None]:
    """Metrics of class codes `[n]` and probabilities `[n, C]`.

    F1 is that of the second class for two classes, else the mean over classes; ROC AUC is one against the rest.
    A metric that needs every class in the part is None where one is missing.
    """
    probabilities = probabilities / probabilities.sum(axis=1, keepdims=True)
    n_classes = probabilities.shape[1]
    labels = np.arange(n_classes)
    present = np.unique(target)
    predicted = probabilities.argmax(axis=1)
    binary = n_classes == 2
    scores = probabilities[:, 1] if binary else probabilities
    roc_auc = None
    if len(present) == n_classes:
        roc_auc = float(sk.roc_auc_score(target, scores, multi_class="ovr", labels=None if binary else labels))
    # one call for all that counts hits of classes: each call of scikit-learn takes a millisecond, mostly for checks
    _, recall, f1, _ = sk.precision_recall_fscore_support(target, predicted, labels=labels, zero_division=0)
    return {
        "accuracy": float(np.mean(predicted == target)),
        # the mean recall of the classes that occur, as balanced_accuracy_score, which warns where one does not
        "balanced_accuracy": float(recall[present].mean()),
        "f1": float(f1[1] if binary else f1.mean()),
        "roc_auc": roc_auc,
        "log_loss": float(sk.log_loss(target, probabilities, labels=labels)),
        "brier": float(sk.brier_score_loss(target, scores, labels=labels)),
    }


def evaluate_values(target: NDArray[np.float64], predicted: NDArray[np.float64]) -> dict[str, float | None]:
    """Metrics of values `[n]` in the target's own unit; R² needs two rows."""
    with np.errstate(over="ignore"):  # the square of a wild value
        return {
            "rmse": float(sk.root_mean_squared_error(target, predicted)),
            "mae": float(sk.mean_absolute_error(target, predicted)),
            "r2": float(sk.r2_score(target, predicted)) if len(target) > 1 else None,
        }


def finite(values: dict[str, float | None]) -> dict[str, float | None]:
    """The same with None for what is not finite, as JSON wants it."""
    return {name: v if v is None or math.isfinite(v) else None for name, v in values.items()}

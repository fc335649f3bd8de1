"""What a run leaves behind: metrics, result, model, figures."""

import json
import logging
import sys
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mlp_exp.display import figures
from mlp_exp.display.curves import Plane
from mlp_exp.experiment.run import Run
from mlp_exp.processes.helper import IN_PLACE, Helper
from mlp_exp.storage.provenance import provenance
from mlp_exp.storage.run_folder import MODEL_FORMAT
from mlp_exp.training.loop import evaluating, predict

log = logging.getLogger(__name__)

Metrics = dict[str, dict[str, float | None]]
"""By part and name."""


def evaluate(run: Run) -> Metrics:
    """All metrics of the best weights on each part; nothing where no epoch was completed."""
    if not run.best_epoch:
        return {}
    return {name: _evaluate_part(run, name, rows) for name, rows in run.parts.items()}


def _evaluate_part(run: Run, name: str, rows: NDArray[np.int64]) -> dict[str, float | None]:
    """Metrics of a part; none, with a warning, where a prediction is not a finite number."""
    target, predicted = run.dataset.target[rows], predictions(run, rows)
    wrong = ~np.isfinite(predicted).reshape(len(rows), -1).all(axis=1)
    if wrong.any():
        row = run.dataset.source_rows[rows[wrong.argmax()]]
        log.warning(
            "%s: no metrics, since %d of %d predictions are not finite numbers (first: row %d). Look for extreme "
            "values in such rows",
            name,
            wrong.sum(),
            len(rows),
            row,
        )
        return {}
    return run.plan.task.evaluate(target, predicted)


def predictions(run: Run, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Probabilities `[n, C]`, or values `[n]` in the target's own unit."""
    return _in_unit(run, predict(run.trainee, rows))


def _in_unit(run: Run, answer: torch.Tensor) -> NDArray[np.float64]:
    return run.plan.task.in_unit(answer.double().numpy(), run.plan.preprocessing.target)


def save(run: Run, metrics: Metrics) -> None:
    """Writes the result and, where an epoch was completed, the model."""
    dataset, trainer = run.dataset, run.components.trainer
    result: dict[str, Any] = {
        "status": run.status,
        "task": dataset.task,
        "seed": run.components.seed,
        "best_epoch": run.best_epoch,
        "epochs": len(run.history),
        "monitor": run.trainee.early_stopping.monitor,
        "best_value": run.best_value if run.best_epoch else None,
        "metrics": metrics,
        "seconds": run.history[-1][-1] if run.history else 0.0,
        "stacked": run.stacked,
        "provenance": provenance(dataset, run.parts, str(run.plan.device), trainer.threads, run.plan.stacked_by),
    }
    if run.reason:
        result["reason"] = run.reason
    if run.best_epoch:
        run.folder.write_model(_model(run))
    if run.state:
        run.write_checkpoint(run.state)
        run.state = None  # it is as large as several networks
    run.folder.write_result(result)


def _model(run: Run) -> dict[str, Any]:
    """What rebuilds the network and its preprocessing: plain values, and the weights."""
    dataset = run.dataset
    plain = {
        "format": MODEL_FORMAT,
        "config": run.components.config,
        "task": dataset.task,
        "feature_names": list(dataset.feature_names),
        "class_names": list(dataset.class_names),
        "target_name": dataset.target_name,
        "target_type": dataset.target_type,
        "target_form": None if dataset.target_form is None else asdict(dataset.target_form),
        "columns": [asdict(column) for column in dataset.columns],
        "preprocess": run.plan.preprocessing.state(),
        "out_features": run.trainee.loss.out_features,
    }
    # texts of their own: the file would show which ones are one object, and so what the run has in common with others
    model: dict[str, Any] = json.loads(json.dumps(plain))
    model["state_dict"] = {name: tensor.clone() for name, tensor in run.trainee.module.state_dict().items()}
    model["training_rows"] = run.plan.training_rows()
    return model


def draw(run: Run, helper: Helper = IN_PLACE) -> None:
    """Draws the figures that fit the task; the helper does so, unless matplotlib may have been set up here."""
    if run.best_epoch:
        draws = IN_PLACE if "matplotlib" in sys.modules else helper
        draws.ask(figures.write, run.folder.path, _figures(run))()


def _figures(run: Run) -> figures.Figures:
    dataset, test = run.dataset, run.parts.test
    history = dict(zip(run.columns, zip(*run.history, strict=True), strict=True))
    found: figures.Figures = {"loss": (history, run.best_epoch)}
    if dataset.features.shape[1] == 2 and not (dataset.categories or dataset.texts):
        plane = Plane.around(dataset.features)
        found["decision_boundary"] = dataset, test, plane, _predict_points(run, plane.points)
    predicted = predictions(run, test) if len(test) else None
    if predicted is not None and np.isfinite(predicted).all():
        found |= figures.of_test_part(dataset, test, predicted)
    return found


def _predict_points(run: Run, points: NDArray[np.float64]) -> NDArray[np.float64]:
    with evaluating(run.trainee) as module:
        answer = run.trainee.loss.predict(module(torch.from_numpy(run.plan.preprocessing.inputs(points))))
    return _in_unit(run, answer)

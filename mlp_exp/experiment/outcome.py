"""What a run leaves behind: metrics, result, model."""

import json
import logging
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mlp_exp.data.statistics import Floats
from mlp_exp.experiment.run import Run
from mlp_exp.storage.model_file import MODEL_FORMAT
from mlp_exp.storage.provenance import provenance
from mlp_exp.tasks.head import Head
from mlp_exp.tasks.metrics import evaluate as evaluate_metrics
from mlp_exp.tasks.metrics import intervals
from mlp_exp.training.loop import logits_of

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Evaluation:
    """The metrics of a run's best weights, by part and name.

    Attributes:
        metrics: None where one cannot be computed.
        undefined: why not.
        intervals: of the test part, 95 % each.
    """

    metrics: dict[str, dict[str, float | None]] = field(default_factory=dict)
    undefined: dict[str, dict[str, str]] = field(default_factory=dict)
    intervals: dict[str, dict[str, tuple[float, float]]] = field(default_factory=dict)


def evaluate(run: Run) -> Evaluation:
    """All metrics of each part; nothing where no epoch was completed. Fits what `inference` asks for before."""
    found = Evaluation()
    if not run.best_epoch:
        return found
    run.head = _fitted(run)
    for name, rows in run.parts.items():
        _evaluate_part(run, name, rows, found)
    return found


def _fitted(run: Run) -> Head:
    """The head with temperature and thresholds, where they are asked for."""
    inference, rows = run.components.inference, run.parts.val
    if not inference.fits or not len(rows):
        return run.plan.head
    logits = logits_of(run.trainee, rows)
    if not bool(torch.isfinite(logits).all()):
        return run.plan.head
    head = inference.fit(run.plan.head, logits, run.dataset.target[rows], run.dataset.weights_of(rows))
    log.info("fitted to the validation part: %s", ", ".join(f"{name} {value:.4g}" for name, value in _fit(head)))
    return head


def _fit(head: Head) -> list[tuple[str, float]]:
    """What was fitted to the validation part, by name."""
    thresholds = zip(head.task.targets, head.task.thresholds, strict=False)
    return [("temperature", head.temperature), *((f"threshold of {target.name}", at) for target, at in thresholds)]


def _evaluate_part(run: Run, name: str, rows: NDArray[np.int64], found: Evaluation) -> None:
    """Adds the metrics of a part; none, with a warning, where a prediction is not a finite number."""
    answers = predictions(run, rows)
    wrong = ~np.isfinite(answers).all(axis=1)
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
        found.metrics[name] = {}
        return
    task = run.head.task
    of = task.predictions(run.dataset.target[rows], answers, run.dataset.weights_of(rows))
    scores = evaluate_metrics(task.metrics, of)
    found.metrics[name] = scores.values
    if scores.reasons:
        found.undefined[name] = scores.reasons
    resamples = run.components.metrics.intervals
    if name == "test" and resamples:
        found.intervals[name] = {
            metric: ends for metric, ends in intervals(task.metrics, of, resamples).items() if ends is not None
        }


def predictions(run: Run, rows: NDArray[np.int64]) -> Floats:
    """The answers `[n, A]` for rows, in the target's own unit."""
    return run.head.answers(logits_of(run.trainee, rows))


def save(run: Run, found: Evaluation) -> None:
    """Writes the result and, where an epoch was completed, the model."""
    dataset, trainer, task = run.dataset, run.components.trainer, run.head.task
    result: dict[str, Any] = {
        "status": run.status,
        "task": task.name,
        "seed": run.components.seed,
        "best_epoch": run.best_epoch,
        "epochs": len(run.history),
        "monitor": run.trainee.early_stopping.monitor,
        "best_value": run.best_value if run.best_epoch else None,
        "ranking": task.ranking_for(run.trainee.early_stopping.monitor),
        "headlines": list(task.headlines),
        "larger_is_better": [name for name, metric in task.metrics.items() if metric.larger_is_better],
        "metrics": found.metrics,
        "undefined": found.undefined,
        "intervals": found.intervals,
        "seconds": run.history[-1][-1] if run.history else 0.0,
        "stacked": run.stacked,
        "provenance": provenance(dataset, run.parts, str(run.plan.device), trainer.threads, run.plan.stacked_by),
    }
    if run.components.inference.fits and found.metrics:
        result["fitted"] = dict(_fit(run.head))
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
    dataset, head = run.dataset, run.head
    plain = {
        "format": MODEL_FORMAT,
        "config": run.components.config,
        "task": dataset.task,
        "feature_names": list(dataset.feature_names),
        "targets": [asdict(target) for target in dataset.targets],
        "columns": [asdict(column) for column in dataset.columns],
        "preprocess": run.plan.preprocessing.state(),
        "out_features": head.loss.out_features,
        "scaling": head.scaling.state(),
        "temperature": head.temperature,
        "thresholds": list(head.task.thresholds),
    }
    # texts of their own: the file would show which ones are one object, and so what the run has in common with others
    model: dict[str, Any] = json.loads(json.dumps(plain))
    model["state_dict"] = {name: tensor.clone() for name, tensor in run.trainee.module.state_dict().items()}
    model["training_rows"] = run.plan.training_rows()
    return model

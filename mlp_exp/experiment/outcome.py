"""What a run leaves behind: metrics, result, model."""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from mlp_exp.data.dataset import Dataset
from mlp_exp.data.splits.base import Rows
from mlp_exp.data.statistics import Floats
from mlp_exp.experiment.answers import HeldOut, answers_of, held_out_logits, together
from mlp_exp.experiment.plan import Plan
from mlp_exp.experiment.run import Run
from mlp_exp.model.several import joined
from mlp_exp.storage.model_file import MODEL_FORMAT
from mlp_exp.storage.provenance import provenance
from mlp_exp.tasks.head import Head
from mlp_exp.tasks.metrics import Scores, intervals
from mlp_exp.tasks.metrics import evaluate as evaluate_metrics
from mlp_exp.tasks.task import Task
from mlp_exp.training.loop import logits_of

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Evaluation:
    """The metrics of a run's best weights, by part and name.

    Attributes:
        metrics: None where one cannot be computed.
        undefined: why not.
        intervals: of the test part, 95 % each.
        members: of an ensemble best epoch, best value and metrics of each network.
        held_out: of an ensemble the predictions of the rows that were held out, by columns `[n]`.
    """

    metrics: dict[str, dict[str, float | None]] = field(default_factory=dict)
    undefined: dict[str, dict[str, str]] = field(default_factory=dict)
    intervals: dict[str, dict[str, tuple[float, float]]] = field(default_factory=dict)
    members: list[dict[str, Any]] = field(default_factory=list)
    held_out: dict[str, NDArray[Any]] = field(default_factory=dict)


def evaluate(run: Run) -> Evaluation:
    """All metrics of each part; nothing where no epoch was completed. Fits what `inference` asks for before.

    Those of the validation part are of the rows that were held out: of an ensemble each is predicted by the networks
    that have not trained with it. The training part is then all rows that any network may have trained with.
    """
    found = Evaluation()
    if not run.best_epoch:
        return found
    held_out = held_out_logits(run)
    run.head = _fitted(run, held_out)
    train, test = run.plan.known_rows, run.parts.test
    _evaluate_part(run, "train", train, answers_of(run, train), found)
    if held_out:
        answers = held_out.answers(run.head)
        _evaluate_part(run, "val", held_out.rows, answers, found)
        if len(run.trainees) > 1:
            _take_held_out(run, held_out, answers, found)
    logits = [logits_of(trainee, test) for trainee in run.trainees] if len(test) else []
    if logits:
        _evaluate_part(run, "test", test, together(run.head, logits), found)
    if len(run.trainees) > 1:
        found.members.extend(_of_members(run, held_out, logits))
    return found


def _take_held_out(run: Run, held_out: HeldOut, answers: Floats, found: Evaluation) -> None:
    """Tells the run the value of its networks together, and keeps the predictions of the rows that were held out."""
    metric = run.head.task.metric_of(run.trainee.early_stopping.monitor)
    if metric:
        run.held_out = found.metrics["val"].get(metric)
    dataset, task = run.dataset, run.head.task
    found.held_out.update({"row": dataset.source_rows[held_out.rows], "member": held_out.member})
    found.held_out.update(_truth(dataset, held_out.rows))
    found.held_out.update(task.columns(answers))


def _truth(dataset: Dataset, rows: Rows) -> dict[str, NDArray[Any]]:
    """What was to be predicted of rows: a column `target`, of several targets one for each."""
    columns = dataset.target[rows].reshape(len(rows), -1).T
    return {
        "target" if len(columns) == 1 else f"target_{target.name}": (
            np.array(target.class_names)[values] if target.class_names else values
        )
        for target, values in zip(dataset.targets, columns, strict=True)
    }


def _of_members(run: Run, held_out: HeldOut | None, test: Sequence[Tensor]) -> list[dict[str, Any]]:
    """How good each network is by itself: on the rows that it held out, and on the test part.

    Args:
        test: logits `[n, O]` of each for the test part; none without one.
    """
    found = []
    for number, (course, trainee) in enumerate(zip(run.courses, run.trainees, strict=True)):
        parts = {"val": (trainee.data.val, held_out.own[number])} if held_out else {}
        parts |= {"test": (run.parts.test, test[number])} if test else {}
        metrics = {name: _scores(run, rows, run.head.answers(logits)).values for name, (rows, logits) in parts.items()}
        best_epoch = trainee.early_stopping.best_epoch
        best_value = course.value(trainee.early_stopping.monitor, best_epoch)
        found.append({"best_epoch": best_epoch, "best_value": best_value, "metrics": metrics})
    return found


def _scores(run: Run, rows: Rows, answers: Floats) -> Scores:
    """The metrics of answers for rows; none where one is not a finite number."""
    if not np.isfinite(answers).all():
        return Scores({}, {})
    task = run.head.task
    return evaluate_metrics(
        task.metrics, task.predictions(run.dataset.target[rows], answers, run.dataset.weights_of(rows))
    )


def _fitted(run: Run, held_out: HeldOut | None) -> Head:
    """The head with temperature and thresholds, where they are asked for."""
    inference = run.components.inference
    if not inference.fits or held_out is None or not held_out.finite:
        return run.plan.head
    rows = held_out.rows
    head = inference.fit(run.plan.head, held_out.answers, run.dataset.target[rows], run.dataset.weights_of(rows))
    log.info("fitted to the validation part: %s", ", ".join(f"{name} {value:.4g}" for name, value in _fit(head)))
    return head


def _fit(head: Head) -> list[tuple[str, float]]:
    """What was fitted to the validation part, by name."""
    thresholds = zip(head.task.targets, head.task.thresholds, strict=False)
    return [("temperature", head.temperature), *((f"threshold of {target.name}", at) for target, at in thresholds)]


def _evaluate_part(run: Run, name: str, rows: NDArray[np.int64], answers: Floats, found: Evaluation) -> None:
    """Adds the metrics of a part; none, with a warning, where a prediction is not a finite number."""
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


def described(plan: Plan, task: Task, monitor: str) -> dict[str, Any]:
    """What a result says of a run, however far it has trained: what was predicted, watched and compared, from what."""
    dataset, threads = plan.components.dataset, plan.components.trainer.threads
    return {
        "task": task.name,
        "rows": len(dataset.target),
        "seed": plan.components.seed,
        "monitor": monitor,
        "ranking": task.ranking_for(monitor),
        "headlines": list(task.headlines),
        "larger_is_better": [name for name, metric in task.metrics.items() if metric.larger_is_better],
        "provenance": provenance(dataset, plan.parts, str(plan.device), threads, plan.stacked_by),
    }


def save(run: Run, found: Evaluation) -> None:
    """Writes the result and, where an epoch was completed, the model."""
    result: dict[str, Any] = {
        "status": run.status,
        **described(run.plan, run.head.task, run.trainee.early_stopping.monitor),
        "best_epoch": run.best_epoch,
        "epochs": len(run.history),
        "best_value": run.best_value if run.best_epoch else None,
        "metrics": found.metrics,
        "undefined": found.undefined,
        "intervals": found.intervals,
        "seconds": run.history[-1][-1] if run.history else 0.0,
        "stacked": run.stacked,
        "parameters": sum(weights.numel() for trainee in run.trainees for weights in trainee.module.parameters()),
    }
    if run.components.inference.fits and found.metrics:
        result["fitted"] = dict(_fit(run.head))
    if len(run.trainees) > 1:
        result["best_epochs"] = run.best_epochs
        result["members"] = found.members
    if run.reason:
        result["reason"] = run.reason
    if run.best_epoch:
        run.folder.write_model(_model(run))
    if found.held_out:
        run.folder.write_held_out(found.held_out)
    if run.over:
        run.write_checkpoint([course.state for course in run.courses])
        for course in run.courses:
            course.state = None  # it is as large as several networks
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
    model["state_dict"] = joined(trainee.module for trainee in run.trainees)
    model["training_rows"] = run.plan.training_rows()
    return model

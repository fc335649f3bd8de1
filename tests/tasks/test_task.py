"""What the tasks know: classes, width of logits, units, the metric of the history, ranking, directions."""

import math
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch

from mlp_exp.data.dataset import Dataset
from mlp_exp.data.target_scaling import TargetScaling
from mlp_exp.tasks.metrics import CLASS_DEFAULTS, CLASS_METRICS, VALUE_DEFAULTS, VALUE_METRICS, Metric
from mlp_exp.tasks.task import TASKS, Task, larger_is_better, task_named

BINARY, MULTICLASS, REGRESSION = (task_named(name) for name in ("binary", "multiclass", "regression"))


def test_the_names_are_those_of_results() -> None:
    assert list(TASKS) == ["binary", "multiclass", "regression"]
    assert [task.name for task in TASKS.values()] == list(TASKS)
    with pytest.raises(KeyError):
        task_named("ranking")


@pytest.mark.parametrize(
    ("labels", "regression", "name"),
    [([0, 1, 1], False, "binary"), ([0, 1, 2], False, "multiclass"), ([0, 1, 2], True, "regression")],
)
def test_one_task_fits_the_classes_of_a_dataset(labels: list[int], regression: bool, name: str) -> None:
    dataset = Dataset.from_arrays(np.zeros((3, 1)), labels, regression=regression)
    assert dataset.task == name
    assert task_named(name).has_classes != regression


def test_predictions_in_the_unit_of_the_target() -> None:
    scaling, given = TargetScaling(10.0, 2.0), np.array([0.0, -1.5])
    assert REGRESSION.in_unit(given, scaling).tolist() == [10.0, 7.0]
    logarithm = REGRESSION.in_unit(np.array([0.0, 1.0]), TargetScaling(1.0, 2.0, log=True))
    assert logarithm.tolist() == pytest.approx([math.e - 1, math.e**3 - 1])
    chances = np.array([[0.25, 0.75]])
    assert BINARY.in_unit(chances, TargetScaling()).tolist() == [[0.25, 0.75]]


def test_all_metrics_are_evaluated_in_the_order_of_results() -> None:
    classes = MULTICLASS.evaluate(np.array([0, 1, 2]), np.eye(3) * 0.7 + 0.1)
    assert tuple(classes) == CLASS_DEFAULTS
    assert classes["accuracy"] == 1.0
    assert classes["log_loss"] == pytest.approx(-math.log(0.8))
    values = REGRESSION.evaluate(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
    assert tuple(values) == VALUE_DEFAULTS
    assert values | {"rmse": pytest.approx(math.sqrt(2)), "mae": 1.0, "r2": -7.0} == values


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_the_metrics_that_a_task_names_are_its_own(task: Task) -> None:
    assert {*task.headlines, task.history_metric, task.ranking} <= set(task.metrics)


def test_row_scores_by_hand() -> None:
    binary = BINARY.row_scores(torch.tensor([[[2.0], [-1.0], [0.5]]]), torch.tensor([[[1.0], [1.0], [0.0]]]))
    assert binary.tolist() == [[1.0, 0.0, 0.0]]
    logits = torch.tensor([[0.1, 3.0, 0.2], [5.0, 1.0, 1.0]])
    assert MULTICLASS.row_scores(logits, torch.eye(3)[[1, 2]]).tolist() == [1.0, 0.0]
    errors = REGRESSION.row_scores(torch.tensor([[3.0], [1.0]]), torch.tensor([[1.0], [1.5]]))
    assert errors.tolist() == [4.0, 0.25]


def test_row_scores_of_a_logarithm_are_in_the_unit_of_the_target() -> None:
    """Two members: log(1 + target) is 0 and log 3 for the first, twice as much for the second."""
    shift, scale = torch.zeros(2, 1, 1, dtype=torch.float64), torch.tensor([[[1.0]], [[2.0]]], dtype=torch.float64)
    logits, targets = torch.zeros(2, 1, 1), torch.full((2, 1, 1), math.log(3))
    errors = REGRESSION.row_scores(logits, targets, (shift, scale))
    assert errors.dtype == torch.float64
    assert errors.flatten().tolist() == pytest.approx([2.0**2, 8.0**2], rel=1e-6)


def test_row_scores_count_smoothed_labels_as_the_class_they_stand_for() -> None:
    binary = BINARY.row_scores(torch.tensor([[1.0], [-1.0]]), torch.tensor([[0.95], [0.05]]))
    assert binary.tolist() == [1.0, 1.0]
    several = MULTICLASS.row_scores(torch.tensor([[1.0, 2.0, 0.0]]), torch.tensor([[0.05, 0.9, 0.05]]))
    assert several.tolist() == [1.0]


def test_the_history_metric_in_the_unit_of_the_target() -> None:
    assert [task.history_column for task in TASKS.values()] == ["val_accuracy", "val_accuracy", "val_rmse"]
    assert BINARY.history_value(0.75, TargetScaling()) == 0.75
    assert REGRESSION.history_value(4.0, TargetScaling(1.0, 3.0)) == 6.0
    assert REGRESSION.history_value(4.0, TargetScaling(1.0, 3.0, log=True)) == 2.0


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_history_metric_is_the_accuracy_of_the_end(n_classes: int) -> None:
    generator = np.random.default_rng(11)
    target = generator.permutation(np.arange(80) % n_classes)
    chances = np.exp(generator.normal(0, 1.5, (80, n_classes)) + 1.2 * np.eye(n_classes)[target])
    chances /= chances.sum(axis=1, keepdims=True)
    logits = torch.from_numpy(np.log(chances))
    task = BINARY if n_classes == 2 else MULTICLASS
    if n_classes == 2:
        logits = (logits[:, 1] - logits[:, 0]).unsqueeze(1)
        targets = torch.from_numpy(target).unsqueeze(1).double()
    else:
        targets = torch.eye(n_classes)[torch.from_numpy(target)]
    mean = task.row_scores(logits, targets).mean().item()
    assert mean == pytest.approx(task.evaluate(target, chances)["accuracy"])


@pytest.mark.parametrize(
    ("name", "watched", "metric"),
    [
        ("binary", {"val_accuracy"}, "accuracy"),
        ("multiclass", {"val_accuracy"}, "accuracy"),
        ("binary", {"val_accuracy", "val_loss"}, "log_loss"),
        ("binary", {"train_loss"}, "log_loss"),
        ("binary", (), "log_loss"),
        ("regression", {"val_rmse"}, "rmse"),
        ("regression", {"val_loss"}, "rmse"),
    ],
)
def test_what_runs_watch_decides_on_the_metric_that_ranks(name: str, watched: set[str], metric: str) -> None:
    assert task_named(name).ranking_metric(watched) == metric


@pytest.mark.parametrize("part", ["", "train_", "val_", "test_"])
@pytest.mark.parametrize(
    ("name", "larger"),
    [
        ("accuracy", True),
        ("balanced_accuracy", True),
        ("f1", True),
        ("roc_auc", True),
        ("log_loss", False),
        ("brier", False),
        ("rmse", False),
        ("mae", False),
        ("r2", True),
        ("loss", False),
    ],
)
def test_directions(part: str, name: str, larger: bool) -> None:
    assert larger_is_better(part + name) is larger


def test_every_metric_has_a_direction() -> None:
    directions = {name: larger_is_better(name) for task in TASKS.values() for name in task.metrics}
    names: dict[str, Metric[Any]] = {**CLASS_METRICS, **VALUE_METRICS}
    assert directions == {name: names[name].larger_is_better for name in (*CLASS_DEFAULTS, *VALUE_DEFAULTS)}


@pytest.mark.parametrize("column", ["lr", "seconds", "val_metric", "val_", "", "accuracy_val"])
def test_a_column_without_a_direction(column: str) -> None:
    with pytest.raises(ValueError, match=f"^'{column}': expected loss or a metric \\(accuracy, .*, r2.*\\), with"):
        larger_is_better(column)


def test_a_task_is_known_without_torch_and_scikit_learn() -> None:
    code = "import sys, mlp_exp.tasks.task; print([name for name in ('torch', 'sklearn') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"

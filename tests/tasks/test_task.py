"""What the tasks know: targets, units, metrics, ranking, directions, and the columns that `predict` writes."""

import math
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from support.tasks import targets_of, task_for

from mlp_exp.data.dataset import Dataset, TaskName
from mlp_exp.data.target_scaling import TargetScaling
from mlp_exp.tasks.metrics import CLASS_DEFAULTS, ORDINAL_DEFAULTS, VALUE_DEFAULTS, evaluate
from mlp_exp.tasks.regression import DistributionRegression, PositiveRegression, QuantileRegression
from mlp_exp.tasks.several import Multilabel
from mlp_exp.tasks.task import Task
from mlp_exp.tasks.tasks import TASKS

ALL: Mapping[str, Task] = {
    **{name: task_for(name) for name in TASKS},
    "several values": task_for("regression", 2),
    "quantiles": QuantileRegression(targets_of("regression"), (0.1, 0.5, 0.9)),
    "distribution": DistributionRegression(targets_of("regression")),
    "counts": PositiveRegression(targets_of("regression"), "poisson_deviance"),
}


def test_the_names_are_those_of_results() -> None:
    assert list(TASKS) == ["binary", "multiclass", "ordinal", "multilabel", "regression"]
    assert [task_for(name).name for name in TASKS] == list(TASKS)


@pytest.mark.parametrize(
    ("labels", "regression", "name"),
    [([0, 1, 1], False, "binary"), ([0, 1, 2], False, "multiclass"), ([0, 1, 2], True, "regression")],
)
def test_one_task_fits_the_classes_of_a_dataset(labels: list[int], regression: bool, name: TaskName) -> None:
    dataset = Dataset.from_arrays(np.zeros((3, 1)), labels, regression=regression)
    assert dataset.task == name
    assert task_for(name).has_classes != regression


@pytest.mark.parametrize("task", ALL.values(), ids=ALL)
def test_the_metrics_that_a_task_names_are_its_own(task: Task) -> None:
    assert {*task.headlines, task.history_metric, task.ranking} <= set(task.metrics) <= set(task.known)
    assert list(task.metrics) == list(task.defaults)
    assert task.history_column == f"val_{task.history_metric}"


@pytest.mark.parametrize("task", ALL.values(), ids=ALL)
def test_all_metrics_of_an_example_can_be_computed(task: Task) -> None:
    scores = evaluate(task.metrics, task.example)
    assert list(scores.values) == list(task.defaults)
    assert scores.reasons == {}


@pytest.mark.parametrize("task", ALL.values(), ids=ALL)
def test_columns_are_named_before_there_is_a_row(task: Task) -> None:
    made = task.columns(np.full((4, task.answers_width), 0.5))
    assert list(made) == task.column_names
    assert all(len(column) == 4 for column in made.values())


def test_values_in_the_unit_of_the_target() -> None:
    regression, given = ALL["regression"], np.array([[0.0], [-1.5]])
    assert regression.in_unit(given, TargetScaling(10.0, 2.0)).tolist() == [[10.0], [7.0]]
    logarithm = regression.in_unit(np.array([[0.0], [1.0]]), TargetScaling(1.0, 2.0, log=True))
    assert logarithm[:, 0].tolist() == pytest.approx([math.e - 1, math.e**3 - 1])
    chances = np.array([[0.25, 0.75]])
    assert ALL["binary"].in_unit(chances, TargetScaling()).tolist() == [[0.25, 0.75]]
    several = TargetScaling(np.array([1.0, 2.0]), np.array([10.0, 100.0]))
    assert ALL["several values"].in_unit(np.array([[1.0, 1.0]]), several).tolist() == [[11.0, 102.0]]
    spread = ALL["distribution"].in_unit(np.array([[1.0, 1.0]]), TargetScaling(5.0, 2.0))
    assert spread.tolist() == [[7.0, 2.0]]  # a deviation has no shift


def written(task: Task, answers: list[list[float]]) -> dict[str, list[Any]]:
    return {name: column.tolist() for name, column in task.columns(np.array(answers)).items()}


def test_what_predict_writes() -> None:
    assert written(ALL["binary"], [[0.75, 0.25]]) == {
        "prediction": ["no"],
        "probability_no": [0.75],
        "probability_yes": [0.25],
    }
    assert written(ALL["binary"].decided_at([0.2]), [[0.75, 0.25]])["prediction"] == ["yes"]
    assert written(ALL["regression"], [[1.5]]) == {"prediction": [1.5]}
    assert written(ALL["several values"], [[1.5, 2.5]]) == {"prediction_y1": [1.5], "prediction_y2": [2.5]}
    assert written(ALL["distribution"], [[1.5, 0.5]]) == {"prediction": [1.5], "standard_deviation": [0.5]}
    labels = written(ALL["multilabel"].decided_at([0.5, 0.9, 0.1]), [[0.6, 0.6, 0.6]])
    assert [labels[f"prediction_y{place}"] for place in (1, 2, 3)] == [["yes"], ["no"], ["yes"]]
    assert labels["probability_y1"] == [0.6]


@pytest.mark.parametrize(
    ("levels", "answers", "median"),
    [
        ((0.1, 0.5, 0.9), [1.0, 2.0, 4.0], 2.0),
        ((0.25, 0.75), [1.0, 3.0], 2.0),
        ((0.4, 0.9), [1.0, 6.0], 2.0),
        ((0.6, 0.9), [1.0, 6.0], 1.0),
        ((0.1, 0.2), [1.0, 6.0], 6.0),
    ],
)
def test_the_prediction_of_quantiles_is_the_median(
    levels: tuple[float, ...], answers: list[float], median: float
) -> None:
    made = written(QuantileRegression(targets_of("regression"), levels), [answers])
    assert made.pop("prediction") == pytest.approx([median])
    assert made == {f"quantile_{level:g}": [value] for level, value in zip(levels, answers, strict=True)}


def test_several_runs_together() -> None:
    first, second = np.array([[0.2, 0.8]]), np.array([[0.6, 0.4]])
    assert ALL["binary"].mean([first, second])[0].tolist() == pytest.approx([0.4, 0.6])
    mixture = ALL["distribution"].mean([np.array([[1.0, 2.0]]), np.array([[3.0, 2.0]])])
    assert mixture[0].tolist() == pytest.approx([2.0, math.sqrt(5.0)])  # of each 4, and 1 between the means


def test_metrics_of_several_targets_are_means_and_one_each() -> None:
    task = ALL["several values"]
    assert list(task.defaults) == [*VALUE_DEFAULTS, "r2_y1", "rmse_y1", "r2_y2", "rmse_y2"]
    target = np.array([[1.0, 10.0], [2.0, 30.0]])
    scores = evaluate(task.metrics, task.predictions(target, target + np.array([1.0, 3.0]))).values
    assert (scores["rmse_y1"], scores["rmse_y2"], scores["rmse"]) == (1.0, 3.0, 2.0)
    wrong_at_first = target + np.array([[1.0, 3.0], [0.0, 0.0]])
    weighed = evaluate(task.metrics, task.predictions(target, wrong_at_first, np.array([1.0, 0.0])))
    assert weighed.values["mae"] == 2.0


def test_metrics_of_several_labels() -> None:
    task = ALL["multilabel"]
    assert isinstance(task, Multilabel)
    target = np.array([[0, 1, 1], [1, 1, 0]])
    chances = np.array([[0.2, 0.9, 0.6], [0.7, 0.4, 0.2]])
    scores = evaluate(task.metrics, task.predictions(target, chances))
    assert (scores.values["accuracy_y1"], scores.values["accuracy_y2"]) == (1.0, 0.5)
    assert scores.values["accuracy"] == pytest.approx(5 / 6)
    assert scores.reasons["roc_auc"] == "y2: only one class in this part"


def test_the_defaults_of_version_0_1_stay() -> None:
    assert list(ALL["binary"].defaults) == list(ALL["multiclass"].defaults) == list(CLASS_DEFAULTS)
    assert list(ALL["regression"].defaults) == list(VALUE_DEFAULTS)
    assert list(ALL["ordinal"].defaults) == list(ORDINAL_DEFAULTS)


@pytest.mark.parametrize(
    ("name", "monitor", "metric"),
    [
        ("binary", "val_accuracy", "accuracy"),
        ("multiclass", "val_accuracy", "accuracy"),
        ("binary", "val_f1", "f1"),
        ("binary", "train_loss", "log_loss"),
        ("binary", "val_loss", "log_loss"),
        ("binary", "a_column_of_a_callback", "log_loss"),
        ("regression", "val_rmse", "rmse"),
        ("regression", "val_loss", "rmse"),
    ],
)
def test_what_runs_watch_decides_on_the_metric_that_ranks(name: TaskName, monitor: str, metric: str) -> None:
    assert task_for(name).ranking_for(monitor) == metric


@pytest.mark.parametrize(
    ("name", "task", "larger"),
    [
        *((name, "binary", True) for name in ("accuracy", "balanced_accuracy", "f1", "roc_auc")),
        *((name, "binary", False) for name in ("log_loss", "brier", "loss")),
        *((name, "regression", False) for name in ("rmse", "mae", "loss")),
        ("r2", "regression", True),
        ("quadratic_kappa", "ordinal", True),
        ("mean_absolute_class_error", "ordinal", False),
        ("rmse_y2", "several values", False),
        ("pinball", "quantiles", False),
        ("crps", "distribution", False),
    ],
)
def test_directions(name: str, task: str, larger: bool) -> None:
    for part in ("", "train_", "val_", "test_"):
        assert ALL[task].larger_is_better(part + name) is larger, part


@pytest.mark.parametrize("column", ["lr", "seconds", "val_metric", "val_", "", "accuracy_val"])
def test_a_column_without_a_direction(column: str) -> None:
    with pytest.raises(ValueError, match=f"^'{column}': expected loss or a metric \\(accuracy, .*, brier\\), with"):
        ALL["binary"].larger_is_better(column)


def test_a_task_is_known_without_torch_and_scikit_learn() -> None:
    code = "import sys, mlp_exp.tasks.tasks; print([name for name in ('torch', 'sklearn') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"

"""The figures of each task: which files a run has, and what they show of the test part."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from support.commands import Command
from support.folders import names
from support.task_runs import write_tasks
from support.tasks import targets_of, task_for

from mlp_exp.data.dataset import Dataset
from mlp_exp.display import plots
from mlp_exp.display.curves import Plane
from mlp_exp.experiment.drawn import of_test_part
from mlp_exp.storage.run_folder import RunFolder
from mlp_exp.tasks.regression import DistributionRegression, PositiveRegression, QuantileRegression
from mlp_exp.tasks.several import Multilabel
from mlp_exp.tasks.task import Task


def drawn(task: Task, target: Any, answers: Any) -> dict[str, Figure]:
    shown = of_test_part(task, np.asarray(target), np.asarray(answers, dtype=np.float64))
    return {name: plots.FIGURES[name](*arguments) for name, arguments in shown.items()}


def legend(axes: Axes) -> list[str]:
    found = axes.get_legend()
    assert found is not None
    return [text.get_text() for text in found.get_texts()]


def points(axes: Axes) -> list[list[float]]:
    (dots,) = (each for each in axes.collections if isinstance(each, PathCollection))
    found: list[list[float]] = np.asarray(dots.get_offsets()).tolist()
    return found


def curve(axes: Axes, label: str) -> list[tuple[float, float]]:
    (line,) = (line for line in axes.lines if line.get_label() == label)
    return list(zip(np.asarray(line.get_xdata()).tolist(), np.asarray(line.get_ydata()).tolist(), strict=True))


def chances(second: Sequence[float]) -> list[list[float]]:
    return [[1 - chance, chance] for chance in second]


# ---- values


def test_quantiles_are_drawn_with_the_fractions_below_them() -> None:
    task = QuantileRegression(targets_of("regression"), (0.25, 0.75))
    found = drawn(task, [1.0, 2.0, 3.0, 4.0], [[0.0, 2.0], [2.0, 4.0], [2.5, 3.5], [3.0, 3.5]])
    assert list(found) == ["predicted_actual", "coverage"]
    (axes,) = found["coverage"].axes
    assert curve(axes, "observed") == [(0.25, 0.25), (0.75, 0.75)]
    assert legend(axes) == ["perfectly calibrated", "observed"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("level of the quantile", "fraction of rows below it")
    assert points(found["predicted_actual"].axes[0]) == [[1.0, 1.0], [3.0, 2.0], [3.0, 3.0], [3.25, 4.0]]  # medians


def test_a_distribution_is_drawn_with_the_fractions_below_its_quantiles() -> None:
    target = np.random.default_rng(0).normal(5, 2, 20_000)
    found = drawn(DistributionRegression(targets_of("regression")), target, np.tile([5.0, 2.0], (20_000, 1)))
    assert list(found) == ["predicted_actual", "residuals", "coverage"]
    levels, observed = zip(*curve(found["coverage"].axes[0], "observed"), strict=True)
    assert levels == tuple(tenth / 10 for tenth in range(1, 10))
    np.testing.assert_allclose(observed, levels, atol=0.015)
    below = [float((target <= 5 + 2 * z).mean()) for z in (-1.2815515655446004, 0.0, 1.2815515655446004)]
    assert [observed[0], observed[4], observed[8]] == below
    wide = drawn(DistributionRegression(targets_of("regression")), target, np.tile([5.0, 20.0], (20_000, 1)))
    assert [each[1] for each in curve(wide["coverage"].axes[0], "observed")[:3]] == [0.0, 0.0, 0.0]


def test_counts_are_drawn_as_values() -> None:
    task = PositiveRegression(targets_of("regression"), "poisson_deviance")
    found = drawn(task, [0.0, 3.0], [[0.5], [2.0]])
    assert list(found) == ["predicted_actual"]
    assert points(found["predicted_actual"].axes[0]) == [[0.5, 0.0], [2.0, 3.0]]


@pytest.mark.parametrize(("count", "shown"), [(2, 2), (5, 5), (12, 12), (13, 12)])
def test_several_values_have_a_panel_each(count: int, shown: int) -> None:
    target = np.arange(3.0 * count).reshape(3, count)
    found = drawn(task_for("regression", count), target, target + 0.5)
    assert list(found) == ["predicted_of_several"]
    figure = found["predicted_of_several"]
    assert [axes.get_ylabel() for axes in figure.axes] == [f"actual y{place + 1}" for place in range(shown)]
    for place, axes in enumerate(figure.axes):
        assert points(axes) == [[value + 0.5, value] for value in target[:, place]]
    title = "Predicted against actual, test part (3 rows)"
    assert figure.get_suptitle() == (title if count <= 12 else f"{title}\n(the first 12 of 13 targets)")
    assert figure.get_size_inches().tolist() == [4.4 * min(3, shown), 4.2 * -(-shown // 3)]
    readable(figure)


# ---- classes


@pytest.mark.parametrize(("threshold", "counts"), [(0.5, ["2", "0", "1", "1"]), (0.3, ["1", "1", "0", "2"])])
def test_a_threshold_counts_in_the_confusion_matrix(threshold: float, counts: list[str]) -> None:
    task = task_for("binary").decided_at([threshold])
    found = drawn(task, [0, 0, 1, 1], chances([0.1, 0.4, 0.3, 0.9]))
    assert list(found) == ["confusion_matrix", "roc", "precision_recall", "calibration"]
    assert [text.get_text() for text in found["confusion_matrix"].axes[0].texts] == counts


def test_ordered_classes_stay_in_their_order() -> None:
    found = drawn(task_for("ordinal"), [0, 1, 2], np.eye(3))
    assert [text.get_text() for text in found["confusion_matrix"].axes[0].get_xticklabels()] == [
        "low",
        "middle",
        "high",
    ]
    assert len(found["roc"].axes[0].lines) == 4


def labels(count: int) -> dict[str, Figure]:
    rng = np.random.default_rng(1)
    answers = rng.random((40, count))
    target = (rng.random((40, count)) < answers).astype(int)
    return drawn(Multilabel(targets_of("multilabel", count)), target, answers)


def test_labels_have_a_curve_each() -> None:
    found = labels(3)
    assert list(found) == ["roc_of_labels", "precision_recall_of_labels", "calibration_of_labels"]
    (axes,) = found["roc_of_labels"].axes
    assert [text.split(" (")[0] for text in legend(axes)] == ["y1", "y2", "y3", "chance"]
    assert legend(found["calibration_of_labels"].axes[0]) == ["perfectly calibrated", "y1", "y2", "y3"]


def test_a_label_that_is_always_the_same_has_no_curve() -> None:
    answers = [[0.2, 0.3], [0.9, 0.4]]
    (axes,) = drawn(task_for("multilabel", 2), [[0, 1], [1, 1]], answers)["roc_of_labels"].axes
    assert legend(axes) == ["y1 (AUC 1.0000)", "chance"]


@pytest.mark.parametrize(("count", "shown"), [(12, 12), (30, 12)])
def test_many_labels_can_be_told_apart(count: int, shown: int) -> None:
    for name, figure in labels(count).items():
        (axes,) = figure.axes
        own = [line for line in axes.lines if str(line.get_label()).startswith("y")]
        assert len({(line.get_color(), line.get_linestyle()) for line in own}) == len(own) == shown
        titles = {
            "roc_of_labels": "ROC",
            "precision_recall_of_labels": "Precision by recall",
            "calibration_of_labels": "Calibration",
        }
        title = f"{titles[name]}, test part (40 rows)"
        title += "" if count == 12 else "\n(the first 12 of 30 targets)"
        assert axes.get_title() == title + "\n(20 rows a point)" * name.startswith("calibration")
        readable(figure)
        box, inside = axes.get_legend().get_window_extent(), axes.get_window_extent()  # type: ignore[union-attr]
        assert box.x0 > inside.x1
        assert box.x1 <= figure.bbox.x1
        assert box.y0 >= figure.bbox.y0


def readable(figure: Figure) -> None:
    """Draws it; no panel lies on another."""
    plots.encoded(figure)
    boxes = [axes.get_tightbbox() for axes in figure.axes]
    for place, box in enumerate(boxes):
        assert box is not None
        assert box.width > 100
        assert not any(other is not None and box.overlaps(other) for other in boxes[place + 1 :])


# ---- the files of runs


CLASSES = {"decision_boundary", "confusion_matrix", "roc", "precision_recall", "calibration"}
VALUES = {"decision_boundary", "predicted_actual", "residuals"}
FILES: dict[str, tuple[list[str], set[str]]] = {
    "binary": (["two", "inference.threshold=f1"], CLASSES),
    "ordinal": (["grade", "data.task=ordinal"], CLASSES),
    "values": (["[value,other]"], {"predicted_of_several", "importance"}),
    "quantiles": (["value", "loss=quantile"], VALUES | {"coverage"}),
    "distribution": (["value", "loss=gaussian"], VALUES | {"coverage"}),
    "counts": (["count", "data.task=regression", "loss=poisson"], VALUES),
}


@pytest.mark.usefixtures("figures_unrendered")
@pytest.mark.parametrize("task", FILES)
def test_the_files_of_a_run(task: str, command: Command, tmp_path: Path) -> None:
    """Of two features, so that the plane is drawn where there is one target."""
    (target, *settings), figures = FILES[task]
    data = (
        "data=table",
        "experiment=table_quick",
        f"data.path={write_tasks(tmp_path)}",
        f"data.target={target}",
        "data.columns=[x1,x2]",
    )
    quiet = ("trainer.epochs=2", "baselines=none", "metrics.intervals=0", "hydra.run.dir=run")
    done = command("run", *data, *quiet, *settings)
    assert (done.returncode, done.stderr) == (0, "")
    assert {name.removesuffix(".png") for name in names(tmp_path / "run" / "plots")} == figures | {"loss"}


@pytest.mark.slow
def test_figures_may_be_svg(command: Command, tmp_path: Path) -> None:
    """Drawn again by the report of the run they are the same; a tracker gets them, too."""
    done = command(
        "run", "plots.format=svg", "data.n_samples=100", "trainer.epochs=1", "baselines=none", "hydra.run.dir=run"
    )
    assert (done.returncode, done.stderr) == (0, "")
    folder = RunFolder(tmp_path / "run")
    drawn = {path.name: path.read_bytes() for path in folder.figure_files()}
    assert drawn.keys() == {f"{name}.svg" for name in CLASSES | {"loss"}}
    assert set(folder.figure_files()) <= set(folder.attachments())
    assert command("report", "run").returncode == 0
    assert {path.name: path.read_bytes() for path in folder.figures.iterdir()} == drawn


@pytest.mark.parametrize("target", [[1, 1], [0]])
def test_a_test_part_of_one_class_has_no_curves_of_its_errors(target: list[int]) -> None:
    found = drawn(task_for("binary"), target, chances([0.4] * len(target)))
    assert list(found) == ["confusion_matrix", "calibration"]


def test_few_rows_have_no_distribution_of_residuals() -> None:
    for rows, figures in ((9, ["predicted_actual"]), (10, ["predicted_actual", "residuals"])):
        assert list(drawn(task_for("regression"), np.arange(rows), np.ones((rows, 1)))) == figures


@pytest.mark.parametrize("threshold", [0.5, 0.2])
def test_the_boundary_of_classes_is_the_threshold(threshold: float, monkeypatch: pytest.MonkeyPatch) -> None:
    levels: list[Any] = []
    monkeypatch.setattr(Axes, "contour", lambda *_, **how: levels.append(how["levels"]))
    x = np.random.default_rng(0).normal(size=(20, 2))
    dataset, plane = Dataset.from_arrays(x, (x[:, 0] > 0).astype(int)), Plane.around(x, 5)
    answers = np.column_stack([1 - plane.points[:, 0].clip(0, 1), plane.points[:, 0].clip(0, 1)])
    plots.decision_boundary(dataset, np.arange(5), plane, answers, threshold)
    assert levels == [[threshold]]

"""Curves and figures are those of scikit-learn."""

import io

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.calibration import calibration_curve
from sklearn.metrics import ConfusionMatrixDisplay, PredictionErrorDisplay, roc_curve

from mlp_exp.display import curves, plots


@pytest.mark.parametrize("seed", range(60))
def test_curves(seed: int) -> None:
    rng = np.random.default_rng(seed)
    score = rng.random(int(rng.integers(2, 300))).round(1 + seed % 5)
    positive = rng.random(len(score)) < score
    positive[:2] = True, False
    for found, expected in zip(curves.roc(positive, score), roc_curve(positive, score)[:2], strict=True):
        assert np.array_equal(found, expected)
    bins = 2 + seed % 9
    expected_curve = calibration_curve(positive, score, n_bins=bins, strategy="quantile")
    for found, expected in zip(curves.calibration(positive, score, bins), expected_curve, strict=True):
        assert np.array_equal(found, expected)


def axes_of(title: str, width: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, 4.8), layout="constrained")
    return figure, figure.add_subplot(title=title)


def pixels(figure: Figure) -> bytes:
    with io.BytesIO() as file:
        figure.savefig(file, format="rgba")
        return file.getvalue()


@pytest.mark.parametrize(("classes", "rows"), [(2, 150), (3, 12), (5, 40_000)])
def test_a_confusion_matrix_is_drawn_as_scikit_learn_draws_it(classes: int, rows: int) -> None:
    rng = np.random.default_rng(classes)
    target, predicted = rng.integers(0, classes, (2, rows))
    names = [f"kind {code}" for code in range(classes)]
    figure, axes = axes_of("Confusion matrix, test", 5.6)
    ConfusionMatrixDisplay.from_predictions(
        target, predicted, labels=range(classes), display_labels=names, cmap="Blues", ax=axes
    )
    assert pixels(plots.confusion_matrix(target, predicted, names)) == pixels(figure)


def test_predictions_are_drawn_where_scikit_learn_draws_them() -> None:
    rng = np.random.default_rng(0)
    target = rng.normal(size=2 * plots.MAX_POINTS)
    predicted = target + rng.normal(size=len(target))
    _, axes = axes_of("", 5.6)
    PredictionErrorDisplay.from_predictions(
        target, predicted, kind="actual_vs_predicted", subsample=plots.MAX_POINTS, random_state=0, ax=axes
    )
    (ours,) = plots.predicted_against_actual(target, predicted, "income").axes
    assert np.array_equal(ours.collections[0].get_offsets(), axes.collections[0].get_offsets())
    assert np.array_equal(ours.lines[0].get_xydata(), axes.lines[0].get_xydata())

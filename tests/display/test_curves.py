"""Curves and figures are those of scikit-learn."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.calibration import calibration_curve
from sklearn.metrics import PredictionErrorDisplay, average_precision_score, precision_recall_curve, roc_curve

from mlp_exp.display import curves, plots
from mlp_exp.display.plots import style


def test_curves() -> None:
    for seed in range(60):
        rng = np.random.default_rng(seed)
        score = rng.random(int(rng.integers(2, 300))).round(1 + seed % 5)
        positive = rng.random(len(score)) < score
        positive[:2] = True, False
        for found, expected in zip(curves.roc(positive, score), roc_curve(positive, score)[:2], strict=True):
            assert np.array_equal(found, expected), seed
        recall, precision = curves.precision_recall(positive, score)
        theirs = dict.fromkeys(zip(*precision_recall_curve(positive, score)[1::-1], strict=True))
        assert set(zip(recall.tolist(), precision.tolist(), strict=True)) <= set(theirs), seed
        area = np.diff(recall, prepend=0) @ precision
        assert area == pytest.approx(average_precision_score(positive, score), abs=1e-12), seed
        bins = 2 + seed % 9
        expected_curve = calibration_curve(positive, score, n_bins=bins, strategy="quantile")
        for found, expected in zip(curves.calibration(positive, score, bins)[:2], expected_curve, strict=True):
            assert np.array_equal(found, expected), seed
        assert curves.calibration(positive, score, bins)[2].sum() == len(score), seed


def test_predictions_are_drawn_where_scikit_learn_draws_them() -> None:
    rng = np.random.default_rng(0)
    target = rng.normal(size=2 * style.MAX_POINTS)
    predicted = target + rng.normal(size=len(target))
    axes = Figure().add_subplot()
    PredictionErrorDisplay.from_predictions(
        target, predicted, kind="actual_vs_predicted", subsample=style.MAX_POINTS, random_state=0, ax=axes
    )
    (ours,) = plots.predicted_against_actual(target, predicted, "income").axes
    assert np.array_equal(ours.collections[0].get_offsets(), axes.collections[0].get_offsets())
    ends = min(target.min(), predicted.min()), max(target.max(), predicted.max())
    assert np.array_equal(ours.lines[0].get_xydata(), np.column_stack([ends, ends]))

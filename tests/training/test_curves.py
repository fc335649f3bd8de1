"""Curves over a training, in numbers."""

import math

import numpy as np
import pytest

from mlp_exp.training.curves import CURVES, Curve, FlatCosine, LogCosine
from mlp_exp.training.schedulers import CurveRate

EIGHTH = 0.5 * (1 + math.cos(math.pi / 4))
VALUES: list[tuple[Curve, list[tuple[float, float]]]] = [
    # the waves of 1 + 15 t from 1 to 2, to 4, to 8 and to 16, each highest at √2 times its beginning
    (
        LogCosine(),
        [
            (0.0, 0.0),
            ((math.sqrt(2) - 1) / 15, 1.0),
            (1 / 15, 0.0),
            ((2 * 2**0.25 - 1) / 15, 0.5),
            ((2 * math.sqrt(2) - 1) / 15, 1.0),
            (3 / 15, 0.0),
            ((4 * math.sqrt(2) - 1) / 15, 1.0),
            (7 / 15, 0.0),
            ((8 * math.sqrt(2) - 1) / 15, 1.0),
            ((8 * 2**0.75 - 1) / 15, 0.5),
            (1.0, 0.0),
        ],
    ),
    (LogCosine(cycles=1), [(0.0, 0.0), (math.sqrt(2) - 1, 1.0), (2**0.75 - 1, 0.5), (1.0, 0.0)]),
    (LogCosine(cycles=2), [(1 / 3, 0.0), (1.0, 0.0), ((2 * math.sqrt(2) - 1) / 3, 1.0)]),
    (
        FlatCosine(),
        [(0.0, 1.0), (0.3, 1.0), (0.5, 1.0), (0.625, EIGHTH), (0.75, 0.5), (0.875, 1 - EIGHTH), (1.0, 0.0)],
    ),
]


@pytest.mark.parametrize(("curve", "points"), VALUES, ids=lambda value: type(value).__name__)
def test_values(curve: Curve, points: list[tuple[float, float]]) -> None:
    t, expected = np.array(points).T
    assert curve.at(t).tolist() == pytest.approx(expected.tolist(), abs=1e-12)


@pytest.mark.parametrize("curve", [LogCosine(), LogCosine(1), FlatCosine()], ids=lambda curve: type(curve).__name__)
@pytest.mark.parametrize(("epochs", "steps"), [(1, 1), (1, 7), (3, 1), (4, 5), (15, 4), (1, 15), (60, 31)])
def test_the_steps_of_all_epochs_are_those_of_one_training(curve: Curve, epochs: int, steps: int) -> None:
    """Each in its middle, where the factor is never 0."""
    found = np.concatenate([curve.of_epoch(epoch, epochs, steps) for epoch in range(1, epochs + 1)])
    count = epochs * steps
    middles = [(step + 0.5) / count for step in range(count)]
    assert found.tolist() == pytest.approx([float(curve.at(np.array(t))) for t in middles], abs=1e-12)
    assert (found > 0).all()
    assert (found <= 1).all()


@pytest.mark.parametrize("steps", [None, 5])
def test_a_rate_follows_a_curve(steps: int | None) -> None:
    rate = CurveRate(0.3, LogCosine(), 4, steps)
    for epoch in range(1, 5):
        assert rate.rates == (0.3 * LogCosine().of_epoch(epoch, 4, steps or 1)).tolist()
        assert rate.value == rate.rates[0]
        rate.advance(1.0, last=epoch == 4)
    assert rate.rates == (0.3 * LogCosine().of_epoch(4, 4, steps or 1)).tolist()


def test_schedules_by_name() -> None:
    assert CURVES["constant"] is None
    assert isinstance(CURVES["flat_cosine"], FlatCosine)

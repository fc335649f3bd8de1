"""The notes under a result: when each is said, and when it is not."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from mlp_exp.data.dataset import TargetColumn
from mlp_exp.experiment.notes import (
    Facts,
    beside_constant,
    better_baseline,
    few_rows,
    loss_has_risen,
    notes,
    parts_differ,
    still_learning,
)
from mlp_exp.tasks.tasks import task_of

CLASSES = task_of("binary", (TargetColumn("t", ("no", "yes")),))
VALUES = task_of("regression", (TargetColumn("t"),))
ROWS = {"train": 1000, "val": 400, "test": 400}


def classes(test: float | None = 0.9, val: float | None = 0.9, **more: Any) -> Facts:
    """A run with these accuracies, and baselines with pairs of test and validation accuracies."""
    return Facts(CLASSES, *_parts("accuracy", test, val, more), **more)


def values(test: float | None = 1.0, val: float | None = 1.0, **more: Any) -> Facts:
    return Facts(VALUES, *_parts("rmse", test, val, more), **more)


def _parts(metric: str, test: float | None, val: float | None, more: dict[str, Any]) -> Sequence[Any]:
    def of(pair: tuple[float | None, float | None]) -> dict[str, dict[str, float | None]]:
        return {"test": {metric: pair[0]}, "val": {metric: pair[1]}}

    more["baselines"] = {name: of(pair) for name, pair in more.pop("beside", {}).items()}
    if "interval" in more:
        more["intervals"] = {metric: more.pop("interval")}
    return of((test, val)), more.pop("rows", ROWS)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (
            classes(0.902, beside={"majority class": (0.9, 0.9)}, interval=(0.87, 0.93)),
            "test accuracy is 0.2 points above the majority class",
        ),
        (
            classes(0.85, beside={"majority class": (0.9, 0.9)}, interval=(0.82, 0.88)),
            "test accuracy is 5.0 points below the majority class",
        ),
        (classes(0.95, beside={"majority class": (0.9, 0.9)}, interval=(0.92, 0.97)), None),
        (classes(0.91, beside={"majority class": (0.9, 0.9)}), "test accuracy is 1.0 points above the majority class"),
        (classes(0.93, beside={"majority class": (0.9, 0.9)}), None),
        (classes(0.91, beside={"linear model": (0.9, 0.9)}), None),
        (classes(None, beside={"majority class": (0.9, 0.9)}), None),
        (classes(0.91, beside={"majority class": (None, 0.9)}), None),
        (classes(), None),
        (values(0.99, beside={"mean": (1.0, 1.0)}), "test rmse is 1.0 % better than that of the mean"),
        (values(1.5, beside={"mean": (1.0, 1.0)}), "test rmse is 50.0 % worse than that of the mean"),
        (values(0.5, beside={"mean": (1.0, 1.0)}), None),
        (
            values(0.5, beside={"mean": (1.0, 1.0)}, interval=(0.2, 1.2)),
            "test rmse is 50.0 % better than that of the mean",
        ),
        (values(0.5, beside={"mean": (0.0, 1.0)}), "test rmse is 0.5 worse than that of the mean"),
    ],
)
def test_beside_a_constant(facts: Facts, said: str | None) -> None:
    assert beside_constant(facts) == said


LINEAR = "the linear model is better on the test part: accuracy 0.912 against 0.905"


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (classes(0.905, 0.9, beside={"linear model": (0.912, 0.91)}), LINEAR),
        (classes(0.905, 0.9, beside={"linear model": (0.912, 0.91), "gradient boosting": (0.91, 0.95)}), LINEAR),
        (classes(0.905, 0.92, beside={"linear model": (0.912, 0.91)}), None),  # not on the validation part
        (classes(0.905, None, beside={"linear model": (0.912, None)}), LINEAR),
        (classes(0.9, 0.9, beside={"linear model": (0.9, 0.91)}), None),
        (classes(0.9, 0.9, beside={"linear model": (0.90000001, 0.91)}), None),  # it would not be seen
        (classes(0.5, 0.5, beside={"majority class": (0.9, 0.9)}), None),  # that is no model
        (
            values(1.0, 1.0, beside={"gradient boosting": (0.5, 0.5)}),
            "gradient boosting is better on the test part: rmse 0.5 against 1",
        ),
    ],
)
def test_a_better_baseline(facts: Facts, said: str | None) -> None:
    assert better_baseline(facts) == said


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (
            classes(0.95, 0.88, interval=(0.93, 0.97)),
            "test and validation differ by more than chance: accuracy 0.95 and 0.88",
        ),
        (classes(0.93, 0.90, interval=(0.91, 0.95)), None),
        (classes(0.95, 0.88, interval=(0.93, 0.97), rows={"test": 400, "val": 40}), None),  # few rows to compare
        (classes(1.0, 0.9, interval=(1.0, 1.0)), None),  # of which nothing follows
        (classes(0.95, 0.88), None),
        (classes(0.95, None, interval=(0.93, 0.97)), None),
    ],
)
def test_parts_that_differ(facts: Facts, said: str | None) -> None:
    assert parts_differ(facts) == said


FALLING = [1 / epoch for epoch in range(1, 31)]
RISING = [1.0, 0.6, 0.4, *[0.4 + 0.02 * epoch for epoch in range(1, 28)]]
HISTORIES: Mapping[str, Sequence[float]] = {
    "falling": FALLING,
    "rising": RISING,
    "flat": [1.0, 0.6, 0.4, *[0.41] * 27],
    "short": RISING[:2],
    "late": [*FALLING, 0.1],
    "wild": [float("nan"), 0.6, 0.4, *[float("nan"), 0.9] * 9],
    "none": [],
}


@pytest.mark.parametrize("name", HISTORIES)
@pytest.mark.parametrize("stopped", [False, True])
def test_a_loss_that_has_risen(name: str, stopped: bool) -> None:
    facts = classes(history={"val_loss": HISTORIES[name]}, stopped=stopped)
    rises = name in ("rising", "wild") and not stopped
    said = "validation loss has risen since epoch 3: early stopping or decay may help"
    assert loss_has_risen(facts) == (said if rises else None)


@pytest.mark.parametrize(
    ("history", "best", "more", "said"),
    [
        ([1.0, 0.8, 0.6, 0.4, 0.2], 5, {}, True),
        ([1.0, 0.8, 0.6, 0.4, 0.2], 4, {}, False),
        ([1.0, 0.8, 0.6, 0.4, 0.2], 5, {"stopped": True}, False),
        ([1.0, 0.8, 0.6, 0.4, 0.2], 5, {"watched": "train_loss"}, False),
        ([1.0, 0.5, 0.30, 0.29, 0.289, 0.288], 6, {}, False),  # a schedule has ended
        ([1.0, 0.5], 2, {}, False),
        (FALLING, 30, {}, False),
        ([1 - epoch / 40 for epoch in range(30)], 30, {}, True),
    ],
)
def test_still_learning(history: list[float], best: int, more: dict[str, Any], said: bool) -> None:
    options: dict[str, Any] = {"history": {"val_loss": history, "train_loss": history}, "best_epoch": best} | more
    facts = classes(**options)
    assert still_learning(facts) == ("the best epoch is the last: more epochs may help" if said else None)


def test_few_rows() -> None:
    assert few_rows(classes(rows={"test": 12})) == "the test part has 12 rows: its metrics are uncertain"
    assert few_rows(classes(rows={"test": 1})) == "the test part has 1 row: its metrics are uncertain"
    assert few_rows(classes(rows={"test": 50})) is None
    validated = Facts(CLASSES, {"train": {}, "val": {}}, {"train": 5, "val": 7})
    assert few_rows(validated) == "the validation part has 7 rows: its metrics are uncertain"
    assert few_rows(Facts(CLASSES, {"train": {}}, {"train": 5})) is None


def test_at_most_three_are_said() -> None:
    facts = classes(
        0.902,
        0.7,
        beside={"majority class": (0.901, 0.9), "linear model": (0.95, 0.9)},
        interval=(0.89, 0.91),
        history={"val_loss": RISING},
        rows={"test": 12, "val": 12},
    )
    assert notes(facts) == [
        "test accuracy is 0.1 points above the majority class",
        "the linear model is better on the test part: accuracy 0.95 against 0.902",
        "test and validation differ by more than chance: accuracy 0.902 and 0.7",
    ]
    assert notes(classes()) == []

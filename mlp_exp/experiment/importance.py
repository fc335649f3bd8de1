"""Which columns the predictions of a run depend on, for its figure."""

from typing import Any

import numpy as np

from mlp_exp.data.dataset import Dataset
from mlp_exp.data.preprocessing import Preprocessing
from mlp_exp.data.row_hashes import evenly_spaced
from mlp_exp.experiment.answers import answers_to
from mlp_exp.experiment.run import Run
from mlp_exp.tasks.importance import Shuffled, permutation_importance
from mlp_exp.tasks.metrics import evaluate

REPEATS = 3
MOST_ROWS, FEWEST_ROWS = 1000, 30
"""Of the test part: more say little more, fewer say nothing."""
MOST_COLUMNS = 500
BUDGET = 5 * 10**9
"""Multiplications, one for each weight and row: 0.8 s on one core. More columns or weights get fewer rows."""
SEED = 0


def importance_of(run: Run) -> tuple[Any, ...] | None:
    """What the figure shows: names, means and deviations of the columns, what is measured, and the number of rows.

    None where it would say nothing, or take too long.
    """
    columns = input_columns(run.dataset, run.plan.preprocessing)
    if not 2 <= len(columns) <= MOST_COLUMNS:
        return None
    weights = sum(p.numel() for trainee in run.trainees for p in trainee.module.parameters())
    affordable = BUDGET // (REPEATS * len(columns) * max(1, weights))
    rows = evenly_spaced(run.parts.test, max(1, min(MOST_ROWS, affordable)))
    if len(rows) < FEWEST_ROWS:
        return None
    task = run.head.task
    name = task.ranking
    measured, larger = task.measured_by({name: task.known[name]}), task.known[name].larger_is_better
    target, inputs = run.dataset.target[rows], run.trainee.data.inputs[rows]

    def cost(shuffled: Shuffled | None) -> float:
        seen = inputs
        if shuffled is not None:
            places = list(columns.values())[shuffled[0]]
            seen = inputs.clone()
            seen[:, places] = inputs[shuffled[1]][:, places]
        value = evaluate(measured.metrics, measured.predictions(target, answers_to(run, seen))).values.get(name)
        if value is None:
            return np.nan
        return -value if larger else value

    mean, std = permutation_importance(cost, len(rows), len(columns), REPEATS, SEED)
    if not (np.isfinite(mean).all() and mean.max() > 0):
        return None
    change = f"{'decrease' if larger else 'increase'} of {name} when the column is shuffled"
    return list(columns), mean, std, change, len(rows)


def input_columns(dataset: Dataset, preprocessing: Preprocessing) -> dict[str, list[int]]:
    """The inputs of the network that are made from each column; those of a date from one."""
    whole = {number: column.name for column in dataset.columns for number in column.number_names}
    features = [
        *dataset.feature_names,
        *(each.name for each in dataset.categories),
        *(each.name for each in dataset.texts),
    ]
    found: dict[str, list[int]] = {}
    for name, places in zip(features, preprocessing.places, strict=True):
        found.setdefault(whole.get(name, name), []).extend(places)
    return found

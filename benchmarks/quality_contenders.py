"""Other libraries' models of tables, with their defaults, on the rows of a run: training and validation part together.

RealMLP and TabM choose their epoch by a part of these rows; the others train with all of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor, TabM_D_Classifier, TabM_D_Regressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from tables import scikit_learn, score

from mlp_exp.experiment.plan import Plan

MOST_ROWS = {"TabM": 5000}
"""Of a whole table; TabM takes minutes for 2000 rows."""


@dataclass(frozen=True)
class Split:
    """Features of a run's rows, numbers and categories with gaps, and the target of those to train with."""

    train_x: pd.DataFrame
    train_y: NDArray[np.float64]
    test_x: pd.DataFrame
    regression: bool
    seed: int


def split_of(run: Plan) -> Split:
    dataset, parts = run.components.dataset, run.parts
    rows = np.concatenate([parts.train, parts.val])
    frame = pd.DataFrame(np.asarray(dataset.features)).add_prefix("n")
    for index, category in enumerate(dataset.categories):
        frame[f"c{index}"] = pd.Categorical.from_codes(category.codes, range(len(category.texts)))
    test = frame.iloc[parts.test]
    return Split(frame.iloc[rows], dataset.target[rows], test, not run.task.has_classes, run.components.seed)


def boosting(split: Split) -> NDArray[np.float64]:
    kind = HistGradientBoostingRegressor if split.regression else HistGradientBoostingClassifier
    model = kind(random_state=split.seed, categorical_features="from_dtype")
    return model.fit(split.train_x, split.train_y).predict(split.test_x)


def pytabkit(split: Split, kinds: Sequence[type]) -> NDArray[np.float64]:
    model = kinds[split.regression](random_state=split.seed, device="cpu", n_threads=1)
    # RealMLP takes no missing numbers
    filled = [frame.fillna(split.train_x.select_dtypes("number").median()) for frame in (split.train_x, split.test_x)]
    model.fit(filled[0], split.train_y)
    return np.asarray(model.predict(filled[1])).reshape(-1)


def other(model: Callable[[Split], NDArray[np.float64]], run: Plan) -> float:
    return score(run, model(split_of(run)))


CONTENDERS: dict[str, Callable[[Plan], float]] = {
    "scikit-learn's MLP": lambda run: scikit_learn(run)[0],
    "histogram boosting": partial(other, boosting),
    "RealMLP-TD": partial(other, partial(pytabkit, kinds=(RealMLP_TD_Classifier, RealMLP_TD_Regressor))),
    "TabM": partial(other, partial(pytabkit, kinds=(TabM_D_Classifier, TabM_D_Regressor))),
}
"""The test score of each, by the run's history metric."""

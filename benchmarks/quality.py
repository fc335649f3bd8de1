"""How good the presets are as they are, beside other libraries' defaults, on the same parts of the same tables.

Every contender gets the same training and test rows. mlp_exp, RealMLP and TabM choose their epoch by a part of the
training rows; the others train with all of them.
"""

import re
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from harness import median, spread, table
from joblib import Parallel, delayed
from numpy.typing import NDArray
from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor, TabM_D_Classifier, TabM_D_Regressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from tables import Case, bundled_cases, made_cases, metric, planned, preset, scikit_learn, score
from threadpoolctl import threadpool_limits

from mlp_exp.experiment.plan import Plan

UNFIT = re.compile("val=0|50000 rows")
"""Presets that are changed; and tables for which TabM, which needs minutes for 2000 rows, would need hours."""
QUICK = ("wine",)
Score = tuple[float, float]
"""Of the test part, and seconds of training."""


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
    return Split(frame.iloc[rows], dataset.target[rows], test, run.loss.regression, run.components.seed)


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


def timed(model: Callable[[Split], NDArray[np.float64]], run: Plan) -> Score:
    split = split_of(run)
    start = time.perf_counter()
    answer = model(split)
    return score(run, answer), time.perf_counter() - start


CONTENDERS: dict[str, Callable[[Plan], Score]] = {
    "mlp_exp": preset,
    "scikit-learn's MLP": scikit_learn,
    "histogram boosting": partial(timed, boosting),
    "RealMLP": partial(timed, partial(pytabkit, kinds=(RealMLP_TD_Classifier, RealMLP_TD_Regressor))),
    "TabM": partial(timed, partial(pytabkit, kinds=(TabM_D_Classifier, TabM_D_Regressor))),
}


def measure(overrides: list[str]) -> dict[str, Score]:
    """A run of every contender, in one thread."""
    warnings.simplefilter("ignore")
    with threadpool_limits(1):
        torch.set_num_threads(1)
        run = planned(overrides)
        return {name: contender(run) for name, contender in CONTENDERS.items()}


def row(case: Case, found: Sequence[dict[str, Score]]) -> list[str]:
    """Mean ± standard deviation over the runs, and median seconds of training; the best mean is bold."""
    run = planned([*case.shared, *case.runs[0]])
    values = {name: [each[name][0] for each in found] for name in CONTENDERS}
    best = (min if run.loss.regression else max)(statistics.fmean(each) for each in values.values())
    cells = []
    for name in CONTENDERS:
        text = f"**{spread(values[name])}**" if statistics.fmean(values[name]) == best else spread(values[name])
        cells.append(f"{text}, {median(found, lambda each, name=name: each[name][1]):.1f} s")
    return [f"{case.name}, {len(run.components.dataset.target):,} rows, {metric(run)}", *cells]


def quality(runs: int, quick: bool) -> str:
    """The table; `runs` of each set, with as many seeds and splits, as many at a time as there are cores."""
    with tempfile.TemporaryDirectory() as folder:
        cases = [case for case in (*bundled_cases(), *made_cases(Path(folder))) if not UNFIT.search(case.name)]
        if quick:
            cases = [case for case in cases if case.name in QUICK]
        # the long ones first, so that no core waits for one at the end
        chosen = [(case, overrides) for case in reversed(cases) for overrides in spaced(case.runs, runs)]
        jobs = (delayed(measure)([*case.shared, *overrides]) for case, overrides in chosen)
        found = Parallel(n_jobs=-1, batch_size=1, verbose=5)(jobs)
        results: dict[str, list[dict[str, Score]]] = {case.name: [] for case in cases}
        for (case, _), result in zip(chosen, found, strict=True):
            results[case.name].append(result)
        return table(["", *CONTENDERS], [row(case, results[case.name]) for case in cases])


def spaced(runs: list[list[str]], count: int) -> list[list[str]]:
    """Some of them, from the first to the last."""
    return [runs[index] for index in np.linspace(0, len(runs) - 1, min(count, len(runs))).astype(int)]

"""How good the presets are as they are, beside other libraries' defaults, on the same parts of the same tables.

Every contender gets the same training and test rows. mlp_exp, RealMLP and TabM choose their epoch by a part of the
training rows; the others train with all of them. Seconds are from the data in memory to the answers for the test rows.
"""

import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from harness import median, spread
from joblib import Parallel, delayed
from numpy.typing import NDArray
from pages import table
from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor, TabM_D_Classifier, TabM_D_Regressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from tables import Case, bundled_cases, made_cases, metric, planned, preset, scikit_learn, score
from threadpoolctl import threadpool_limits

from mlp_exp.experiment.plan import Plan

CHANGED = "val=0"
"""In the names of cases that do not take the preset as it is."""
TOO_LONG = {"TabM": "50000 rows"}
"""TabM takes minutes for 2000 rows."""
QUICK = ("wine",)
RUNS = 5
Score = tuple[float, float]
"""Of the test part, and seconds."""


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
    "mlp_exp": lambda run: preset(run)[0],
    "scikit-learn's MLP": lambda run: scikit_learn(run)[0],
    "histogram boosting": partial(other, boosting),
    "RealMLP": partial(other, partial(pytabkit, kinds=(RealMLP_TD_Classifier, RealMLP_TD_Regressor))),
    "TabM": partial(other, partial(pytabkit, kinds=(TabM_D_Classifier, TabM_D_Regressor))),
}


def measure(case: Case, overrides: list[str]) -> dict[str, Score]:
    """A run of every contender, in one thread."""
    warnings.simplefilter("ignore")
    found = {}
    with threadpool_limits(1):
        torch.set_num_threads(1)
        run = planned([*case.shared, *overrides])
        for name, contender in CONTENDERS.items():
            if name in TOO_LONG and TOO_LONG[name] in case.name:
                continue
            start = time.perf_counter()
            value = contender(run)
            found[name] = value, time.perf_counter() - start
    return found


def row(case: Case, found: Sequence[dict[str, Score]]) -> list[str]:
    """Mean ± standard deviation over the runs, and median seconds; the best mean is bold."""
    run = planned([*case.shared, *case.runs[0]])
    scores = {name: [each[name][0] for each in found] for name in found[0]}
    best = (max if run.task.larger_is_better(metric(run)) else min)(
        statistics.fmean(values) for values in scores.values()
    )
    cells = []
    for name in CONTENDERS:
        if name not in scores:
            cells.append("")
            continue
        text = f"**{spread(scores[name])}**" if statistics.fmean(scores[name]) == best else spread(scores[name])
        cells.append(f"{text}, {median(found, lambda each, name=name: each[name][1]):.1f} s")
    rows = "" if "rows" in case.name else f", {len(run.components.dataset.target)} rows"
    return [f"{case.name}{rows}, {metric(run)}", *cells]


def cases_of(folder: Path, quick: bool) -> list[Case]:
    """A seed and a split of its own for each run."""
    runs = [[f"split.fold={k}", f"seed={k}", f"split.seed={k}"] for k in range(RUNS)]
    cases = [replace(case, runs=runs) for case in bundled_cases()]
    cases += [replace(case, runs=case.runs[:RUNS]) for case in made_cases(folder)]
    if quick:
        return [replace(case, runs=case.runs[:2]) for case in cases if case.name in QUICK]
    return [case for case in cases if CHANGED not in case.name]


def quality(quick: bool) -> str:
    """The table; as many runs at a time as there are cores."""
    with tempfile.TemporaryDirectory() as folder:
        cases = cases_of(Path(folder), quick)
        # the long ones first, so that no core waits for one at the end
        chosen = [(case, overrides) for case in reversed(cases) for overrides in case.runs]
        found = Parallel(n_jobs=-1, batch_size=1, verbose=5)(delayed(measure)(*each) for each in chosen)
        results: dict[str, list[dict[str, Score]]] = {case.name: [] for case in cases}
        for (case, _), result in zip(chosen, found, strict=True):
            results[case.name].append(result)
        return table(["", *CONTENDERS], [row(case, results[case.name]) for case in cases])

"""How good the presets are as they are, beside other libraries' defaults, on the same parts of the same tables.

Every contender gets the same training and test rows. mlp_exp, RealMLP and TabM choose their epoch by a part of the
training rows; the others train with all of them.
"""

import re
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from harness import table
from numpy.typing import NDArray
from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor, TabM_D_Classifier, TabM_D_Regressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from tables import Case, bundled_cases, made_cases, metric, planned, preset, scikit_learn, score
from threadpoolctl import threadpool_limits

from mlp_exp.experiment.plan import Plan

UNFIT = re.compile("val=0|50000 rows")
"""Presets that are changed; and tables for which TabM, which needs minutes for 2000 rows, would need hours."""
QUICK = ("wine",)


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


def timed(model: Callable[[Split], NDArray[np.float64]], run: Plan) -> tuple[float, float]:
    """Test score and seconds."""
    split = split_of(run)
    start = time.perf_counter()
    answer = model(split)
    return score(run, answer), time.perf_counter() - start


CONTENDERS: dict[str, Callable[[Plan], tuple[float, float]]] = {
    "mlp_exp": preset,
    "scikit-learn's MLP": scikit_learn,
    "histogram boosting": partial(timed, boosting),
    "RealMLP": partial(timed, partial(pytabkit, kinds=(RealMLP_TD_Classifier, RealMLP_TD_Regressor))),
    "TabM": partial(timed, partial(pytabkit, kinds=(TabM_D_Classifier, TabM_D_Regressor))),
}


def measure(case: Case, runs: int) -> list[str]:
    """A row of the table: mean ± standard deviation over the runs, and median seconds of training."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in CONTENDERS}
    chosen = [case.runs[index] for index in np.linspace(0, len(case.runs) - 1, min(runs, len(case.runs))).astype(int)]
    for overrides in chosen:
        run = planned([*case.shared, *overrides])
        for name, contender in CONTENDERS.items():
            found[name].append(contender(run))
    mean = {name: float(np.mean([value for value, _ in each])) for name, each in found.items()}
    best = (min if run.loss.regression else max)(mean.values())
    cells = []
    for name, each in found.items():
        text = f"{mean[name]:.4f} ± {np.std([value for value, _ in each], ddof=1):.4f}"
        seconds = float(np.median([seconds for _, seconds in each]))
        cells.append(f"{f'**{text}**' if mean[name] == best else text}, {seconds:.1f} s")
    rows = len(run.components.dataset.target)
    name = case.name if case.name.startswith("mixed") else f"{case.name}, {rows:,} rows"
    return [f"{name}, {metric(run)}", *cells]


def quality(runs: int, quick: bool) -> str:
    """The table; `runs` of each set, with as many seeds and splits."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
        cases = [case for case in (*bundled_cases(), *made_cases(Path(folder))) if not UNFIT.search(case.name)]
        if quick:
            cases = [case for case in cases if case.name in QUICK]
        lines = []
        for case in cases:
            lines.append(measure(case, runs))
            print(f"  {lines[-1]}", file=sys.stderr, flush=True)
    return table(["", *CONTENDERS], lines)

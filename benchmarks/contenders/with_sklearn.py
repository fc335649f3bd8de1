"""scikit-learn's MLPClassifier; several runs at a time by joblib."""

import time
import warnings
from collections.abc import Sequence

from joblib import Parallel, delayed
from sklearn.neural_network import MLPClassifier
from work import Rows, Work


def train(work: Work, rows: Rows, seed: int, lr: float) -> dict[str, float]:
    model = MLPClassifier(
        work.hidden,
        alpha=0.0,
        batch_size=work.batch,
        learning_rate_init=lr,
        max_iter=work.epochs,
        n_iter_no_change=work.epochs,
        random_state=seed,
    )
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that so few epochs do not converge
        model.fit(rows.train_x, rows.train_y)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "accuracy": float((model.predict(rows.test_x) == rows.test_y).mean())}


def train_many(work: Work, rows: Rows, runs: Sequence[tuple[int, float]]) -> list[dict[str, float]]:
    """On all cores."""
    found: list[dict[str, float]] = Parallel(n_jobs=-1)(delayed(train)(work, rows, *run) for run in runs)
    return found

"""Cross-validation of an estimator, whose folds train together."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import check_cv
from sklearn.utils import _safe_indexing, indexable

from mlp_exp.api.command import command
from mlp_exp.cli.hydra_words import SWEEP_DIR
from mlp_exp.config.dotted import key_in
from mlp_exp.config.words import quoted
from mlp_exp.data.table.file import NOT_SAVED
from mlp_exp.errors import InputError, TrainingError
from mlp_exp.estimators.base import Prepared, TableEstimator, keep, prepare


def cross_validate(
    model: TableEstimator,
    X: Any,  # noqa: N803
    y: Any,
    *,
    cv: Any = 5,
    scoring: str | Sequence[str] | Callable[..., Any] | Mapping[str, Any] | None = None,
    groups: Any = None,
    sample_weight: Any = None,
    return_train_score: bool = False,
    return_estimator: bool = False,
) -> dict[str, Any]:
    """Scores of a model on each of K folds, trained on the others; all folds train as one stack.

    The scores are those of scikit-learn's `cross_validate`, in a fraction of the time (benchmarks/RESULTS.md).
    With a `random_state` of None each fold draws a seed of its own, as there.

    Args:
        model: a TableClassifier or TableRegressor; it stays as it is.
        X, y, sample_weight: as of its `fit`, but no dictionary.
        cv: number of folds, or a splitter of scikit-learn, or pairs of row numbers.
        scoring: names of scikit-learn's scorers, or functions; None for the score of the model.
        groups: of the rows `[N]`, for splitters that keep them together.
        return_train_score: whether to score the training rows, too.
        return_estimator: whether to return the K fitted estimators.

    Returns:
        Arrays `[K]` by name, as scikit-learn has them: `test_score`, or for several scorers `test_` with the name of
        each; `fit_time` in seconds, of each fold its share; `score_time`; perhaps `train_…` and `estimator`.

    Raises:
        ValueError: what is given cannot be used; most often an InputError.
        TrainingError: a fold has failed.

    Example:
        >>> X, y = [[age, age % 3] for age in range(20, 80)], ["low"] * 30 + ["high"] * 30
        >>> model = TableClassifier(lr=0.05, epochs=15, random_state=0)
        >>> cross_validate(model, X, y, cv=3)["test_score"].shape
        (3,)
    """
    if not isinstance(model, TableEstimator):
        name = type(model).__name__
        raise InputError(f"model: expected a TableClassifier or TableRegressor, got a {name}; scikit-learn has its own")
    if (isinstance(X, Iterable) and not hasattr(X, "__len__")) or isinstance(X, Mapping | set):
        raise InputError(f"X: expected a data frame or an array [N, F], got a {type(X).__name__}")
    X, y, groups, sample_weight = indexable(X, y, groups, sample_weight)
    scorer = check_scoring(model, scoring=scoring)
    folds = list(check_cv(cv, y, classifier=is_classifier(model)).split(X, y, groups))
    began = perf_counter()
    models = [clone(model) for _ in folds]
    trained = [_rows(train, X, y, sample_weight) for train, _ in folds]
    _train_together(models, [prepare(each, *rows) for each, rows in zip(models, trained, strict=True)])
    found: dict[str, Any] = {"fit_time": np.full(len(folds), (perf_counter() - began) / len(folds))}
    found["score_time"], scores = _scored(scorer, models, [_rows(test, X, y) for _, test in folds])
    found |= {f"test_{name}": values for name, values in scores.items()}
    if return_train_score:
        _, scores = _scored(scorer, models, [rows[:2] for rows in trained])
        found |= {f"train_{name}": values for name, values in scores.items()}
    return found | ({"estimator": models} if return_estimator else {})


def _rows(rows: Any, *each: Any) -> list[Any]:
    return [None if one is None else _safe_indexing(one, rows) for one in each]


def _train_together(models: Sequence[TableEstimator], prepared: Sequence[Prepared]) -> None:
    """Trains the models in a sweep, or in several if their settings depend on the data."""
    alike: dict[tuple[Any, ...], list[int]] = {}
    overridden = "seed" in map(key_in, prepared[0].arguments)
    differ = len({each.seed for each in prepared}) == len(prepared) and not overridden  # each fold has drawn its own
    for place, each in enumerate(prepared):
        alike.setdefault((each.arguments, None if differ else each.seed), []).append(place)
    with TemporaryDirectory() as scratch:
        for number, places in enumerate(alike.values()):
            folder = Path(scratch, f"sweep-{number}")
            own = _seeds_and_tables([prepared[place] for place in places], Path(scratch, str(number)), differ=differ)
            words = ["-m", *prepared[places[0]].arguments, *own, f"{SWEEP_DIR}{quoted(str(folder))}"]
            called = command(words, quiet=prepared[0].quiet, reports=False)
            if called.interrupted:
                raise KeyboardInterrupt
            if called.failed:
                raise TrainingError(f"a fold of {len(models)} has failed: {called.failed[0]}")
            for job, place in enumerate(places):
                keep(models[place], folder / str(job))


def _seeds_and_tables(folds: Sequence[Prepared], folder: Path, *, differ: bool) -> list[str]:
    """Arguments that give each fold its seed and its table, which is written below the folder.

    Args:
        differ: whether each fold has a seed of its own: then the sweep is one of seeds, which name the tables.
    """
    seeds = [str(fold.seed) for fold in folds]
    names = seeds if differ else [str(number) for number in range(len(folds))]
    paths = [fold.write(folder / name / NOT_SAVED) for fold, name in zip(folds, names, strict=True)]
    if differ:
        return [f"seed={','.join(seeds)}", f"data.path={quoted(f'{folder}/${{seed}}/{NOT_SAVED}')}"]
    return [f"seed={seeds[0]}", f"data.path={','.join(paths)}"]


def _scored(
    scorer: Callable[..., Any], models: Sequence[TableEstimator], rows: Sequence[Sequence[Any]]
) -> tuple[np.ndarray[Any, Any], dict[str, np.ndarray[Any, Any]]]:
    """Seconds `[K]`, and scores `[K]` by name, of each model on its rows."""
    seconds, scores = [], []
    for model, (X, y) in zip(models, rows, strict=True):
        began = perf_counter()
        found = scorer(model, X, y)
        scores.append(found if isinstance(found, dict) else {"score": found})
        seconds.append(perf_counter() - began)
    return np.array(seconds), {name: np.array([each[name] for each in scores]) for name in scores[0]}

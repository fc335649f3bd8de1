"""The config group `baselines`."""

import logging
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from mlp_exp.data.dataset import Dataset
from mlp_exp.data.splits.base import Parts, Rows
from mlp_exp.data.statistics import Floats
from mlp_exp.experiment.baselines.inputs import BaselineInputs
from mlp_exp.experiment.baselines.models import (
    BOOSTING,
    LINEAR,
    Answer,
    Boosting,
    Linear,
    Training,
    constant,
    constant_name,
)
from mlp_exp.processes.forks import cores
from mlp_exp.storage.baselines_file import Baseline
from mlp_exp.tasks.metrics import evaluate
from mlp_exp.tasks.task import Task

log = logging.getLogger(__name__)

MOST_ROWS, FEWEST_ROWS = 100_000, 1_000
MOST_VALUES = 20_000_000
"""Numbers that a model is fitted to, times its outputs; of more, some rows are drawn, 1,000 to 100,000."""
THREAD_VALUES = 1_000_000
"""Fewer numbers are fitted to on one thread: several would wait for each other."""
BLOCK_VALUES = 10_000_000
"""Numbers that are in memory at once for predictions."""


class NoBaselines:
    """Computes none."""

    def compute(
        self, dataset: Dataset, parts: Parts, encoded: Sequence[NDArray[np.float32]], task: Task
    ) -> Mapping[str, Baseline]:
        """No baselines; see `Baselines`."""
        return {}


class Baselines(NoBaselines):
    """A constant, a linear model and gradient boosting, fitted to the training part without any tuning.

    They see the same features as the network, not its preprocessing: standardised and one-hot (linear), or as they are
    (boosting). Of large data a random part of the training rows is enough: at most 100,000, and fewer of many columns
    and outputs (`Baseline.rows` says how many). Weights of rows count in training and in metrics.
    """

    def compute(
        self, dataset: Dataset, parts: Parts, encoded: Sequence[NDArray[np.float32]], task: Task
    ) -> Mapping[str, Baseline]:
        """The metrics of the validation and test part, or of the training part where there is no validation part.

        Args:
            dataset: the run's, divided into `parts`.
            encoded: columns of texts as numbers `[N, …]`.
            task: what is predicted, and the metrics.

        Returns:
            By name, the constant first. One that fails is left out, with a line in the log.
        """
        inputs = BaselineInputs(dataset, encoded, parts.train)
        some = _some(parts.train, MOST_VALUES // max(1, inputs.width * task.answers_width))
        answers = partial(constant, task)
        kinds: list[_Kind] = [
            _Kind(constant_name(task), _nothing, lambda training: _always(answers(training)), parts.train),
            _Kind(LINEAR, inputs.for_linear, partial(Linear().fit, task), some),
            _Kind(BOOSTING, inputs.for_boosting, partial(Boosting(inputs.is_category).fit, task), some),
        ]
        with _threads(len(some) * inputs.width * task.answers_width):
            found = {kind.name: _tried(kind, dataset, parts, task) for kind in kinds}
        return {name: baseline for name, baseline in found.items() if baseline}


@contextmanager
def _threads(values: int) -> Iterator[None]:
    """Inside, so many numbers are fitted to on one thread, or on all cores but one, which may draw figures."""
    import_module("sklearn.ensemble")  # only the threads of libraries that are loaded are limited
    with threadpool_limits(1 if values < THREAD_VALUES else max(1, cores() - 1)):
        yield


class _Kind(NamedTuple):
    """A baseline that is not fitted yet."""

    name: str
    inputs: Callable[[Rows], Floats]
    fit: Callable[[Training], Answer]
    rows: Rows


def _nothing(rows: Rows) -> Floats:
    return np.empty((len(rows), 0))


def _always(answers: Floats) -> Answer:
    return lambda inputs: np.tile(answers, (len(inputs), 1))


def _tried(kind: _Kind, dataset: Dataset, parts: Parts, task: Task) -> Baseline | None:
    """The baseline; None, with a line in the log, if it fails."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # of what has not converged, say
            return _baseline(kind, dataset, parts, task)
    except Exception as error:  # scikit-learn, or one's own metric, may raise anything
        log.warning("the baseline '%s' is left out: %s", kind.name, error)
        return None


def _baseline(kind: _Kind, dataset: Dataset, parts: Parts, task: Task) -> Baseline:
    begun = time.perf_counter()
    inputs = kind.inputs(kind.rows)
    answer = kind.fit(Training(inputs, dataset.target[kind.rows], dataset.weights_of(kind.rows)))
    block = max(1, BLOCK_VALUES // max(1, inputs.shape[1]))
    metrics = {}
    for name, rows in parts.items():
        if name == "train" and len(parts.val):
            continue
        blocks = (rows[start : start + block] for start in range(0, len(rows), block))
        answers = np.concatenate([answer(kind.inputs(each)) for each in blocks])
        if not np.isfinite(answers).all():
            raise ValueError("its predictions are not all finite numbers")
        of = task.predictions(dataset.target[rows], answers, dataset.weights_of(rows))
        metrics[name] = evaluate(task.metrics, of).values
    return Baseline(metrics=metrics, rows=len(kind.rows), seconds=time.perf_counter() - begun)


def _some(rows: Rows, most: int) -> Rows:
    """Rows, or of many a random part."""
    most = min(max(most, FEWEST_ROWS), MOST_ROWS)
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(0).choice(rows, most, replace=False))

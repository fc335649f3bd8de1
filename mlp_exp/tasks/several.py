"""Tasks with several targets: each is a task of its own, and metrics are means over them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mlp_exp.data.dataset import TargetColumn
from mlp_exp.data.statistics import Floats
from mlp_exp.data.target_scaling import TargetScaling
from mlp_exp.tasks.classification import BinaryClassification
from mlp_exp.tasks.metrics import Metric, Predictions
from mlp_exp.tasks.regression import Regression
from mlp_exp.tasks.task import Column, Task, deviation_of


@dataclass(frozen=True)
class SeveralPredictions(Predictions):
    """Those of each target, of the same rows."""

    names: tuple[str, ...]
    parts: tuple[Predictions, ...]

    @property
    def target(self) -> NDArray[Any]:
        """`[..., n, T]`."""
        return np.stack([part.target for part in self.parts], axis=-1)

    @property
    def predicted(self) -> NDArray[Any]:
        """`[..., n, T]`."""
        return np.stack([part.predicted for part in self.parts], axis=-1)

    @property
    def weights(self) -> Floats | None:
        return self.parts[0].weights

    @property
    def n_rows(self) -> int:
        return self.parts[0].n_rows

    def resampled(self, counts: NDArray[Any]) -> Self:
        return replace(self, parts=tuple(part.resampled(counts) for part in self.parts))

    def alone(self) -> Iterator[Self]:
        for parts in zip(*(part.alone() for part in self.parts), strict=True):
            yield replace(self, parts=parts)

    def one_by_one(self, compute: Callable[[Self], float]) -> Any:
        shape = np.shape(self.parts[0].weight)
        found = np.array([compute(each) for each in self.alone()], np.float64)
        return found.reshape(shape) if found.size == np.prod(shape) else found


def _mean_of(metric: Metric[Any]) -> Metric[SeveralPredictions]:
    def compute(of: SeveralPredictions) -> Floats:
        found = [metric.compute(part) for part in of.parts]
        total: Floats = sum(found[1:], start=found[0])  # not np.mean, whose order of terms depends on the shape
        return total / len(found)

    def undefined(of: SeveralPredictions) -> str | None:
        reasons = zip(of.names, map(metric.undefined, of.parts), strict=True)
        return next((f"{name}: {reason}" for name, reason in reasons if reason), None)

    return Metric(metric.larger_is_better, compute, undefined, metric.one_by_one)


def _of_one(metric: Metric[Any], place: int) -> Metric[SeveralPredictions]:
    return Metric(
        metric.larger_is_better,
        lambda of: metric.compute(of.parts[place]),
        lambda of: metric.undefined(of.parts[place]),
        metric.one_by_one,
    )


class SeveralTargets(Task):
    """Several targets; answers are `[..., n, T]`.

    Metrics by the name that they have for one target are the mean over targets; those of a single one are called
    `rmse_TARGET`.
    """

    def __init__(self, targets: Sequence[TargetColumn], alone: Callable[[Sequence[TargetColumn]], Task]) -> None:
        self._alone = [alone([target]) for target in targets]
        self.names = tuple(target.name for target in targets)
        super().__init__(targets)

    @property
    def defaults(self) -> Sequence[str]:
        own = [f"{name}_{target}" for target in self.names for name in self.headlines]
        return [*self._alone[0].defaults, *own]

    def _known(self) -> Mapping[str, Metric[Any]]:
        known = self._alone[0].known
        own = {
            f"{name}_{target}": _of_one(metric, place)
            for place, target in enumerate(self.names)
            for name, metric in known.items()
        }
        return {name: _mean_of(metric) for name, metric in known.items()} | own

    def _answers_for(self, answers: Floats, place: int) -> Floats:
        """What the task of one target takes."""
        return answers[..., place, None]

    def predictions(self, target: NDArray[Any], answers: Floats, weights: Floats | None = None) -> Predictions:
        parts = (
            task.predictions(target[..., place], self._answers_for(answers, place), weights)
            for place, task in enumerate(self._decided)
        )
        return SeveralPredictions(names=self.names, parts=tuple(parts))

    @property
    def example(self) -> Predictions:
        return SeveralPredictions(self.names, tuple(task.example for task in self._alone))

    @property
    def _decided(self) -> list[Task]:
        return self._alone

    @property
    def answer_names(self) -> list[str]:
        return list(self.names)

    def columns(self, answers: Floats) -> Mapping[str, Column]:
        return {f"prediction_{name}": answers[:, place] for place, name in enumerate(self.names)}

    def spread(self, answers: Sequence[Floats], weights: Sequence[float]) -> Mapping[str, Floats]:
        """Of two classes it is the same for both."""
        deviations = deviation_of(answers, weights)
        return {f"spread_{name}": deviations[:, place] for place, name in enumerate(self.names)}


class SeveralValues(SeveralTargets):
    """Several values, each scaled by itself. They may differ in unit, so that R² is compared: it has none."""

    name = "regression"
    headlines: tuple[str, ...] = ("r2", "rmse")
    history_metric = "r2"
    ranking = "r2"

    def __init__(
        self, targets: Sequence[TargetColumn], alone: Callable[[Sequence[TargetColumn]], Task] = Regression
    ) -> None:
        if alone is not Regression:
            first = alone(targets[:1])
            self.headlines, self.history_metric, self.ranking = first.headlines, first.history_metric, first.ranking
        super().__init__(targets, alone)

    def in_unit(self, answers: Floats, scaling: TargetScaling) -> Floats:
        return scaling.unit(answers)


class Multilabel(SeveralTargets):
    """Several targets of two classes each; answers are the probabilities of the second ones."""

    name = "multilabel"
    has_classes = True
    answers_name = "probabilities"
    headlines = ("accuracy", "f1", "log_loss")
    history_metric = "accuracy"
    ranking = "log_loss"

    def __init__(self, targets: Sequence[TargetColumn]) -> None:
        super().__init__(targets, BinaryClassification)
        self.thresholds = (0.5,) * len(self.targets)

    @property
    def _decided(self) -> list[Task]:
        return [task.decided_at([at]) for task, at in zip(self._alone, self.thresholds, strict=True)]

    def _answers_for(self, answers: Floats, place: int) -> Floats:
        second = answers[..., place]
        return np.stack([1 - second, second], axis=-1)

    def columns(self, answers: Floats) -> Mapping[str, Column]:
        columns: dict[str, Column] = {}
        for place, task in enumerate(self._decided):
            name = self.names[place]
            columns[f"prediction_{name}"] = task.columns(self._answers_for(answers, place))["prediction"]
            columns[f"probability_{name}"] = answers[:, place]
        return columns

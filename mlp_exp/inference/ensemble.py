"""The average of the predictions of several trained runs; a single run is an ensemble of one."""

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from mlp_exp.data.statistics import Floats
from mlp_exp.errors import RunFolderError
from mlp_exp.inference.predictor import Predictor
from mlp_exp.inference.trained_run import TrainedRun


class Ensemble(Predictor):
    """Trained runs, one at least, that predict the same; preprocessing that several of them share is done once.

    The `first` stands for all in what they have in common. Raises RunFolderError if they do not predict the same.

    Example:
        Ensemble([load("RUN"), load("OTHER_RUN")]).predict_proba(columns)
    """

    def __init__(self, runs: Sequence[TrainedRun]) -> None:
        self.runs = list(runs)
        first = self.first = self.runs[0]
        for run in self.runs[1:]:
            _require_alike(first, run)
        self.class_names, self.target_name = first.class_names, first.target_name
        self.feature_schema = first.feature_schema
        self._groups = [  # runs that read columns in the same way; of these, runs with the same preprocessing
            _grouped(same_columns, lambda run: repr(run.preprocessing.state()))
            for same_columns in _grouped(self.runs, lambda run: repr(run.feature_schema))
        ]

    @property
    def inputs_width(self) -> int:
        return max(run.inputs_width for run in self.runs)

    @property
    def names(self) -> list[str]:
        """The columns that are needed, of all runs."""
        return list(dict.fromkeys(name for run in self.runs for name in run.feature_schema.names))

    def check(self, names: Sequence[str], where: str) -> None:
        for run in self.runs:
            run.check(names, where)

    def outputs(self, table: pa.Table, where: str, first_row: int = 0) -> Floats:
        total: Any = 0.0
        for same_columns in self._groups:
            features, categories, texts = same_columns[0][0].feature_schema.features(table, where, first_row)
            for same_inputs in same_columns:
                preprocessing = same_inputs[0].preprocessing
                inputs = preprocessing.inputs(features, categories, preprocessing.encoded(texts))
                for run in same_inputs:
                    total = total + run.outputs_of_inputs(inputs)
        mean: Floats = total / len(self.runs)
        return mean


def _grouped(runs: Sequence[TrainedRun], key: Callable[[TrainedRun], str]) -> list[list[TrainedRun]]:
    groups: dict[str, list[TrainedRun]] = {}
    for run in runs:
        groups.setdefault(key(run), []).append(run)
    return list(groups.values())


def _require_alike(first: TrainedRun, run: TrainedRun) -> None:
    """Raises RunFolderError unless the average of both is meaningful."""
    for name, one, other in (
        ("target", first.target_name, run.target_name),
        ("task", first.task, run.task),
        ("classes", ", ".join(first.class_names), ", ".join(run.class_names)),
        ("data.separator", first.reading.separator, run.reading.separator),
        ("data.encoding", first.reading.encoding, run.reading.encoding),
    ):
        if one != other:
            raise RunFolderError(
                f"{run.folder}: its {name} is {other!r}, and that of {first.folder} is {one!r}; the average of runs "
                "is for those that predict the same"
            )

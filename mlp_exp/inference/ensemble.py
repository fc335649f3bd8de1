"""The average of the predictions of several trained runs; a single run is an ensemble of one."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlp_exp.data.row_hashes import MOST_ROWS, row_hashes
from mlp_exp.data.statistics import Floats
from mlp_exp.data.table.misfits import Misfits
from mlp_exp.errors import RunFolderError
from mlp_exp.inference.predictor import Predictor
from mlp_exp.inference.trained_run import TrainedRun
from mlp_exp.tasks.task import Task

GroupInputs = tuple[list[TrainedRun], NDArray[np.float32]]


class Ensemble(Predictor):
    """Trained runs, one at least, that predict the same; preprocessing that several of them share is done once.

    The `first` stands for all in what they have in common. Raises RunFolderError if they do not predict the same.

    Attributes:
        groups: the runs that read columns in the same way; of each such group, the runs with the same preprocessing.

    Example:
        Ensemble([load("RUN"), load("OTHER_RUN")]).predict_proba(columns)
    """

    def __init__(self, runs: Sequence[TrainedRun]) -> None:
        self.runs = list(runs)
        first = self.first = self.runs[0]
        for run in self.runs[1:]:
            _require_alike(first, run)
        self.feature_schema = first.feature_schema
        self.groups = [
            _grouped(same_columns, lambda run: repr(run.preprocessing.state()))
            for same_columns in _grouped(self.runs, lambda run: repr(run.feature_schema))
        ]

    @property
    def task(self) -> Task:
        """That of the runs; thresholds are the means of theirs."""
        task = self.first.task
        return task.decided_at(np.mean([run.task.thresholds for run in self.runs], axis=0).tolist())

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

    @property
    def knows_some_rows_alone(self) -> bool:
        """Whether a row that is not found among the training rows may be one all the same."""
        return any(len(run.training_rows) == MOST_ROWS for run in self.runs)

    def outputs(self, table: pa.Table, misfits: Misfits) -> Floats:
        return self.outputs_of_inputs(self.inputs(table, misfits))

    def outputs_and_seen(self, table: pa.Table, misfits: Misfits) -> tuple[Floats, NDArray[np.bool_]]:
        """What `outputs` gives, and `[N]` whether a row equals a training row of any run, as its network sees it."""
        groups = list(self.inputs(table, misfits))
        seen = np.zeros(len(table), dtype=np.bool_)
        for runs, inputs in groups:
            hashes = row_hashes(inputs)
            for run in runs:
                seen |= np.isin(hashes, run.training_rows)
        return self.outputs_of_inputs(groups), seen

    def inputs(self, table: pa.Table, misfits: Misfits) -> Iterator[GroupInputs]:
        """Runs with the same preprocessing, and their preprocessed rows `[N, W]`; arguments and errors of `outputs`."""
        for same_columns in self.groups:
            features, categories, texts = same_columns[0][0].feature_schema.features(table, misfits)
            for same_inputs in same_columns:
                preprocessing = same_inputs[0].preprocessing
                for vocabulary, category in zip(preprocessing.vocabularies, categories, strict=True):
                    misfits.add_unseen(category.name, category.codes, category.texts, set(vocabulary.texts))
                yield same_inputs, preprocessing.inputs(features, categories, preprocessing.encoded(texts))

    def outputs_of_inputs(self, groups: Iterable[GroupInputs]) -> Floats:
        """The mean over the runs of all groups, as `outputs` gives it."""
        return self.task.mean([run.outputs_of_inputs(inputs) for runs, inputs in groups for run in runs])


def _grouped(runs: Sequence[TrainedRun], key: Callable[[TrainedRun], str]) -> list[list[TrainedRun]]:
    groups: dict[str, list[TrainedRun]] = {}
    for run in runs:
        groups.setdefault(key(run), []).append(run)
    return list(groups.values())


def _classes(run: TrainedRun) -> str:
    return "; ".join(", ".join(target.class_names) for target in run.task.targets)


def _require_alike(first: TrainedRun, run: TrainedRun) -> None:
    """Raises RunFolderError unless the average of both is meaningful."""
    for name, one, other in (
        ("target", first.target_name, run.target_name),
        ("task", first.task.name, run.task.name),
        ("classes", _classes(first), _classes(run)),
        ("output", *(", ".join(each.task.column_names) for each in (first, run))),
        ("data.separator", first.reading.separator, run.reading.separator),
        ("data.encoding", first.reading.encoding, run.reading.encoding),
    ):
        if one != other:
            raise RunFolderError(
                f"{run.folder}: its {name} is {other!r}, and that of {first.folder} is {one!r}; the average of runs "
                "is for those that predict the same"
            )

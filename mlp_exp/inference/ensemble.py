"""The average of the predictions of several networks; a single one is an ensemble of one."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from torch import nn

from mlp_exp.data.row_hashes import MOST_ROWS, row_hashes
from mlp_exp.data.statistics import Floats
from mlp_exp.data.table.misfits import Misfits
from mlp_exp.errors import DataError, RunFolderError
from mlp_exp.inference.predictor import CHUNK_VALUES, Predictor
from mlp_exp.inference.trained_run import TrainedRun
from mlp_exp.tasks.task import Task

GroupInputs = tuple[list[TrainedRun], NDArray[np.float32]]


class Ensemble(Predictor):
    """Networks, one at least, that predict the same; preprocessing that several of them share is done once.

    The `first` stands for all in what they have in common.

    Args:
        runs: with a network each, or ensembles, whose networks share the weight of one run.
        weights: how much each of the runs counts, above 0; None if all count the same.

    Attributes:
        runs: the networks; those with the same preprocessing stand side by side.
        weights: of each of these, with the sum 1.
        groups: the runs that read columns in the same way; of each such group, the runs with the same preprocessing.

    Raises:
        RunFolderError: the runs do not predict the same.

    >>> Ensemble([load("SWEEP/0"), load("SWEEP/1")], weights=[2, 1])
    Ensemble for 'income': binary, 2 networks, SWEEP
    """

    def __init__(self, runs: "Sequence[TrainedRun | Ensemble]", weights: Sequence[float] | None = None) -> None:
        networks, shares = _networks(runs, weights or [1.0] * len(runs))
        first = self.first = networks[0]
        for run in networks[1:]:
            _require_alike(first, run)
        self.folder = _common_folder(networks)
        self.member = first.member if len(networks) == 1 else None
        self.feature_schema = first.feature_schema
        places = [
            _grouped(networks, same_columns, lambda run: run.preprocessing, lambda each: repr(each.state()))
            for same_columns in _grouped(networks, range(len(networks)), lambda run: run.feature_schema, repr)
        ]
        self.groups = [[[networks[place] for place in group] for group in same_columns] for same_columns in places]
        order = [place for same_columns in places for group in same_columns for place in group]
        self.runs = [networks[place] for place in order]
        self.weights = [shares[place] / sum(shares) for place in order]

    @property
    def module(self) -> nn.ModuleList:
        """The networks alone, in the order of `runs`: each as that of a `TrainedRun`."""
        return nn.ModuleList(run.module for run in self.runs).eval()

    @property
    def task(self) -> Task:
        """That of the runs; thresholds are the means of theirs."""
        return self.first.task.decided_by([run.task for run in self.runs], self.weights)

    @property
    def networks(self) -> list[TrainedRun]:
        return self.runs

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

    @property
    def chunk_rows(self) -> int:
        """Fewer where the answers of very many networks would be larger than what one of them is given."""
        return max(1, min(super().chunk_rows, CHUNK_VALUES // (len(self.runs) * self.task.answers_width)))

    def outputs(self, table: pa.Table, misfits: Misfits) -> Floats:
        return self.mean(self.answers(self.inputs(table, misfits)))

    def answers_and_seen(self, table: pa.Table, misfits: Misfits) -> tuple[list[Floats], NDArray[np.bool_]]:
        """What `answers` gives for a table, and `[N]` whether a row equals a training row of any run, as its network
        sees it; arguments and errors of `outputs`.
        """
        groups = list(self.inputs(table, misfits))
        seen = np.zeros(len(table), dtype=np.bool_)
        for runs, inputs in groups:
            hashes = row_hashes(inputs)
            for rows in {id(run.training_rows): run.training_rows for run in runs}.values():
                seen |= np.isin(hashes, rows)
        return self.answers(groups), seen

    def inputs(self, table: pa.Table, misfits: Misfits) -> Iterator[GroupInputs]:
        """Runs with the same preprocessing, and their preprocessed rows `[N, W]`; arguments and errors of `outputs`."""
        for same_columns in self.groups:
            features, categories, texts = same_columns[0][0].feature_schema.features(table, misfits)
            for same_inputs in same_columns:
                preprocessing = same_inputs[0].preprocessing
                same_inputs[0].count_unseen(categories, misfits)
                yield same_inputs, preprocessing.inputs(features, categories, preprocessing.encoded(texts))

    def answers(self, groups: Iterable[GroupInputs]) -> list[Floats]:
        """The answers `[N, A]` of each of the runs to what `inputs` gives."""
        return [run.outputs_of_inputs(inputs) for runs, inputs in groups for run in runs]

    def mean(self, answers: Sequence[Floats]) -> Floats:
        """The answers `[N, A]` of all runs together, from those of each."""
        return self.first.task.mean(answers, self.weights)

    def spread(self, answers: Sequence[Floats]) -> Mapping[str, Floats]:
        """How far the runs are apart, by the names of columns `[N]`, from the answers of each.

        Raises DataError if there is only one network.
        """
        if len(self.runs) == 1:
            raise DataError(
                f"--spread: expected several networks, which can differ, and {self.first.folder} has one. Name several "
                "runs, a sweep with --top, or a run that is an ensemble"
            )
        return self.task.spread(answers, self.weights)


def _networks(
    runs: "Sequence[TrainedRun | Ensemble]", weights: Sequence[float]
) -> tuple[list[TrainedRun], list[float]]:
    """The networks of all runs, and how much each counts."""
    networks: list[TrainedRun] = []
    shares: list[float] = []
    for run, weight in zip(runs, weights, strict=True):
        inside, parts = (run.runs, run.weights) if isinstance(run, Ensemble) else ([run], [1.0])
        networks += inside
        shares += [weight * part for part in parts]
    return networks, shares


def _common_folder(networks: Sequence[TrainedRun]) -> Path:
    """That of the run that all are of, or the one that holds the runs."""
    folders = list(dict.fromkeys(run.folder for run in networks))
    if len(folders) > 1 and any(folder.is_absolute() for folder in folders):
        folders = [folder.absolute() for folder in folders]
    return Path(os.path.commonpath(folders))


def _grouped(
    runs: Sequence[TrainedRun],
    places: Iterable[int],
    part: Callable[[TrainedRun], Any],
    text: Callable[[Any], str],
) -> list[list[int]]:
    """The places of runs, grouped by the text of a part; one that networks share is written out once."""
    texts: dict[int, str] = {}
    groups: dict[str, list[int]] = {}
    for place in places:
        own = part(runs[place])
        if id(own) not in texts:
            texts[id(own)] = text(own)
        groups.setdefault(texts[id(own)], []).append(place)
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

"""What trained runs show of themselves: how they trained, how good they are, and in a notebook both."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from mlp_exp.data.table.frames import native_frame
from mlp_exp.display.html import curves_html, scores_html, table_html
from mlp_exp.errors import RunFolderError
from mlp_exp.inference.record import headlines_of, history_of, metrics_of, result_of
from mlp_exp.storage.columns import MEMBER
from mlp_exp.tasks.task import Task

MOST_NETWORKS = 20
"""That have a line in a notebook."""


class Recorded(ABC):
    """One network or several, and what their training has left in their folders.

    Attributes:
        folder: that of the run; of several runs the one that holds them all.
        member: which network it is of a run that is an ensemble, from 0; None of any other run.
    """

    folder: Path
    member: int | None = None

    @property
    @abstractmethod
    def task(self) -> Task:
        """What is predicted, of which columns."""

    @property
    @abstractmethod
    def networks(self) -> "Sequence[Recorded]":
        """Each network, as a run of its own."""

    @property
    def target_name(self) -> str:
        return ", ".join(target.name for target in self.task.targets)

    @property
    def history(self) -> Any:
        """A row for each epoch, as a data frame of pandas or polars; of several networks with a column `member`.

        Raises:
            RunFolderError: the folder has no history, as that of runs which were chosen and saved as one.
            DataError: neither pandas nor polars is installed.

        >>> list(load("RUN").history.columns)
        ['epoch', 'lr', 'train_loss', 'val_loss', 'val_accuracy', 'seconds']
        """
        if len(self.networks) == 1:
            return native_frame(history_of(self.folder, self.member))
        parts = []
        for number, network in enumerate(self.networks):
            epochs = history_of(network.folder, network.member)
            parts.append(epochs.add_column(1, MEMBER, pa.array([number] * len(epochs), pa.int64())))
        return native_frame(pa.concat_tables(parts, promote_options="default"))

    @property
    def metrics(self) -> Any:
        """A row for each part and metric, as a data frame of pandas or polars; of several runs with their `folder`.

        Columns: `part`, `metric`, `value`; and `low` and `high`, the ends of a 95 % interval, for the test part.
        Errors of `history`.

        >>> load("RUN").metrics.query("part == 'val' and metric == 'accuracy'").value.item()
        1.0
        """
        if self._is_one:
            return native_frame(metrics_of(result_of(self.folder, self.member)))
        parts = []
        for folder in dict.fromkeys(network.folder for network in self.networks):
            rows = metrics_of(result_of(folder))
            parts.append(rows.add_column(0, "folder", pa.array([str(folder)] * len(rows), pa.string())))
        return native_frame(pa.concat_tables(parts, promote_options="default"))

    @property
    def _is_one(self) -> bool:
        """Whether it is one run, of one network or several."""
        return len({network.folder for network in self.networks}) == 1

    @property
    def _title(self) -> str:
        count = len(self.networks)
        kind = f"{self.task.name}, {count} networks" if count > 1 else self.task.name
        return f"{type(self).__name__} for '{self.target_name}': {kind}"

    @property
    def _place(self) -> str:
        return str(self.folder) if self.member is None else f"network {self.member} of {self.folder}"

    def _result(self) -> dict[str, Any] | None:
        """That of a single run, as far as there is one that can be read."""
        try:
            return result_of(self.folder, self.member) if self._is_one else None
        except (RunFolderError, OSError):
            return None

    def __repr__(self) -> str:
        result = self._result()
        return ", ".join([self._title, *(headlines_of(result) if result else []), self._place])

    def _repr_html_(self) -> str:
        """In a notebook: of a single run its metrics, and its losses by epoch; of several a line for each."""
        result = self._result()
        if result is None:
            rows = [[repr(network)] for network in self.networks]
            return table_html(f"{self._title}, {self._place}", [], rows, MOST_NETWORKS)
        metrics, reasons, intervals = (result.get(key, {}) for key in ("metrics", "undefined", "intervals"))
        scores = scores_html(f"{self._title}, {self._place}", metrics, reasons, intervals)
        try:
            epochs = history_of(self.folder, self.member).to_pydict()
        except (RunFolderError, OSError):  # of runs that were chosen and saved as one there is none
            return scores
        return f"<div>{scores}{curves_html(epochs, result.get('best_epoch', 0))}</div>"

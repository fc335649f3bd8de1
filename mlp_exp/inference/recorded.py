"""What trained runs show of themselves: how they trained, how good they are, and in a notebook both."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from mlp_exp.data.table.frames import native_frame
from mlp_exp.display.html import curves_html, scores_html
from mlp_exp.errors import RunFolderError
from mlp_exp.inference.record import headlines_of, history_of, metrics_of
from mlp_exp.storage.columns import MEMBER
from mlp_exp.storage.run_folder import RunFolder
from mlp_exp.tasks.task import Task


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
        folders = self._folders
        if len(folders) == 1:
            return native_frame(metrics_of(folders[0]))
        parts = []
        for folder in folders:
            rows = metrics_of(folder)
            parts.append(rows.add_column(0, "folder", pa.array([str(folder)] * len(rows), pa.string())))
        return native_frame(pa.concat_tables(parts, promote_options="default"))

    @property
    def _folders(self) -> list[Path]:
        return list(dict.fromkeys(network.folder for network in self.networks))

    def __repr__(self) -> str:
        count = len(self.networks)
        kind = [self.task.name, *([f"{count} networks"] if count > 1 else [])]
        headlines = headlines_of(self._folders[0]) if len(self._folders) == 1 else []
        return f"{type(self).__name__} for '{self.target_name}': {', '.join([*kind, *headlines, str(self.folder)])}"

    def _repr_html_(self) -> str:
        """In a notebook: the metrics of each run, and the losses of a single one by epoch."""
        shown = []
        for folder in self._folders:
            run = RunFolder(folder)
            try:
                result, columns = run.result() or {"metrics": {}}, run.history_columns
            except RunFolderError:  # a folder that is damaged, or gone, leaves nothing to show
                continue
            title = repr(self) if len(self._folders) == 1 else str(folder)
            shown.append(
                scores_html(title, result["metrics"], result.get("undefined", {}), result.get("intervals", {}))
            )
            if columns and len(self._folders) == 1:
                shown.append(curves_html(history_of(folder).to_pydict(), result.get("best_epoch", 0)))
        return f"<div>{''.join(shown)}</div>"

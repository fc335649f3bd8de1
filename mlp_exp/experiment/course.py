"""How one network of a run trains: its epochs so far, and how it has ended."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean

from mlp_exp.engine.state import MemberState
from mlp_exp.errors import DivergedError, describe
from mlp_exp.storage.run_folder import DONE
from mlp_exp.training.loop import Trainee
from mlp_exp.training.records import EpochRecord

History = list[list[float]]
"""A row for each epoch."""


@dataclass
class Course:
    """One network while it trains.

    Attributes:
        columns: of the history.
        status, reason: how it has ended, and why, if it diverged or failed.
        error: that has ended it.
        state: of the training at its end.
    """

    trainee: Trainee
    columns: Sequence[str]
    history: History = field(default_factory=list)
    status: str = "interrupted"
    reason: str | None = None
    error: Exception | None = None
    state: MemberState | None = None

    @property
    def over(self) -> bool:
        """Whether nothing is left to train."""
        return self.status in DONE

    @property
    def ended(self) -> bool:
        """Whether it has left the stack."""
        return self.over or self.status == "failed"

    def add(self, record: EpochRecord) -> None:
        """Adds an epoch."""
        found = record.columns
        self.history.append([found.get(column, math.nan) for column in self.columns])  # a failed callback gives none
        self.end(record)
        if self.ended:
            self.state = record.state()

    def value(self, column: str, epoch: int) -> float:
        """A column of the history; `val_loss` is the training loss without validation rows."""
        place = self.columns.index(column if column in self.columns else "train_loss")
        return self.history[epoch - 1][place]

    def replay(self, row: list[float]) -> EpochRecord:
        """Adds an epoch of an earlier training; all that decides on records sees it as it did then."""
        self.history.append(row)
        values = dict(zip(self.columns, row, strict=True))
        epoch, lr, train_loss, seconds = (values.pop(name) for name in ("epoch", "lr", "train_loss", "seconds"))
        val_loss = values.pop("val_loss", None)
        return self.trainee.judge(EpochRecord(0, int(epoch), lr, train_loss, val_loss, seconds, values))

    def end(self, record: EpochRecord) -> None:
        """Notes how it has ended, if it has with the epoch of a record."""
        self.status = record.status or self.status
        if record.status == "diverged":
            self.reason = str(DivergedError(record.epoch))
        if record.error:
            self.fail(record.error)

    def fail(self, error: Exception) -> None:
        """Notes that an error has ended it."""
        self.status, self.reason, self.error = "failed", describe(error), error

    def latest_state(self) -> MemberState | None:
        """Of the training at the end of the latest epoch, while the stack is there; None before the first."""
        if self.state or not self.trainee.latest:
            return self.state or self.trainee.state
        return self.trainee.latest.state()

    def catch_up(self) -> None:
        """Adds the epoch that an interrupt has kept from the history."""
        latest = self.trainee.latest
        if latest and latest.epoch == len(self.history) + 1:
            self.add(replace(latest, status=None))


def mean_record(records: Sequence[EpochRecord]) -> EpochRecord:
    """The record of an epoch of a run, from those of its networks that train."""
    first = records[0]
    if len(records) == 1:
        return first
    losses = [record.val_loss for record in records if record.val_loss is not None]
    metrics: Mapping[str, float] = {
        name: fmean(record.metrics[name] for record in records if name in record.metrics) for name in first.metrics
    }
    return replace(
        first,
        train_loss=fmean(record.train_loss for record in records),
        val_loss=fmean(losses) if losses else None,
        metrics=metrics,
        status=None,
        error=None,
    )


def mean_history(histories: Sequence[History]) -> History:
    """The history of a run: for each epoch the means over the networks that have trained it."""
    if len(histories) == 1:
        return histories[0]
    rows = []
    for epoch in range(max(map(len, histories))):
        columns = zip(*(history[epoch] for history in histories if epoch < len(history)), strict=True)
        rows.append([_mean(values) for values in columns])
    return rows


def _mean(values: Sequence[float]) -> float:
    """Of equal numbers, such as epochs, exactly these."""
    return values[0] if len(set(values)) == 1 else fmean(values)

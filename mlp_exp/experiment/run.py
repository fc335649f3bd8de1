"""A run while it trains: its part of a stack, its history, its folder."""

import logging
import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

from mlp_exp.data.dataset import Dataset
from mlp_exp.data.splits.base import Parts
from mlp_exp.engine.state import MemberState
from mlp_exp.errors import DivergedError, UntrustedError, describe
from mlp_exp.experiment.checkpoint import Checkpoint
from mlp_exp.experiment.components import Components
from mlp_exp.experiment.configs import EXTENDS, differences
from mlp_exp.experiment.plan import Plan
from mlp_exp.model.embedding import EmbeddedNetwork
from mlp_exp.storage.provenance import versions
from mlp_exp.storage.run_folder import DONE, RunFolder
from mlp_exp.tasks.head import Head
from mlp_exp.training.callbacks.callback import RunView
from mlp_exp.training.learning_rates import losses_by_rate
from mlp_exp.training.loop import Trainee
from mlp_exp.training.records import EpochRecord

log = logging.getLogger(__name__)

SHOWN_COLUMNS = 20
"""Of those that are left out, in the log."""


@dataclass
class Run:
    """A run that is ready to train, trains, or has trained.

    Attributes:
        columns: of the history.
        history: a row for each epoch so far, in the order of `columns`.
        reason: why it diverged or failed.
        stacked: how many runs trained together, this one among them.
        state: of the training at its end.
        head: that of the plan, with what was fitted after training.
    """

    plan: Plan
    trainee: Trainee
    folder: RunFolder
    history: list[list[float]] = field(default_factory=list)
    status: str = "interrupted"
    reason: str | None = None
    stacked: int = 1
    state: MemberState | None = None
    head: Head = field(init=False)
    columns: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.head = self.plan.head
        self.columns = self.plan.columns

    @property
    def components(self) -> Components:
        return self.plan.components

    @property
    def dataset(self) -> Dataset:
        return self.plan.components.dataset

    @property
    def parts(self) -> Parts:
        return self.plan.parts

    @property
    def best_epoch(self) -> int:
        return self.trainee.early_stopping.best_epoch

    @property
    def best_value(self) -> float:
        """Of what early stopping watches."""
        return self.trainee.early_stopping.best_value

    def begin(self) -> None:
        """Claims the folder, and logs what will be trained.

        Raises:
            RunFolderError: another run has begun there.
        """
        log.info("%s", self.description)
        left_out = [f"{c.name} ({c.note})" for c in self.dataset.columns if c.kind == "left out"]
        if left_out:
            more = f" and {len(left_out) - SHOWN_COLUMNS} more" if len(left_out) > SHOWN_COLUMNS else ""
            log.info("left out: %s%s", ", ".join(left_out[:SHOWN_COLUMNS]), more)
        checkpoint = self.plan.checkpoint
        if checkpoint is None:
            self.folder.claim(self.columns)
            return
        log.info("goes on after epoch %d", checkpoint.epoch)
        if checkpoint.versions != versions():
            log.warning("it began with other versions of packages; the last bits may differ")
        self.folder.clear()
        self.folder.claim(self.columns)
        self.write_history()
        if EXTENDS in differences(checkpoint.config, self.components.source):
            self.folder.save_extended(self.components.source, f"{EXTENDS}={self.plan.epochs}")

    def begin_callbacks(self, inside: Callable[[], AbstractContextManager[None]]) -> None:
        """Shows the run to its callbacks; `inside` makes the context in which they see its epochs."""
        trainee, validation = self.trainee, self.trainee.validation
        if not trainee.callbacks:
            return
        trainee.callbacks.inside = inside
        trainee.callbacks.begin(
            RunView(
                self.folder.path,
                self.components.config,
                self.plan.task,
                None if validation is None else validation.target,
                trainee.epochs,
                trainee.module,
                self._try_rates,
                [dict(zip(self.columns, row, strict=True)) for row in self.history],
            )
        )

    def _try_rates(self, rates: Sequence[float], epochs: int) -> list[float]:
        plan = self.plan
        return losses_by_rate(self.trainee, self.components.seed, rates, epochs, plan.batch_size, plan.device)

    def end_callbacks(self) -> Exception | None:
        """Tells the callbacks that the run has ended; returns the error of one that fails, and so the run."""
        try:
            self.trainee.callbacks.end(self.status, self.trainee.latest, len(self.history))
        except Exception as error:  # the user's own code may raise anything
            if self.over and not self.reason:
                self.fail(error)
                return error
            log.error("%s", error, exc_info=error)  # why it has ended stays as it is
        return None

    def add(self, record: EpochRecord) -> None:
        """Adds an epoch to the history."""
        found = record.columns
        self.history.append([found.get(column, math.nan) for column in self.columns])  # a failed callback gives none
        self.end(record)
        if self.over:
            self.state = record.state()

    def replay(self, row: list[float]) -> EpochRecord:
        """Adds an epoch of an earlier training; all that decides on records sees it as it did then."""
        self.history.append(row)
        values = dict(zip(self.columns, row, strict=True))
        epoch, lr, train_loss, seconds = (values.pop(name) for name in ("epoch", "lr", "train_loss", "seconds"))
        val_loss = values.pop("val_loss", None)
        return self.trainee.judge(EpochRecord(0, int(epoch), lr, train_loss, val_loss, seconds, values))

    def end(self, record: EpochRecord) -> None:
        """Marks a run that has ended with the epoch of a record."""
        self.status = record.status or self.status
        if record.status == "diverged":
            self.reason = str(DivergedError(record.epoch))
        if record.error:
            self.fail(record.error)

    def catch_up(self) -> None:
        """Adds the epoch that an interrupt has kept from the history."""
        latest = self.trainee.latest
        if latest and latest.epoch == len(self.history) + 1:
            self.add(replace(latest, status=None))

    def logs(self, record: EpochRecord) -> bool:
        """Whether the epoch is one for the log."""
        return record.epoch % self.components.trainer.log_every == 0 or record.status is not None

    def log_epoch(self, record: EpochRecord) -> None:
        log.info("epoch %d/%d: %s", record.epoch, self.trainee.epochs, losses(record))

    def fail(self, error: Exception) -> None:
        """Marks a run that an error has ended."""
        self.status, self.reason = "failed", describe(error)

    @property
    def description(self) -> str:
        """The run in one line."""
        dataset, parts, module = self.dataset, self.parts, self.trainee.module
        network = module.network if isinstance(module, EmbeddedNetwork) else module
        weights = sum(p.numel() for p in module.parameters())
        features = dataset.features.shape[1] + len(dataset.categories) + len(dataset.texts)
        what = f"{len(dataset.class_names)} classes" if dataset.class_names else f"target {dataset.target_name}"
        return (
            f"{len(dataset.target)} rows, {features} features, {what}; "
            f"train {len(parts.train)}, val {len(parts.val)}, test {len(parts.test)}; "
            f"{type(network).__name__} with {weights} parameters on {self.plan.device}; seed {self.components.seed}"
        )

    @property
    def summary(self) -> str:
        """How the run ended, in one line."""
        status, epochs = self.status.replace("_", " "), len(self.history)
        return f"{status} after {epochs} epochs, best epoch {self.best_epoch}: {self.folder.path}"

    def write_history(self) -> None:
        self.folder.write_history(self.columns, self.history)

    def write_checkpoint(self, state: MemberState | None) -> Checkpoint:
        """Saves all that the run needs to continue; `state` is that at the end of the latest epoch."""
        checkpoint = Checkpoint(
            self.components.source, self.plan.fingerprint, versions(), self.history, state, self.folder.checkpoint
        )
        try:
            checkpoint.write(self.folder)
        except UntrustedError as error:  # the user's own optimizer keeps what is not loaded again
            log.warning("the run cannot be resumed from here: %s", error)
        return checkpoint

    @property
    def over(self) -> bool:
        """Whether nothing is left to train."""
        return self.status in DONE


def losses(record: EpochRecord) -> str:
    """An epoch in words."""
    text = f"train loss {record.train_loss:.4f}"
    return text if record.val_loss is None else f"{text}, val loss {record.val_loss:.4f}"

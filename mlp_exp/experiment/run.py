"""A run while it trains: its part of a stack, its history, its folder."""

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from statistics import fmean, median_low

from mlp_exp.data.dataset import Dataset
from mlp_exp.data.splits.base import Parts
from mlp_exp.engine.state import MemberState
from mlp_exp.errors import UntrustedError, counted, describe
from mlp_exp.experiment.checkpoint import Checkpoint, Saved
from mlp_exp.experiment.components import Components
from mlp_exp.experiment.configs import EXTENDS, differences
from mlp_exp.experiment.course import Course, History, mean_history
from mlp_exp.experiment.plan import Plan
from mlp_exp.model.embedding import EmbeddedNetwork
from mlp_exp.storage.provenance import versions
from mlp_exp.storage.run_folder import RunFolder
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
        courses: how each of its networks trains; several are an ensemble.
        columns: of the history.
        failure: why it has failed as a whole.
        stacked: how many networks trained together, its own among them.
        head: that of the plan, with what was fitted after training.
        held_out: the value of what early stopping watches, where it is known of the networks together.
    """

    plan: Plan
    trainees: Sequence[Trainee]
    folder: RunFolder
    failure: str | None = None
    stacked: int = 1
    held_out: float | None = None
    head: Head = field(init=False)
    columns: list[str] = field(init=False)
    courses: list[Course] = field(init=False)

    def __post_init__(self) -> None:
        self.head = self.plan.head
        self.columns = self.plan.columns
        own = self.plan.own_columns(self.columns)
        self.courses = [Course(trainee, own) for trainee in self.trainees]

    @property
    def trainee(self) -> Trainee:
        """The first network, which stands for all in what they have in common."""
        return self.trainees[0]

    @property
    def history(self) -> History:
        """A row for each epoch so far, in the order of `columns`; of an ensemble the means."""
        rows = mean_history([course.history for course in self.courses])
        return [[*row[:-2], row[-1]] for row in rows] if self.plan.in_the_mean else rows

    @property
    def status(self) -> str:
        found = [course.status for course in self.courses]
        if self.failure:
            return "failed"
        # one that has failed or diverged is not averaged with the others
        ranked = ("failed", "interrupted", "diverged", "finished", "stopped_early")
        return min(found, key=ranked.index)

    @property
    def reason(self) -> str | None:
        """Why it diverged or failed."""
        reasons = [
            f"network {number}: {course.reason}" if len(self.courses) > 1 else course.reason
            for number, course in enumerate(self.courses)
            if course.reason
        ]
        return self.failure or next(iter(reasons), None)

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
    def best_epochs(self) -> list[int]:
        """Of each network; 0 before the first epoch."""
        return [trainee.early_stopping.best_epoch for trainee in self.trainees]

    @property
    def best_epoch(self) -> int:
        """Of an ensemble the median; 0 unless each network has one."""
        return median_low(self.best_epochs) if all(self.best_epochs) else 0

    @property
    def best_value(self) -> float:
        """Of what early stopping watches: of an ensemble the mean, until it is known of the networks together."""
        if self.held_out is not None:
            return self.held_out
        return fmean(trainee.early_stopping.best_value for trainee in self.trainees)

    @property
    def score(self) -> float:
        """The best value so that lower is better."""
        return fmean(trainee.early_stopping.score for trainee in self.trainees)

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
        """Shows the run to its callbacks, of an ensemble each network to its own; `inside` makes the context in which
        they see its epochs.
        """
        for member, course in enumerate(self.courses):
            trainee, validation = course.trainee, course.trainee.validation
            if not trainee.callbacks or course.ended:
                continue
            trainee.callbacks.inside = inside
            trainee.callbacks.begin(
                RunView(
                    self.folder.path if len(self.courses) == 1 else self.folder.of_member(member),
                    self.components.config,
                    self.plan.task,
                    None if validation is None else validation.target,
                    trainee.epochs,
                    trainee.module,
                    partial(self._try_rates, trainee),
                    [dict(zip(course.columns, row, strict=True)) for row in course.history],
                )
            )

    def _try_rates(self, trainee: Trainee, rates: Sequence[float], epochs: int) -> list[float]:
        plan = self.plan
        return losses_by_rate(trainee, self.components.seed, rates, epochs, plan.batch_size, plan.device)

    def end_callbacks(self) -> Exception | None:
        """Tells the callbacks that the run has ended; returns the error of one that fails, and so the run."""
        failed = None
        for course in self.courses:
            try:
                course.trainee.callbacks.end(course.status, course.trainee.latest, len(course.history))
            except Exception as error:  # the user's own code may raise anything
                if self.over and not self.reason:
                    self.fail(error)
                    failed = error
                else:
                    log.error("%s", error, exc_info=error)  # why it has ended stays as it is
        return failed

    def catch_up(self) -> None:
        """Adds the epoch that an interrupt has kept from the history."""
        for course in self.courses:
            course.catch_up()

    def logs(self, record: EpochRecord) -> bool:
        """Whether the epoch is one for the log."""
        return record.epoch % self.components.trainer.log_every == 0 or self.ended

    def log_epoch(self, record: EpochRecord) -> None:
        log.info("epoch %d/%d: %s", record.epoch, self.trainee.epochs, losses(record))

    def fail(self, error: Exception) -> None:
        """Marks a run that an error has ended."""
        self.failure = describe(error)

    @property
    def description(self) -> str:
        """The run in one line."""
        dataset, parts, module = self.dataset, self.parts, self.trainee.module
        network = module.network if isinstance(module, EmbeddedNetwork) else module
        weights = sum(p.numel() for p in module.parameters())
        features = dataset.features.shape[1] + len(dataset.categories) + len(dataset.texts)
        what = f"{len(dataset.class_names)} classes" if dataset.class_names else f"target {dataset.target_name}"
        networks = f"{len(self.courses)} networks, each " if len(self.courses) > 1 else ""
        known = f"train {len(parts.train)}, val {len(parts.val)}"
        if self.components.ensemble.divides:
            known = f"train and val {len(self.plan.known_rows)}"
        return (
            f"{counted(len(dataset.target), 'row')}, {counted(features, 'feature')}, {what}; "
            f"{known}, test {len(parts.test)}; {networks}"
            f"{type(network).__name__} with {counted(weights, 'parameter')} on {self.plan.device}; "
            f"seed {self.components.seed}"
        )

    @property
    def summary(self) -> str:
        """How the run ended, in one line."""
        status, epochs = self.status.replace("_", " "), counted(len(self.history), "epoch")
        return f"{status} after {epochs}, best epoch {self.best_epoch}: {self.folder.path}"

    def write_history(self) -> None:
        self.folder.write_history(self.columns, self.history)
        if len(self.courses) > 1:
            columns = self.courses[0].columns
            self.folder.write_member_histories(columns, [course.history for course in self.courses])

    def write_checkpoint(self, states: Sequence[MemberState | None]) -> Checkpoint:
        """Saves all that the run needs to continue; `states` are those of its networks at their latest epochs."""
        saved = [Saved(course.history, state) for course, state in zip(self.courses, states, strict=True)]
        checkpoint = Checkpoint(
            self.components.source, self.plan.fingerprint, versions(), saved, self.folder.checkpoint
        )
        try:
            checkpoint.write(self.folder)
        except UntrustedError as error:  # the user's own optimizer keeps what is not loaded again
            log.warning("the run cannot be resumed from here: %s", error)
        return checkpoint

    def latest_states(self) -> list[MemberState | None]:
        """The training of each network at the end of its latest epoch, while the stack is there."""
        return [course.latest_state() for course in self.courses]

    @property
    def error(self) -> Exception | None:
        """That has ended one of its networks."""
        return next((course.error for course in self.courses if course.error), None)

    @property
    def over(self) -> bool:
        """Whether nothing is left to train."""
        return not self.failure and all(course.over for course in self.courses)

    @property
    def ended(self) -> bool:
        """Whether all its networks have left the stack."""
        return all(course.ended for course in self.courses)


def losses(record: EpochRecord) -> str:
    """An epoch in words."""
    text = f"train loss {record.train_loss:.4f}"
    return text if record.val_loss is None else f"{text}, val loss {record.val_loss:.4f}"

"""A run while it lives: its member of a stack, its history, its folder."""

import logging
import math
from dataclasses import dataclass, field

import torch

from mlp_exp.artefacts.run_folder import DONE, MODEL, RunFolder
from mlp_exp.artefacts.provenance import versions
from mlp_exp.config.errors import ConfigError, DivergedError, RunFolderError, TrainingError, describe
from mlp_exp.data.dataset import Dataset
from mlp_exp.data.splits import Parts
from mlp_exp.experiment.checkpoint import Checkpoint
from mlp_exp.experiment.components import Components
from mlp_exp.experiment.network import build_network, check_network
from mlp_exp.experiment.plan import Plan
from mlp_exp.model.embedding import EmbeddedNetwork
from mlp_exp.training.loop import EpochRecord, Member, take_up
from mlp_exp.training.metrics import history_metric
from mlp_exp.training.schedulers import LearningRate
from mlp_exp.training.state import MemberState
from mlp_exp.training.streams import Streams

log = logging.getLogger(__name__)


@dataclass
class Run:
    """A run that is ready to train, trains, or has trained.

    Attributes:
        history: a row for each epoch so far, in the order of `columns`.
        reason: why it diverged or failed.
        stacked: how many runs trained together, this one among them.
        state: of the training where it came to its end.
    """

    plan: Plan
    member: Member
    folder: RunFolder
    history: list[list[float]] = field(default_factory=list)
    status: str = "interrupted"
    reason: str | None = None
    stacked: int = 1
    state: MemberState | None = None

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
    def columns(self) -> list[str]:
        """Of the history; those of the validation part are left out where there is none."""
        metric = history_metric(regression=self.member.loss.regression)
        validation = ["val_loss", f"val_{metric}"] if len(self.parts.val) else []
        return ["epoch", "lr", "train_loss", *validation, "seconds"]

    @property
    def best_epoch(self) -> int:
        return self.member.early_stopping.best_epoch

    @property
    def best_value(self) -> float:
        """Of what early stopping watches."""
        return self.member.early_stopping.best_value

    def begin(self) -> None:
        """Takes the folder, and says what will be trained.

        Raises:
            RunFolderError: another run has begun there.
        """
        log.info("%s", self.description)
        left_out = [f"{c.name} ({c.note})" for c in self.dataset.columns if c.kind == "left out"]
        if left_out:
            log.info("left out: %s", ", ".join(left_out))
        self.folder.claim(self.columns)
        checkpoint = self.plan.checkpoint
        if checkpoint:
            log.info("goes on after epoch %d", checkpoint.epoch)
            self.write_history()
            if checkpoint.versions != versions():
                log.warning("it began with other versions of packages; the last bits may differ")
        self.write_checkpoint(checkpoint.state if checkpoint else None)

    def add(self, record: EpochRecord) -> None:
        """Takes an epoch into the history."""
        validation = [v for v in (record.val_loss, record.val_metric) if v is not None]
        self.history.append([record.epoch, record.lr, record.train_loss, *validation, record.seconds])
        self.status = record.status or self.status
        if record.status == "diverged":
            self.reason = str(DivergedError(record.epoch))
        if record.error:
            self.fail(record.error)
        elif record.status:
            self.state = record.state()

    def logs(self, record: EpochRecord) -> bool:
        """Whether the epoch is one for the log."""
        return record.epoch % self.components.trainer.log_every == 0 or record.status is not None

    def log_epoch(self, record: EpochRecord) -> None:
        log.info("epoch %d/%d: %s", record.epoch, self.member.epochs, losses(record))

    def fail(self, error: Exception) -> None:
        """Marks a run that an error has ended."""
        self.status, self.reason = "failed", describe(error)

    @property
    def description(self) -> str:
        """The run in one line."""
        dataset, parts, module = self.dataset, self.parts, self.member.module
        network = module.network if isinstance(module, EmbeddedNetwork) else module
        weights = sum(p.numel() for p in module.parameters())
        what = f"{len(dataset.class_names)} classes" if dataset.class_names else f"target {dataset.target_name}"
        return (
            f"{len(dataset.target)} rows, {dataset.features.shape[1] + len(dataset.categories)} features, {what}; "
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

    def write_checkpoint(self, state: MemberState | None) -> None:
        """Saves how far it has come; `state` is that at the end of the latest epoch."""
        config, data = self.components.source, self.dataset.fingerprint
        Checkpoint(config, data, versions(), self.history, state, self.folder.checkpoint).write(self.folder)

    def take_history(self, rows: list[list[float]]) -> None:
        """Takes the epochs of an earlier training, and tells early stopping of them."""
        self.history = rows
        early_stopping = self.member.early_stopping
        watched = self.columns.index(early_stopping.monitor if early_stopping.monitor in self.columns else "train_loss")
        for row in rows:
            if all(map(math.isfinite, row)):  # else it diverged
                early_stopping.update(row[watched])

    def go_on(self, checkpoint: Checkpoint) -> None:
        """Takes up what an earlier command has trained.

        Raises:
            RunFolderError: the checkpoint is not that of such a run.
            ConfigError: with more epochs, earlier learning rates would have been others.
        """
        if any(len(row) != len(self.columns) for row in checkpoint.history):
            raise RunFolderError(f"{checkpoint.path}: expected rows of {', '.join(self.columns)} in its history")
        self.take_history(list(checkpoint.history))
        self._follow_schedule()
        self.member.state = checkpoint.state
        try:
            take_up(self.member, self.plan.batch_size, self.plan.device)
        except TrainingError as error:
            raise RunFolderError(f"{checkpoint.path}: expected a checkpoint of this run: {error}") from error
        self._end_if_over(checkpoint)

    def _end_if_over(self, checkpoint: Checkpoint) -> None:
        """Marks a run that had come to its end, and was killed before it could say so."""
        if not self.history:
            return
        if not all(map(math.isfinite, self.history[-1])):
            self.status, self.reason = "diverged", str(DivergedError(checkpoint.epoch))
        elif checkpoint.epoch >= self.member.epochs:
            self.status = "finished"
        elif self.member.early_stopping.stops:
            self.status = "stopped_early"
        if self.over:
            self.state = checkpoint.state

    @property
    def over(self) -> bool:
        """Whether nothing is left to train."""
        return self.status in DONE

    def _follow_schedule(self) -> None:
        """Brings the scheduler to where the history ends."""
        learning_rate = self.member.learning_rate
        lr, judged = (self.columns.index(name) for name in ("lr", "val_loss" if len(self.parts.val) else "train_loss"))
        for row in self.history:
            if not math.isfinite(row[judged]):
                return
            if row[lr] != learning_rate.value:
                raise ConfigError(
                    [
                        f"scheduler: in epoch {row[0]:.0f} the run had a learning rate of {row[lr]}, and with "
                        f"trainer.epochs={self.plan.epochs} it would have had {learning_rate.value}: the schedule depends on "
                        "the number of epochs. Train another run with it"
                    ]
                )
            learning_rate.advance(row[judged])


def prepare(plan: Plan, folder: RunFolder) -> Run:
    """Builds and initialises the network, and all else that the seed decides; takes up the plan's checkpoint."""
    components, trainer, loss = plan.components, plan.components.trainer, plan.loss
    streams = Streams(components.seed)
    data = plan.data()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(streams.weights)
        module = build_network(components.model, plan.preprocessing, loss.out_features)
        components.init.apply(module)
        check_network(module, data.inputs[:2], loss.out_features)
    validates = len(plan.parts.val) > 0
    early_stopping = components.early_stopping()
    early_stopping.begin(regression=loss.regression, validates=validates)
    check_monitor(early_stopping.monitor, regression=loss.regression, validates=validates)
    member = Member(
        data=data,
        module=module,
        loss=loss,
        optimizer=components.optimizer,
        optimizer_options=components.optimizer_options,
        learning_rate=LearningRate(float(components.optimizer_options["lr"]), components.scheduler(plan.epochs)),
        early_stopping=early_stopping,
        streams=streams,
        epochs=plan.epochs,
        clip_grad_norm=trainer.clip_grad_norm,
        average=trainer.average,
        target=plan.preprocessing.target,
    )
    run = Run(plan, member, folder)
    if plan.checkpoint:
        run.go_on(plan.checkpoint)
    return run


def load(plan: Plan, folder: RunFolder) -> Run:
    """A run that has trained, from its folder.

    Raises:
        RunFolderError: the folder does not hold it, or holds that of another configuration or of other data.
    """
    run = prepare(plan, folder)
    weights = folder.read_model()["state_dict"]
    try:
        run.member.module.load_state_dict(weights)
    except (RuntimeError, TypeError) as error:
        raise RunFolderError(
            f"{folder.path / MODEL}: expected a model of this project: its weights do not fit the network and the data "
            f"of its configuration, which may have changed since: {error}"
        ) from error
    run.take_history(folder.read_history(run.columns))
    return run


def check_monitor(monitor: str, *, regression: bool, validates: bool) -> None:
    """Raises ConfigError for a watched column that the history will not have."""
    metric = f"val_{history_metric(regression=regression)}"
    if monitor in ("val_loss", "train_loss") or (monitor == metric and validates):
        return
    columns = ["train_loss", "val_loss", "val_metric", *([metric] if validates else [])]
    raise ConfigError([f"early_stopping.monitor: expected one of {', '.join(columns)} for this data, got '{monitor}'"])


def losses(record: EpochRecord) -> str:
    """An epoch in words."""
    text = f"train loss {record.train_loss:.4f}"
    return text if record.val_loss is None else f"{text}, val loss {record.val_loss:.4f}"

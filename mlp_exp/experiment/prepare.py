"""From a plan to a run: one that begins, one that goes on from its checkpoint, or one that has trained."""

import torch

from mlp_exp.engine.streams import Streams
from mlp_exp.errors import ConfigError, DivergedError, RunFolderError, TrainingError
from mlp_exp.experiment.checkpoint import EXTENDS, Checkpoint
from mlp_exp.experiment.network import build_network, check_network, require_no_larger
from mlp_exp.experiment.plan import Plan
from mlp_exp.experiment.run import Run
from mlp_exp.model.mlp import MLP
from mlp_exp.storage.run_folder import MODEL, RunFolder
from mlp_exp.tasks.task import Task
from mlp_exp.training.loop import Member, take_up
from mlp_exp.training.schedulers import LearningRate


def prepare(plan: Plan, folder: RunFolder) -> Run:
    """Builds and initialises the network, and all else that the seed decides; takes up the plan's checkpoint."""
    components, trainer, loss = plan.components, plan.components.trainer, plan.loss
    if plan.checkpoint and plan.checkpoint.state and components.model_class is MLP:
        require_no_larger(components.model, plan.preprocessing, loss.out_features, plan.checkpoint.path)
    streams = Streams(components.seed)
    data = plan.data()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(streams.weights)
        module = build_network(components.model, plan.preprocessing, loss.out_features)
        components.init.apply(module)
        check_network(module, data.inputs[:2], loss.out_features)
    validates = len(plan.parts.val) > 0
    early_stopping = components.early_stopping()
    early_stopping.begin(plan.task, validates=validates)
    check_monitor(early_stopping.monitor, plan.task, validates=validates)
    member = Member(
        data=data,
        module=module,
        task=plan.task,
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
        _go_on(run, plan.checkpoint)
    return run


def _go_on(run: Run, checkpoint: Checkpoint) -> None:
    """Takes up what an earlier command has trained.

    Raises:
        RunFolderError: the checkpoint is not that of such a run.
        ConfigError: with more epochs, earlier learning rates would have been others.
    """
    if any(len(row) != len(run.columns) for row in checkpoint.history):
        raise RunFolderError(f"{checkpoint.path}: expected rows of {', '.join(run.columns)} in its history")
    if run.member.epochs < checkpoint.epoch:
        raise ConfigError(
            [
                f"{EXTENDS}: the run has trained {checkpoint.epoch} epochs; expected as many or more, "
                f"got {run.member.epochs}"
            ]
        )
    run.take_history(list(checkpoint.history))
    _follow_schedule(run)
    run.member.state = checkpoint.state
    try:
        take_up(run.member, run.plan.batch_size, run.plan.device)
    except TrainingError as error:
        raise RunFolderError(f"{checkpoint.path}: expected a checkpoint of this run: {error}") from error
    _end_if_over(run, checkpoint)


def _follow_schedule(run: Run) -> None:
    """Brings the scheduler to where the history ends."""
    learning_rate = run.member.learning_rate
    for row in run.history:
        if run.diverged(row):
            return
        epoch, lr = row[:2]
        if lr != learning_rate.value:
            raise ConfigError(
                [
                    f"scheduler: in epoch {epoch} the run had a learning rate of {lr}, and with trainer.epochs="
                    f"{run.plan.epochs} it would have had {learning_rate.value}: the schedule depends on the number of "
                    "epochs. Train another run with it"
                ]
            )
        train_loss, val_loss = run.losses(row)
        learning_rate.advance(train_loss if val_loss is None else val_loss)


def _end_if_over(run: Run, checkpoint: Checkpoint) -> None:
    """Marks a run that had come to its end, and was killed before it could say so."""
    if not run.history:
        return
    if run.diverged(run.history[-1]):
        run.status, run.reason = "diverged", str(DivergedError(checkpoint.epoch))
    elif checkpoint.epoch >= run.member.epochs:
        run.status = "finished"
    elif run.member.early_stopping.stops:
        run.status = "stopped_early"
    if run.over:
        run.state = checkpoint.state


def load(plan: Plan, folder: RunFolder) -> Run:
    """A run that has trained, from its folder.

    Raises:
        RunFolderError: the folder does not hold it, or holds that of another configuration or of other data.
    """
    weights = folder.read_model()["state_dict"]
    if plan.components.model_class is MLP:
        path = folder.path / MODEL
        require_no_larger(plan.components.model, plan.preprocessing, plan.loss.out_features, path)
    run = prepare(plan, folder)
    saved = (folder.result() or {}).get("provenance", {})
    for what, now in (("data", run.dataset.fingerprint), ("split", run.parts.fingerprint)):
        if saved.get(f"{what}_fingerprint") not in (None, now):
            raise RunFolderError(f"{folder.path}: its {what} has changed since it trained")
    try:
        run.member.module.load_state_dict(weights)
    except (RuntimeError, TypeError) as error:
        raise RunFolderError(
            f"{folder.path / MODEL}: expected a model of this project: its weights do not fit the network and the data "
            f"of its configuration, which may have changed since: {error}"
        ) from error
    run.take_history(folder.read_history(run.columns))
    return run


def check_monitor(monitor: str, task: Task, *, validates: bool) -> None:
    """Raises ConfigError for a watched column that the history will not have."""
    metric = task.history_column
    if monitor in ("val_loss", "train_loss") or (monitor == metric and validates):
        return
    columns = ["train_loss", "val_loss", "val_metric", *([metric] if validates else [])]
    raise ConfigError([f"early_stopping.monitor: expected one of {', '.join(columns)} for this data, got '{monitor}'"])

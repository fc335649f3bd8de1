"""The one place that decides whether a run begins, continues or is over."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlp_exp.config.by_data import Facts, for_data
from mlp_exp.errors import CheckpointVersionError, ConfigError, RunFolderError, TrainingError, counted
from mlp_exp.experiment.checkpoint import Checkpoint, find_checkpoint
from mlp_exp.experiment.configs import EXTENDS
from mlp_exp.experiment.course import Course, History
from mlp_exp.experiment.rates import require_same_curves
from mlp_exp.experiment.run import Run
from mlp_exp.experiment.spec import RunSpec
from mlp_exp.storage.run_folder import RunFolder
from mlp_exp.training.loop import restore_best
from mlp_exp.training.records import EpochRecord

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Start:
    """Where a run stands when a command comes to it.

    Attributes:
        checkpoint: that it continues from; None for a run that begins.
        result: of a run that is over; None for one that is to train.
    """

    checkpoint: Checkpoint | None = None
    result: Mapping[str, Any] | None = None


def find_start(spec: RunSpec, *, resumes: bool) -> Start:
    """Where a run stands, from its folder; makes room in it for a run that is to train.

    Args:
        resumes: whether the command continues what an earlier one began.

    Raises:
        RunFolderError: another run has left its files, a file is damaged, or another version has to continue it, which
            in a sweep begins anew instead.
        ConfigError: the folder holds a run of another configuration.
    """
    folder = RunFolder(spec.folder)
    result = folder.prepare(resumes=resumes)
    if not resumes or spec.mistake:  # which is said when the run is checked
        return Start()
    try:
        checkpoint = find_checkpoint(folder, spec.config)
    except RunFolderError as error:
        if result is not None and not _asks_for_more(spec, result):
            return Start(None, result)
        if not isinstance(error, CheckpointVersionError) or spec.sweep is None:
            raise
        log.warning("job %s begins anew: %s", spec.number, error)
        folder.discard_checkpoint()
        return Start()
    if result is not None and not (result["status"] == "finished" and _is_extended(spec, checkpoint)):
        return Start(checkpoint, result)
    return Start(checkpoint)


def _is_extended(spec: RunSpec, checkpoint: Checkpoint | None) -> bool:
    """Whether the command asks for other epochs than the run has; of a sweep, a finished run stays as it is."""
    if checkpoint is None or spec.sweep is not None:
        return False
    return bool(checkpoint.config["trainer"]["epochs"] != spec.config["trainer"]["epochs"])


def _asks_for_more(spec: RunSpec, result: Mapping[str, Any]) -> bool:
    """Whether the command asks for other epochs than a finished run has, whose checkpoint cannot be read."""
    asked = for_data(spec.values, Facts.of(result.get("task", ""), result.get("rows", 0)))["trainer"]["epochs"]
    return spec.sweep is None and result["status"] == "finished" and asked not in ("auto", result["epochs"])


def continue_from(run: Run, checkpoint: Checkpoint) -> None:
    """Restores what an earlier command has trained; marks a run that had ended and was killed before it said so.

    Raises:
        RunFolderError: the checkpoint is not that of such a run.
        ConfigError: with more epochs, earlier learning rates, decays or dropout rates would have been others.
    """
    if len(checkpoint.networks) != len(run.courses):
        raise RunFolderError(
            f"{checkpoint.path}: expected {len(run.courses)} networks, and it holds {len(checkpoint.networks)}"
        )
    columns = run.courses[0].columns
    if any(len(row) != len(columns) for network in checkpoint.networks for row in network.history):
        raise RunFolderError(f"{checkpoint.path}: expected rows of {', '.join(columns)} in its history")
    if run.trainee.epochs < checkpoint.epoch:
        raise ConfigError(
            [
                f"{EXTENDS}: the run has trained {counted(checkpoint.epoch, 'epoch')}; expected as many or more, "
                f"got {run.trainee.epochs}"
            ]
        )
    require_same_curves(run.plan.components, checkpoint.config)
    for course, (history, state) in zip(run.courses, checkpoint.networks, strict=True):
        if state:
            course.trainee.callbacks.restore(state.callbacks, stopped=state.stopped)
        record = _replay(course, history, run.plan.epochs)
        course.trainee.state = state
        try:
            restore_best(course.trainee, run.plan.batch_size, run.plan.device)
        except TrainingError as error:
            raise RunFolderError(f"{checkpoint.path}: expected a checkpoint of this run: {error}") from error
        if record:
            course.end(record)
            course.state = state if course.over else None


def _replay(course: Course, history: History, epochs: int) -> EpochRecord | None:
    """Brings the schedule and all that decides on records to where the history ends; returns the latest record."""
    record = None
    for row in history:
        lr = course.trainee.learning_rate.value
        record = course.replay(row)
        if record.error:
            raise record.error
        if record.lr != lr and not record.diverged:
            raise ConfigError(
                [
                    f"scheduler: in epoch {record.epoch} the run had a learning rate of {record.lr}, and with "
                    f"trainer.epochs={epochs} it would have had {lr}: the schedule depends on the number of "
                    "epochs. Train another run with it"
                ]
            )
    return record

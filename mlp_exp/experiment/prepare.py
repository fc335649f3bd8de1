"""From a plan to a run: one that begins, one that continues from its checkpoint, or one that has trained."""

import logging
from dataclasses import replace

import torch

from mlp_exp.data.row_hashes import evenly_spaced
from mlp_exp.engine.autograd import seed_torch
from mlp_exp.engine.streams import Streams
from mlp_exp.errors import RunFolderError
from mlp_exp.experiment.network import INITIAL_ROWS, build_network, check_network, initialise, require_no_larger
from mlp_exp.experiment.plan import Plan
from mlp_exp.experiment.rates import curve_of, parameter_factors
from mlp_exp.experiment.run import Run
from mlp_exp.experiment.start import continue_from
from mlp_exp.model.several import by_module
from mlp_exp.storage.run_folder import MODEL, RunFolder
from mlp_exp.training.callbacks.run_callbacks import RunCallbacks
from mlp_exp.training.loop import Trainee

log = logging.getLogger(__name__)


def prepare(plan: Plan, folder: RunFolder) -> Run:
    """Builds and initialises the network, and all else that the seed decides; continues from the plan's checkpoint."""
    components, loss = plan.components, plan.loss
    if components.stack and plan.alone:
        log.info("model.stack: the run trains alone: %s", plan.alone)
    begun = plan.checkpoint and any(network.state for network in plan.checkpoint.networks)
    if plan.checkpoint and begun and components.is_mlp:
        require_no_larger(components.model, plan.preprocessing, loss.out_features, plan.checkpoint.path)
    together = object() if plan.in_the_mean else None
    trainees = [replace(_trainee(plan, member), ensemble=together) for member in range(len(plan.members))]
    run = Run(plan, trainees, folder)
    if plan.checkpoint:
        continue_from(run, plan.checkpoint)
    return run


def _trainee(plan: Plan, member: int) -> Trainee:
    """A network of the run, with its rows and its random numbers."""
    components, trainer, loss = plan.components, plan.components.trainer, plan.loss
    streams = Streams(components.seed, member)
    data = plan.data(member)
    with torch.random.fork_rng(devices=[]):
        seed_torch(streams.weights)
        module = build_network(components.model, plan.preprocessing, loss.out_features)
        initialise(module, components.init, data.inputs[evenly_spaced(data.train, INITIAL_ROWS)])
        check_network(module, data.inputs[:2], loss.out_features)
    callbacks = RunCallbacks(components.callbacks())
    return Trainee(
        data=data,
        module=module,
        loss=loss,
        validation=plan.validation(member),
        callbacks=callbacks,
        keeps_gradients=bool(callbacks),
        optimizer=components.optimizer,
        optimizer_options=components.optimizer_options,
        learning_rate=components.learning_rate(plan.epochs, plan.steps),
        factors=parameter_factors(components, module),
        decay_curve=curve_of(components, "optimizer.decay_schedule"),
        dropout_curve=curve_of(components, "model.dropout_schedule"),
        early_stopping=plan.early_stopping(),
        streams=streams,
        epochs=plan.epochs,
        clip_grad_norm=trainer.clip_grad_norm,
        average=trainer.average,
        functional=plan.functional,
    )


def load(plan: Plan, folder: RunFolder) -> Run:
    """A run that has trained, from its folder.

    Raises:
        RunFolderError: the folder does not hold it, or holds that of another configuration or of other data.
    """
    model = folder.read_model()
    weights = model["state_dict"]
    if plan.components.is_mlp:
        path = folder.path / MODEL
        require_no_larger(plan.components.model, plan.preprocessing, plan.loss.out_features, path)
    run = prepare(plan, folder)
    result = folder.result() or {}
    saved = result.get("provenance", {})
    for what, now in (("data", run.dataset.fingerprint), ("split", run.parts.fingerprint)):
        if saved.get(f"{what}_fingerprint") not in (None, now):
            raise RunFolderError(f"{folder.path}: its {what} has changed since it trained")
    try:
        for trainee, own in zip(run.trainees, by_module(weights, len(run.trainees)), strict=True):
            trainee.module.load_state_dict(own)
    except (RuntimeError, TypeError) as error:
        raise RunFolderError(
            f"{folder.path / MODEL}: expected a model of this project: its weights do not fit the network and the data "
            f"of its configuration, which may have changed since: {error}"
        ) from error
    run.head = replace(
        run.head,
        temperature=model.get("temperature", 1.0),
        task=run.head.task.decided_at(model.get("thresholds", run.head.task.thresholds)),
    )
    columns = folder.history_columns
    if not set(run.columns) <= set(columns):
        folder.read_history(run.columns)  # raises, with what was expected
    run.columns = columns
    own_columns, histories = (columns, [folder.read_history(columns)])
    if len(run.courses) > 1:
        own_columns, histories = folder.read_member_histories()
    best_epochs = result.get("best_epochs", [result.get("best_epoch", 0)])
    if not len(histories) == len(best_epochs) == len(run.courses):
        raise RunFolderError(f"{folder.path}: expected histories and best epochs of {len(run.courses)} networks")
    for course, history, best_epoch in zip(run.courses, histories, best_epochs, strict=True):
        course.columns, course.history = own_columns, history
        course.trainee.early_stopping.best_epoch = best_epoch
    return run

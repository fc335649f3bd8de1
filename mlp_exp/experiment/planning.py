"""Makes plans: divides the data, fits the preprocessing, chooses loss, task and metrics."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mlp_exp.data.ensembles import MemberRows, alike
from mlp_exp.data.preprocessing import Preprocessing
from mlp_exp.data.splits.base import Parts, Rows, without_weightless
from mlp_exp.engine.streams import Streams
from mlp_exp.errors import ConfigError, SweeperError
from mlp_exp.experiment.checkpoint import Checkpoint
from mlp_exp.experiment.components import Components
from mlp_exp.experiment.job_context import active
from mlp_exp.experiment.plan import Plan
from mlp_exp.experiment.session import Session
from mlp_exp.experiment.spec import RunSpec
from mlp_exp.experiment.tryout import tried
from mlp_exp.tasks.head import Head
from mlp_exp.training.callbacks.run_callbacks import columns_of, require_free


def plan(components: Components) -> Plan:
    """Divides the data, and fits the preprocessing to the training part.

    Raises:
        DataError: the data cannot be used as asked.
        ConfigError: the loss does not fit the task, the device is not there, the network cannot train in a stack or on
            batches of one row, or a callback adds a column that the history has.
    """
    dataset, session = components.dataset, components.session
    parts, parts_key = _parts(components)
    key = (*parts_key, components.text("preprocess"), *["all rows"] * components.ensemble.divides)
    known = components.ensemble.all_rows(parts)
    preprocessing = session.keep(("preprocess", *key), lambda: components.preprocess.fit(dataset, known))
    members = _members(components, parts)
    callbacks = components.callbacks()
    columns = columns_of(callbacks)
    head = _head(components, preprocessing, known, columns, validates=len(members[0].val) > 0)
    if session.trains_here:
        components.trainer.torch_device()
    encoded: Sequence[NDArray[np.float32]] = ()
    if dataset.texts:  # once for all runs, before processes are forked: it is slow, and small
        encoded = session.keep(("encoded", *key), lambda: preprocessing.encoded(dataset.texts))
    made = Plan(components, parts, members, preprocessing, head, key, encoded)
    if components.is_mlp and components.config["model"].get("norm") == "batch" and made.batch_size == 1:
        which = "which has one row: the network would learn nothing. Use model.norm=layer, or a larger"
        raise ConfigError([f"model.norm: batch takes means over a batch, {which} trainer.batch_size"])
    if made.alone and len(members) > 1:
        raise ConfigError([f"ensemble: networks of one run train as one stack, and {made.alone}; use ensemble=none"])
    require_free(callbacks, made.columns)
    made = replace(made, callback_columns=columns)
    if not made.functional:
        return made
    return replace(made, tried=tried(components, preprocessing, made.data().inputs, made.loss.out_features))


def _members(components: Components, parts: Parts) -> list[MemberRows]:
    """The rows of each network; as many steps an epoch for all."""
    generator = Streams(components.seed).ensemble
    members = components.ensemble.divide(components.dataset, parts, components.split, generator)
    if len(members) == 1:
        return members
    fewest = min(len(member.train) for member in members)
    # a network of the user's own gets no padding
    return alike(members, components.trainer.batch_size_for(fewest) if components.is_mlp else fewest, generator)


def _head(
    components: Components, preprocessing: Preprocessing, known: Rows, columns: Sequence[str], *, validates: bool
) -> Head:
    """The loss, the task with the metrics that are asked for, and the scaling that the loss wants.

    Args:
        known: the rows that the preprocessing is fitted to.
        validates: whether there are validation rows.
    """
    dataset, loss = components.dataset, components.loss()
    task = loss.task(dataset.task, dataset.targets)
    monitor = components.early_stopping().monitor
    watches_metric = monitor.startswith("val_") and monitor not in ("val_loss", "val_metric", *columns)
    watched = [monitor.removeprefix("val_")] if watches_metric else []
    task = task.measured_by(components.metrics.chosen(task.known, task.defaults, task.example, watched))
    components.inference.check(task, validates=validates)
    loss.check(dataset.target)
    target = dataset.target[known]
    return Head(loss, task, components.inference.bounded(loss.scaling(target, preprocessing.target), target))


def plan_of(spec: RunSpec, session: Session, checkpoint: Checkpoint | None = None) -> Plan:
    """The plan of a run whose configuration is valid; made once a session, which a fork inherits.

    Args:
        checkpoint: that the run continues from.

    Raises:
        MlpExpError: `Components` or `plan` refuses it, its sweeper has the wrong direction, or the checkpoint is that
            of other data.
    """

    def make() -> Plan:
        with active(spec):
            made = plan(Components(spec.config, session))
            _require_direction(spec, made)
        return made

    made = session.keep(("plan", spec.folder), make)
    return made.continued_from(checkpoint) if checkpoint else made


def _parts(components: Components) -> tuple[Parts, tuple[str, ...]]:
    """The parts, and what they depend on: on the seed only where the split draws from the run's stream."""
    key: tuple[str, ...] = (components.text("data"), components.text("split"))

    def divide() -> tuple[Parts, bool]:
        generator = Streams(components.seed).split
        untouched = generator.bit_generator.state
        parts = components.split.parts(components.dataset, generator)
        parts = without_weightless(parts, components.dataset.weights)
        return parts, generator.bit_generator.state != untouched

    parts, draws = components.session.keep(("parts", *key), divide)
    if draws:
        key = (*key, str(components.seed))
        parts, _ = components.session.keep(("parts", *key), divide)
    return parts, key


def _require_direction(spec: RunSpec, plan: Plan) -> None:
    """Checks the direction of a sweeper that optimises: with the wrong one it would return the worst run.

    Raises:
        SweeperError: it minimises what is better when it is larger, or the other way round.
    """
    if spec.direction is None:
        return
    watched = plan.early_stopping()
    wanted = "maximize" if watched.larger_is_better else "minimize"
    if spec.direction != wanted:
        more = "larger" if watched.larger_is_better else "smaller"
        raise SweeperError(
            f"hydra.sweeper.direction: expected {wanted}, since a run returns its best {watched.monitor}, of which "
            f"{more} values are better, got {spec.direction}. Say so: hydra.sweeper.direction={wanted}"
        )

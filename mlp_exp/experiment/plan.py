"""A run before its network is made: its data is divided and scaled, and what it can be stacked with is known."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mlp_exp.config.components import is_component
from mlp_exp.data.preprocessing import Preprocessing
from mlp_exp.data.row_hashes import evenly_spaced, row_hashes
from mlp_exp.data.splits.base import Parts
from mlp_exp.engine import optimizers
from mlp_exp.engine.batches import MemberData, evaluation_shape, step_shape
from mlp_exp.engine.functional import METHOD, ROUNDING_TOLERANCE, TOLERANCE
from mlp_exp.engine.stackable import Tried
from mlp_exp.engine.streams import Streams
from mlp_exp.errors import ConfigError, RunFolderError, SweeperError
from mlp_exp.experiment.checkpoint import Checkpoint
from mlp_exp.experiment.components import Components
from mlp_exp.experiment.job_context import active
from mlp_exp.experiment.session import Session
from mlp_exp.experiment.spec import RunSpec
from mlp_exp.experiment.trial import tried
from mlp_exp.tasks.losses import Loss
from mlp_exp.tasks.rowwise import is_rowwise
from mlp_exp.tasks.task import Task, task_named
from mlp_exp.training.early_stopping import EarlyStopping

MEMBERS_OWN = {
    "model": frozenset({"dropout"}),
    "optimizer": frozenset({"lr", "weight_decay"}),
    "loss": frozenset({"label_smoothing", "class_weight"}),
}
"""Keys of groups that may differ within a stack; all other keys of these groups may not."""


@dataclass(frozen=True)
class Plan:
    """What a run will train on, and for how long.

    Attributes:
        encoded: the columns of texts as numbers `[N, …]`.
        key: says what the preprocessing depends on, for `Session`.
        checkpoint: that the run continues from; None for one that begins.
        tried: what the trial of a network shows that is `functional`.
    """

    components: Components
    parts: Parts
    preprocessing: Preprocessing
    loss: Loss
    key: tuple[str, ...]
    encoded: Sequence[NDArray[np.float32]] = ()
    checkpoint: Checkpoint | None = None
    tried: Tried | None = None

    @property
    def fingerprint(self) -> str:
        """Of the data and of how it is divided."""
        return f"{self.components.dataset.fingerprint} {self.parts.fingerprint}"

    @property
    def task(self) -> Task:
        return task_named(self.components.dataset.task)

    @property
    def epochs(self) -> int:
        return self.components.trainer.epochs_for(len(self.parts.train))

    @property
    def batch_size(self) -> int:
        return min(self.components.trainer.batch_size_for(len(self.parts.train)), len(self.parts.train))

    @property
    def steps(self) -> int:
        """In an epoch."""
        return step_shape(len(self.parts.train), self.batch_size)[0]

    @property
    def device(self) -> torch.device:
        return self.components.trainer.torch_device()

    def continued_from(self, checkpoint: Checkpoint) -> "Plan":
        """The same for a run that continues.

        Raises:
            RunFolderError: the checkpoint is that of other data.
        """
        if checkpoint.data != self.fingerprint:
            same_data = checkpoint.data.partition(" ")[0] == self.components.dataset.fingerprint
            raise RunFolderError(
                f"{checkpoint.path}: the {'split' if same_data else 'data'} has changed since the run began; train "
                "another run with it"
            )
        return replace(self, checkpoint=checkpoint)

    @property
    def stacks(self) -> bool:
        """Whether the run can train with others."""
        return self.alone is None

    @property
    def alone(self) -> str | None:
        """Why the run trains alone; None for one that can train with others."""
        components = self.components
        if not (components.is_mlp or components.stack):
            return "model.stack is false"
        if not optimizers.stacks(components.optimizer):
            return f"the optimizer {getattr(components.optimizer, '__name__', components.optimizer)} takes one network"
        return None if is_rowwise(self.loss) else f"a row's {type(self.loss).__name__} depends on other rows"

    @property
    def functional(self) -> bool:
        """Whether a network of the user's own trains as a stack, be it of one."""
        return self.components.stack and self.stacks

    @property
    def stacked_by(self) -> dict[str, Any] | None:
        """For the provenance of a `functional` run: how it trains, and within what it has the losses of one alone."""
        if not self.tried:
            return None
        return {"method": METHOD, "tolerance": ROUNDING_TOLERANCE if self.tried.rounding else TOLERANCE}

    def requirements(self) -> dict[str, Hashable]:
        """What must be equal in a stack, by the key of the configuration that a user would look at."""
        config, trainer = self.components.config, self.components.trainer
        own = dict(MEMBERS_OWN)
        if not is_component(config["loss"]["_target_"]):
            own["loss"] = frozenset()  # what the user's own loss makes of its settings is not known
        own["model"] = frozenset({"stack", *own["model"]}) if self.components.is_mlp else frozenset()
        found: dict[str, Hashable] = {
            f"{group}.{key}": repr(value)
            for group, free in own.items()
            for key, value in config[group].items()
            if key not in free
        }
        steps, batch = step_shape(len(self.parts.train), self.batch_size)
        validation = evaluation_shape(len(self.parts.val))
        made = self.preprocessing
        embeddings = (len(made.embedded), made.embedding_starts[-1], made.embedding_width) if made.embedded else None
        return found | {
            "trainer.batch_size": batch,
            "trainer.device": str(self.device),
            "trainer.threads": trainer.threads,
            "preprocess.log_target": made.target.log,
            "the number of classes": self.loss.out_features,
            "the number of inputs": made.inputs_width,
            "preprocess.embedding_width": embeddings,
            "the number of rows": (steps, validation),
            # a network of the user's own gets no padding
            "model.stack (the number of training rows)": None if self.components.is_mlp else len(self.parts.train),
            "the epoch of the checkpoint": self.checkpoint.epoch if self.checkpoint else 0,
        }

    def early_stopping(self) -> EarlyStopping:
        """A new one that knows its column.

        Raises:
            ConfigError: the history will not have that column.
        """
        early_stopping = self.components.early_stopping()
        validates = len(self.parts.val) > 0
        early_stopping.begin(self.task, validates=validates)
        monitor, metric = early_stopping.monitor, [self.task.history_column] if validates else []
        if monitor not in ("train_loss", "val_loss", *metric):
            expected = ", ".join(["train_loss", "val_loss", "val_metric", *metric])
            raise ConfigError([f"early_stopping.monitor: expected one of {expected} for this data, got '{monitor}'"])
        return early_stopping

    def data(self) -> MemberData:
        """The rows, ready for the network; runs with the same rows share them."""
        components, session = self.components, self.components.session
        dataset = components.dataset
        loss_key = (*self.key, components.text("loss"))

        def inputs() -> torch.Tensor:
            encoded = (self.encoded,) if self.encoded else ()  # the user's own preprocessing may know of none
            return torch.from_numpy(self.preprocessing.inputs(dataset.features, dataset.categories, *encoded))

        def target() -> NDArray[Any]:
            return self.preprocessing.target.scaled(dataset.target)

        return MemberData(
            session.table(("inputs", *self.key), inputs),
            session.table(("targets", *loss_key), lambda: torch.from_numpy(self.loss.encode(target()))),
            session.table(
                ("weights", *loss_key), lambda: torch.from_numpy(self.loss.row_weights(target(), self.parts.train))
            ),
            self.parts.train,
            self.parts.val,
        )

    def training_rows(self) -> torch.Tensor:
        """Hashes `[n]` of training rows as the network sees them; runs with the same rows share them."""

        def made() -> torch.Tensor:
            return torch.from_numpy(row_hashes(self.data().inputs[evenly_spaced(self.parts.train)].numpy()))

        return self.components.session.keep(("training rows", *self.key), made)


def plan(components: Components) -> Plan:
    """Divides the data, and fits the preprocessing to the training part.

    Raises:
        DataError: the data cannot be used as asked.
        ConfigError: the loss does not fit the task, the device is not there, or the network cannot train in a stack.
    """
    dataset, session = components.dataset, components.session
    parts, parts_key = _parts(components)
    key = (*parts_key, components.text("preprocess"))
    preprocessing = session.keep(("preprocess", *key), lambda: components.preprocess.fit(dataset, parts.train))
    loss = components.loss(dataset.task, len(dataset.class_names))
    components.trainer.torch_device()
    encoded: Sequence[NDArray[np.float32]] = ()
    if dataset.texts:  # once for all runs, before processes are forked: it is slow, and small
        encoded = session.keep(("encoded", *key), lambda: preprocessing.encoded(dataset.texts))
    made = Plan(components, parts, preprocessing, loss, key, encoded)
    if not made.functional:
        return made
    return replace(made, tried=tried(components, preprocessing, made.data().inputs, loss.out_features))


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

"""A run before its network is made: its data is divided and scaled, and what it can be stacked with is known."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mlp_exp.config.components import is_component
from mlp_exp.data.ensembles import MemberRows
from mlp_exp.data.preprocessing import Preprocessing
from mlp_exp.data.row_hashes import evenly_spaced, row_hashes
from mlp_exp.data.splits.base import Parts, Rows
from mlp_exp.engine import optimizers
from mlp_exp.engine.batches import MemberData, evaluation_shape, step_shape
from mlp_exp.engine.functional import METHOD, ROUNDING_TOLERANCE, TOLERANCE
from mlp_exp.engine.stackable import Tried
from mlp_exp.errors import ConfigError, RunFolderError
from mlp_exp.experiment.checkpoint import Checkpoint
from mlp_exp.experiment.components import Components
from mlp_exp.experiment.rates import has_factors
from mlp_exp.tasks.head import Head
from mlp_exp.tasks.losses import Loss
from mlp_exp.tasks.rowwise import is_rowwise
from mlp_exp.tasks.task import Task
from mlp_exp.training.early_stopping import EarlyStopping, mean_column
from mlp_exp.training.validation import Validation

MEMBERS_OWN = {
    "model": frozenset({"dropout", "dropout_schedule", "frequency_scale"}),
    "optimizer": frozenset({"lr", "weight_decay", "rates", "decays", "ntk", "decay_schedule"}),
    "loss": frozenset({"label_smoothing", "class_weight"}),
}
"""Keys of groups that may differ within a stack; all other keys of these groups may not."""


@dataclass(frozen=True)
class Plan:
    """What a run will train on, and for how long.

    Attributes:
        parts: as the split makes them.
        members: the rows of each network of an ensemble; of a single one those of the parts.
        head: what stands behind the network.
        encoded: the columns of texts as numbers `[N, …]`.
        key: says what the preprocessing depends on, for `Session`.
        checkpoint: that the run continues from; None for one that begins.
        tried: what the trial of a network shows that is `functional`.
        callback_columns: what callbacks add to the history.
    """

    components: Components
    parts: Parts
    members: Sequence[MemberRows]
    preprocessing: Preprocessing
    head: Head
    key: tuple[str, ...]
    encoded: Sequence[NDArray[np.float32]] = ()
    checkpoint: Checkpoint | None = None
    tried: Tried | None = None
    callback_columns: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Of the data and of how it is divided."""
        return f"{self.components.dataset.fingerprint} {self.parts.fingerprint}"

    @property
    def loss(self) -> Loss:
        return self.head.loss

    @property
    def task(self) -> Task:
        return self.head.task

    @property
    def train_rows(self) -> int:
        """How many rows a network trains with in an epoch; of an ensemble the fewest."""
        return min(len(member.train) for member in self.members)

    @property
    def val_rows(self) -> int:
        """How many rows a network is validated on; of an ensemble the most."""
        return max(len(member.val) for member in self.members)

    @cached_property
    def known_rows(self) -> Rows:
        """All rows that any network trains with or is validated on; those of the training part without an ensemble."""
        return self.components.ensemble.all_rows(self.parts)

    @cached_property
    def held_out_rows(self) -> Rows:
        """All rows, in order, that any network is validated on."""
        return np.unique(np.concatenate([member.val for member in self.members]))

    @property
    def measured_rows(self) -> dict[str, Rows]:
        """The rows that the metrics of each part are of, by its name; without parts that are empty."""
        rows = {"train": self.known_rows, "val": self.held_out_rows, "test": self.parts.test}
        return {name: own for name, own in rows.items() if len(own)}

    @cached_property
    def history_metrics(self) -> tuple[str, ...]:
        """The metrics of the validation part that the history has."""
        if not self.val_rows:
            return ()
        watched = self.task.metric_of(self.components.early_stopping().monitor)
        names = (self.task.history_metric, *self.components.metrics.history, watched)
        return tuple(dict.fromkeys(name for name in names if name))

    @property
    def columns(self) -> list[str]:
        """Those of the history; those of the validation part are left out where there is none."""
        validation = ["val_loss", *(f"val_{name}" for name in self.history_metrics)] if self.val_rows else []
        return ["epoch", "lr", "train_loss", *validation, *self.callback_columns, "seconds"]

    @property
    def in_the_mean(self) -> bool:
        """Whether the networks of an ensemble are all kept of the epoch that is best in their mean."""
        return len(self.members) > 1 and self.components.ensemble.epoch == "common"

    def own_columns(self, columns: Sequence[str]) -> list[str]:
        """Those of a network's history, where that of its run has these: perhaps one more, before the last."""
        shared = [mean_column(self.early_stopping().monitor)] if self.in_the_mean else []
        return [*columns[:-1], *shared, columns[-1]]

    @property
    def epochs(self) -> int:
        return self.components.trainer.epochs_for(self.train_rows)

    @property
    def batch_size(self) -> int:
        return min(self.components.trainer.batch_size_for(self.train_rows), self.train_rows)

    @property
    def steps(self) -> int:
        """In an epoch."""
        return step_shape(self.train_rows, self.batch_size)[0]

    @property
    def device(self) -> torch.device:
        """Where this process computes; the run may train elsewhere."""
        here = self.components.session.trains_here
        return self.components.trainer.torch_device() if here else torch.device("cpu")

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
        steps, batch = step_shape(self.train_rows, self.batch_size)
        validation = evaluation_shape(self.val_rows)
        made = self.preprocessing
        embeddings = (len(made.embedded), made.embedding_starts[-1], made.embedding_width) if made.embedded else None
        return found | {
            "optimizer.rates, decays or ntk (some or none)": has_factors(config["optimizer"]),
            "trainer.batch_size": batch,
            "trainer.device": str(self.device) if self.components.session.trains_here else trainer.device,
            "trainer.threads": trainer.threads,
            "the number of classes": (self.task.name, self.loss.out_features),
            "the number of inputs": (made.inputs_width, made.numbers_width),
            "preprocess.embedding_width": embeddings,
            "the number of rows": (steps, validation),
            # a network of the user's own gets no padding
            "model.stack (the number of training rows)": None if self.components.is_mlp else self.train_rows,
            "the epoch of the checkpoint": self.checkpoint.epoch if self.checkpoint else 0,
        }

    def early_stopping(self) -> EarlyStopping:
        """A new one that knows its column.

        Raises:
            ConfigError: the history will not have that column.
        """
        early_stopping = self.components.early_stopping()
        validates = self.val_rows > 0
        columns = ["train_loss", "val_loss", "val_metric", *(f"val_{name}" for name in self.history_metrics)]
        columns += self.callback_columns
        if early_stopping.monitor not in columns:
            known = [f"val_{name}" for name in self.task.known] if validates else []
            known += self.callback_columns
            raise ConfigError(
                [
                    f"early_stopping.monitor: expected one of {', '.join([*columns[:3], *known])} for this data, got "
                    f"'{early_stopping.monitor}'"
                ]
            )
        try:
            early_stopping.begin(self.task, validates=validates, epochs=self.epochs, in_the_mean=self.in_the_mean)
        except ValueError as error:
            raise ConfigError(
                [f"early_stopping.mode: expected min or max for '{early_stopping.monitor}', whose direction is unknown"]
            ) from error
        return early_stopping

    def validation(self, member: int = 0) -> Validation | None:
        """What the history says of a network's validation rows; None without them."""
        rows = self.members[member].val
        if not len(rows):
            return None
        dataset = self.components.dataset
        return Validation(self.head, self.history_metrics, dataset.target[rows], dataset.weights_of(rows))

    def data(self, member: int = 0) -> MemberData:
        """The rows, ready for a network; all networks and runs with the same preprocessing share one table."""
        components, session = self.components, self.components.session
        dataset = components.dataset
        loss_key = (*self.key, components.text("loss"))

        def inputs() -> torch.Tensor:
            encoded = (self.encoded,) if self.encoded else ()  # the user's own preprocessing may know of none
            return torch.from_numpy(self.preprocessing.inputs(dataset.features, dataset.categories, *encoded))

        def target() -> NDArray[Any]:
            return self.head.scaling.scaled(dataset.target)

        def weights() -> NDArray[np.float32]:
            train = self.known_rows
            if dataset.weights is None:
                found = self.loss.row_weights(target(), train)
            else:
                own = dataset.weights * self.loss.row_weights(target(), train, dataset.weights)
                # of mean 1 in training, as those of the loss, so that the learning rate keeps its meaning
                found = (own / own[train].mean()).astype(np.float32)
            self.loss.check_weights(found)
            return found

        return MemberData(
            session.table(("inputs", *self.key), inputs),
            session.table(("targets", *loss_key), lambda: torch.from_numpy(self.loss.encode(target()))),
            session.table(("weights", *loss_key), lambda: torch.from_numpy(weights())),
            *self.members[member],
            evaluated_as=self.val_rows,
        )

    def training_rows(self) -> torch.Tensor:
        """Hashes `[n]` of training rows as the network sees them; runs with the same rows share them."""

        def made() -> torch.Tensor:
            return torch.from_numpy(row_hashes(self.data().inputs[evenly_spaced(self.known_rows)].numpy()))

        return self.components.session.keep(("training rows", *self.key), made)

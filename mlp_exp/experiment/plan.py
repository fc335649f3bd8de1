"""A run before its network is made: its data is divided and scaled, and it is known what it can be stacked with."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray

from mlp_exp.data.preprocessing import Preprocessing
from mlp_exp.data.splits.base import Parts
from mlp_exp.engine import optimizers
from mlp_exp.engine.batches import MemberData, evaluation_shape, step_shape
from mlp_exp.engine.streams import Streams
from mlp_exp.errors import RunFolderError
from mlp_exp.experiment.checkpoint import Checkpoint
from mlp_exp.experiment.components import Components
from mlp_exp.model.mlp import MLP
from mlp_exp.tasks.losses import Loss
from mlp_exp.tasks.task import Task, task_named

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
        key: says what the preprocessing depends on, for `Shared`.
        checkpoint: how far an earlier command has trained the run; None for one that begins.
    """

    components: Components
    parts: Parts
    preprocessing: Preprocessing
    loss: Loss
    key: tuple[str, ...]
    checkpoint: Checkpoint | None = None

    @property
    def task(self) -> Task:
        return task_named(self.components.dataset.task)

    @property
    def fingerprint(self) -> str:
        """Of the data and of how it is divided."""
        return f"{self.components.dataset.fingerprint} {self.parts.fingerprint}"

    @property
    def epochs(self) -> int:
        return self.components.trainer.epochs_for(len(self.parts.train))

    @property
    def batch_size(self) -> int:
        return min(self.components.trainer.batch_size_for(len(self.parts.train)), len(self.parts.train))

    @property
    def device(self) -> torch.device:
        return self.components.trainer.torch_device()

    @property
    def stacks(self) -> bool:
        """Whether the run can train with others; a user's own network or optimizer trains alone."""
        return self.components.model_class is MLP and optimizers.stacks(self.components.optimizer)

    def requirements(self) -> dict[str, Hashable]:
        """What must be equal in a stack, by the key of the configuration that a user would look at."""
        config, trainer = self.components.config, self.components.trainer
        own = dict(MEMBERS_OWN)
        if not type(self.loss).__module__.startswith("mlp_exp."):
            own["loss"] = frozenset()  # what the user's own loss makes of its settings is not known
        found: dict[str, Hashable] = {
            f"{group}.{key}": repr(value)
            for group, free in own.items()
            for key, value in config[group].items()
            if key not in free
        }
        steps, batch = step_shape(len(self.parts.train), self.batch_size)
        validation = evaluation_shape(len(self.parts.val))
        return found | {
            "trainer.batch_size": batch,
            "trainer.device": str(self.device),
            "trainer.threads": trainer.threads,
            "preprocess.log_target": self.preprocessing.target.log,
            "the number of classes": self.loss.out_features,
            "the number of inputs": self.preprocessing.inputs_width,
            "preprocess.embedding_width": self._embedding_sizes,
            "the number of rows": (steps, validation),
            "the epoch of the checkpoint": self.checkpoint.epoch if self.checkpoint else 0,
        }

    @property
    def _embedding_sizes(self) -> tuple[int, int, int] | None:
        """Columns, rows and width; None where there are no embeddings."""
        made = self.preprocessing
        return (len(made.embedded), made.embedding_starts[-1], made.embedding_width) if made.embedded else None

    def data(self) -> MemberData:
        """The rows, ready for the network; runs with the same rows share them."""
        components, shared = self.components, self.components.shared
        dataset = components.dataset
        loss_key = (*self.key, components.text("loss"))

        def target() -> NDArray[Any]:
            return self.preprocessing.target.scaled(dataset.target)

        return MemberData(
            shared.table(
                ("inputs", *self.key),
                lambda: torch.from_numpy(self.preprocessing.inputs(dataset.features, dataset.categories)),
            ),
            shared.table(("targets", *loss_key), lambda: torch.from_numpy(self.loss.encode(target()))),
            shared.table(
                ("weights", *loss_key), lambda: torch.from_numpy(self.loss.row_weights(target(), self.parts.train))
            ),
            self.parts.train,
            self.parts.val,
        )


def plan(components: Components, checkpoint: Checkpoint | None = None) -> Plan:
    """Divides the data, and takes the figures of preprocessing from the training part.

    Args:
        checkpoint: to go on from.

    Raises:
        DataError: the data cannot be used as asked.
        ConfigError: the loss does not fit the task, or the device is not there.
        RunFolderError: the checkpoint is that of other data.
    """
    dataset, shared = components.dataset, components.shared
    parts, parts_key = _parts(components)
    key = (*parts_key, components.text("preprocess"))
    preprocessing = shared.keep(("preprocess", *key), lambda: components.preprocess.fit(dataset, parts.train))
    loss = components.loss(dataset.task, len(dataset.class_names))
    components.trainer.torch_device()
    made = Plan(components, parts, preprocessing, loss, key, checkpoint)
    if checkpoint and checkpoint.data != made.fingerprint:
        what = "split" if checkpoint.data.partition(" ")[0] == dataset.fingerprint else "data"
        raise RunFolderError(
            f"{checkpoint.path}: the {what} has changed since the run began; train another run with it"
        )
    return made


def _parts(components: Components) -> tuple[Parts, tuple[str, ...]]:
    """The parts, and what they depend on: on the seed only where the split draws from the run's stream."""
    key: tuple[str, ...] = (components.text("data"), components.text("split"))

    def divide() -> tuple[Parts, bool]:
        generator = Streams(components.seed).split
        untouched = generator.bit_generator.state
        parts = components.split.parts(components.dataset, generator)
        return parts, generator.bit_generator.state != untouched

    parts, draws = components.shared.keep(("parts", *key), divide)
    if draws:
        key = (*key, str(components.seed))
        parts, _ = components.shared.keep(("parts", *key), divide)
    return parts, key

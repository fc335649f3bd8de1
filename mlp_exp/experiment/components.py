"""The components of a run, built from its configuration."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn
from torch.optim import Optimizer

from mlp_exp.config.by_data import Facts, for_data
from mlp_exp.config.components import (
    INFERENCE,
    METRICS,
    NO_BASELINES,
    NO_ENSEMBLE,
    NO_TRACKER,
    public_name,
)
from mlp_exp.config.named_files import placed
from mlp_exp.config.shared import shared
from mlp_exp.config.targets import locate
from mlp_exp.data.dataset import Dataset
from mlp_exp.data.ensembles import Ensemble
from mlp_exp.data.preprocessing import Preprocess
from mlp_exp.data.splits.base import Split
from mlp_exp.display.progress import open_with_progress
from mlp_exp.display.tables import print_columns
from mlp_exp.errors import ConfigError
from mlp_exp.experiment.baselines.standard import NoBaselines
from mlp_exp.experiment.building import build_group, build_loss, factory_of
from mlp_exp.experiment.configs import resolved, with_epochs
from mlp_exp.experiment.session import Session
from mlp_exp.model.initial_weights import DataDrivenInit, DefaultInit, WeightInit
from mlp_exp.model.mlp import MLP
from mlp_exp.tasks.calibration import Inference
from mlp_exp.tasks.losses import Loss
from mlp_exp.tasks.metrics.chosen import Metrics
from mlp_exp.trackers.none import NoTracker
from mlp_exp.trackers.tracker import Tracker
from mlp_exp.training.callbacks.callback import Callback
from mlp_exp.training.curves import Curve
from mlp_exp.training.early_stopping import EarlyStopping
from mlp_exp.training.schedulers import CurveRate, LearningRate
from mlp_exp.training.trainer import Trainer

log = logging.getLogger(__name__)

ABSENT = {"metrics": METRICS, "inference": INFERENCE, "baselines": NO_BASELINES, "ensemble": NO_ENSEMBLE}
"""Groups that configurations of earlier versions lack, and what stands for them."""


SPANS = {
    "torch.optim.lr_scheduler.CosineAnnealingLR": "T_max",
    "torch.optim.lr_scheduler.OneCycleLR": "total_steps",
    public_name("warmup_cosine"): "epochs",
}
"""Schedulers with the key that says how long the whole schedule is."""


class Components:
    """What a configuration stands for.

    Loss, network and scheduler are built when the data is known that they depend on; early stopping, callbacks and
    tracker when the run begins, each time anew. The data is read first: other values may depend on its task.

    Args:
        config: a valid configuration as plain values, with references.
        session: what other runs have read and made already.

    Attributes:
        config: the resolved configuration with the values of the data's task, without the tracker, on which no result
            depends.
        source: all of it as it is saved, to be resumed: with references, and values by task.

    Raises:
        ConfigError: a component refuses its settings, or the data is not a `Dataset`.
    """

    def __init__(self, config: Mapping[str, Any], session: Session) -> None:
        values = resolved(config)
        self.source = shared(config)
        self.config = {key: value for key, value in values.items() if key != "tracker"}
        self.session = session
        self._tracker: dict[str, Any] = values.get("tracker", {"_target_": NO_TRACKER})
        self.seed: int = values["seed"]
        self.split: Split = self._build("split")
        self.dataset = self._dataset()
        self.config = shared(self._for_data(self.config))
        optimizer = factory_of(session, "optimizer", self.config["optimizer"]).make
        self.optimizer: Callable[..., Optimizer] = optimizer.func
        self.optimizer_options = dict(optimizer.keywords)
        if "lr" not in self.optimizer_options:
            name = self.config["optimizer"]["_target_"].rpartition(".")[2]
            raise ConfigError(
                [f"optimizer._target_: {name} takes no 'lr', which the scheduler sets; add that argument"]
            )
        self.trainer: Trainer = self._build("trainer")
        self.preprocess: Preprocess = self._build("preprocess")
        self.init: DefaultInit | WeightInit | DataDrivenInit = self._build("init")
        self.metrics: Metrics = self._build("metrics")
        self.inference: Inference = self._build("inference")
        self.baselines: NoBaselines = self._build("baselines")
        self.ensemble: Ensemble = self._build("ensemble")

    @property
    def facts(self) -> Facts:
        """What values of the configuration may depend on."""
        return Facts.of(self.dataset.task, len(self.dataset.target))

    def _for_data(self, config: dict[str, Any]) -> dict[str, Any]:
        return for_data(config, self.facts)

    def _build(self, group: str, **supplied: Any) -> Any:
        node = self.config.get(group) or {"_target_": ABSENT[group]}
        return build_group(self.session, group, placed(group, node, self.session.files), **supplied)

    def _dataset(self) -> Dataset:
        node = self.config["data"]

        def read() -> Dataset:
            dataset = self._build("data", split=self.split, open_file=open_with_progress)
            if not isinstance(dataset, Dataset):
                raise ConfigError([f"data._target_: expected a Dataset to be returned, got {type(dataset).__name__}"])
            if self.session.shows_data and dataset.columns:
                print_columns(dataset)
            return dataset.at_most(node.get("max_rows"))

        aside = repr((self.split.aside, self.split.aside_is_feature))
        return self.session.keep(("data", self.text("data"), aside), read)

    def text(self, group: str) -> str:
        """A group of the configuration, to be compared with that of other runs."""
        return repr(self.config[group])

    def loss(self) -> Loss:
        return build_loss(self.session, self.config["loss"], self.dataset.task, self.dataset.targets)

    @property
    def is_mlp(self) -> bool:
        """Whether the network is our own, which trains in stacks."""
        return locate(self.config["model"]["_target_"]) is MLP

    @property
    def stack(self) -> bool:
        """Whether a network of the user's own is to train in stacks."""
        return not self.is_mlp and bool(self.config["model"].get("stack", False))

    def model(self, in_features: int, out_features: int, numbers: int) -> nn.Module:
        """The network as configured, of which the first inputs are `numbers` scaled numbers."""
        module: nn.Module = self._build("model", in_features=in_features, out_features=out_features, numbers=numbers)
        return module

    def learning_rate(self, epochs: int, steps: int) -> LearningRate | CurveRate:
        """That of the optimizer, by the scheduler, which knows how long the training is.

        Args:
            epochs: of the training, as the data asks for it.
            steps: in an epoch.

        Raises:
            ConfigError: the schedule is shorter than the training.
        """
        node = self.config["scheduler"]
        if self.config["trainer"]["epochs"] != epochs:
            node = self._for_data(resolved(with_epochs(self.source, epochs)))["scheduler"]
        by_step = node.get("interval") == "step"
        lr = float(self.optimizer_options["lr"])
        target = locate(node["_target_"])
        if isinstance(target, type) and issubclass(target, Curve):
            curve: Curve = build_group(self.session, "scheduler", node)
            return CurveRate(lr, curve, epochs, steps if by_step else None)
        # in a model's configuration a reference to trainer.epochs, by any key, is resolved, and may be auto
        anywhere = self.config["trainer"]["epochs"] == "auto"
        spans = [key for key, value in node.items() if value == "auto" and (anywhere or key in SPANS.values())]
        node = node | dict.fromkeys(spans, epochs * (steps if by_step else 1))
        if by_step:
            _require_all_steps(node, epochs, steps)
        return LearningRate(
            lr,
            lambda optimizer: build_group(self.session, "scheduler", node, optimizer=optimizer),
            steps if by_step else None,
        )

    def early_stopping(self) -> EarlyStopping:
        early_stopping: EarlyStopping = self._build("early_stopping")
        return early_stopping

    def callbacks(self) -> dict[str, Callback]:
        """New ones by name; ConfigError for what is no callback."""
        built = {}
        for name, node in self.config.get("callbacks", {}).items():
            built[name] = build_group(self.session, f"callbacks.{name}", node)
            if not isinstance(built[name], Callback):
                found = type(built[name]).__name__
                raise ConfigError([f"callbacks.{name}._target_: expected a mlp_exp.components.Callback, got {found}"])
        return built

    def tracker(self) -> Tracker | NoTracker:
        tracker = build_group(self.session, "tracker", self._tracker)
        if not isinstance(tracker, Tracker | NoTracker):
            raise ConfigError([f"tracker._target_: expected a Tracker, got {type(tracker).__name__}"])
        return tracker


def _require_all_steps(node: Mapping[str, Any], epochs: int, steps: int) -> None:
    """Raises ConfigError for a schedule by step that is over before the training."""
    key = SPANS.get(node["_target_"], "")
    if key in node and node[key] < epochs * steps:
        raise ConfigError(
            [
                f"scheduler.{key}: with scheduler.interval=step it is a number of steps, of which the training has "
                f"{epochs * steps} ({epochs} epochs of {steps}); expected auto, which is all of them, or as many or "
                f"more, got {node[key]}"
            ]
        )
